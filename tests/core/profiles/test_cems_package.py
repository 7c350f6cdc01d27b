"""The package of Copernicus EMS, read by the service's published field tables, by openpyxl and by GDAL's own tools."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from cems_reader import read_package
from described import MADE, captured, edition, frame, layers
from flood_products import with_area
from qgis_headless import in_qgis

from tasks.core.errors import UnusableArgument
from tasks.core.product.assessment import objects
from tasks.core.product.attributes import described
from tasks.core.product.edition import Edition
from tasks.core.product.layer import FailedTile, Layer, table
from tasks.core.product.layer_assembly import assemble
from tasks.core.profiles.cems_layers import NOT_AVAILABLE, cems_layers
from tasks.core.profiles.cems_package import FOLDER, write_cems
from tasks.core.profiles.cems_summary import EXPOSURE
from tasks.core.profiles.event_codes import event_code
from tasks.core.reports.run_json import totals

STEM = "FL-2022-000161-AUS_AOI01_DEL_PRODUCT"
LAYERS = ("observedEventA", "areaOfInterestA", "imageFootprintA", "notAnalysedA")


def _edition(**changes: Any) -> Edition:
    """Of the tiles a, b and c, of which c failed."""
    sources = tuple(replace(frame(number), tile=tile) for number, tile in enumerate("abc", 1))
    return edition(**{"sources": sources, **changes})


def _described(**changes: Any) -> list[Layer]:
    return described(layers(), _edition(**changes))


def _area_ha(base: str) -> float:
    return sum(float(one.columns["area_m2"].sum()) for one in layers() if one.base == base) / 10_000


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of two frames with flood and one that failed."""
    folder = tmp_path_factory.mktemp("product")
    assert write_cems(_described(), _edition(), folder, MADE) == ()
    return folder / FOLDER


def test_a_reader_of_the_published_tables_finds_no_fault(package: Path) -> None:
    """Names, fields, types, domains, keys, dates and copies are as published; the figures are the product's own."""
    found = read_package(package)
    own = totals(_described())
    assert found.faults == []
    assert round(found.flooded_ha, 4) == own["flooded_ha"]
    assert found.measured_flooded_ha == pytest.approx(found.flooded_ha, rel=1e-5)
    assert found.analysed_ha == pytest.approx(_area_ha("area_observed"), rel=1e-5)


def test_the_reader_sees_what_is_not_as_published(tmp_path: Path) -> None:
    """An unknown method, a key that leads nowhere and a date of another form are named: the reader is not blind."""
    wrong = [
        replace(one, columns={**one.columns, "src_id": np.full(len(one), 9), "det_method": objects(["eye"] * len(one))})
        if one.base == "flood_extent"
        else one
        for one in _described()
    ]
    write_cems(wrong, _edition(), tmp_path, MADE)
    faults = read_package(tmp_path / FOLDER).faults
    assert "observedEventA: det_method is 'eye'" in faults
    assert "observedEventA: dmg_src_id 9 is not in source" in faults


def test_files_are_named_as_copernicus_ems_names_them(package: Path) -> None:
    """Event, area, product, layer and version; a table has no shapes, the GeoPackage no layer in its name."""
    wanted = {f"{STEM}_{name}_v2.{end}" for name in LAYERS for end in ("shp", "shx", "dbf", "prj", "cpg", "json")}
    wanted |= {f"{STEM}_source_v2.{end}" for end in ("dbf", "cpg", "json")}
    wanted |= {f"{STEM}_v2.gpkg", f"{STEM}_summaryTable_v2.xlsx"}
    assert {path.name for path in package.iterdir()} == wanted


@pytest.mark.parametrize(
    ("time", "date", "clock"),
    [
        ("2022-02-28T03:04:05Z", "28/02/2022", "T03:04:05Z"),
        ("2022-03-01T05:04+10:00", "28/02/2022", "T19:04:00Z"),
        ("2022-02-28", "28/02/2022", NOT_AVAILABLE),
        ("2022-02", NOT_AVAILABLE, NOT_AVAILABLE),
    ],
)
def test_a_date_is_no_finer_than_it_is_known(time: str, date: str, clock: str) -> None:
    """Days and times are written in UTC; a month alone is no day, and a day has no time."""
    source = replace(frame(1), tile="a", captured=captured(time))
    columns = cems_layers([], _edition(sources=(source,))).source.columns
    assert (columns["src_date"][0], columns["source_tm"][0]) == (date, clock)


def test_what_nobody_knows_of_a_frame_is_not_available() -> None:
    """A frame without time, pixel size and sensor says so, and is called by its file."""
    source = replace(frame(1, None, gsd_m=None, sensor=None), tile="a")
    columns = cems_layers([], _edition(sources=(source,))).source.columns
    row = [values[0] for values in columns.values()]
    assert row == ["a", NOT_AVAILABLE, NOT_AVAILABLE, NOT_AVAILABLE, "Post-event", 1]


def test_normal_water_and_traces_are_no_event() -> None:
    """What was wet before, and what was wet and is dry now, comes into no layer."""
    others = [with_area("normal_water", 9.0), with_area("flood_trace", 9.0), with_area("excluded", 9.0)]
    plain, more = cems_layers(_described(), _edition()), cems_layers([*_described(), *others], _edition())
    for one, other in zip(plain[:5], more[:5], strict=True):
        np.testing.assert_array_equal(one.geometries, other.geometries)


def test_a_frame_of_unknown_place_is_told_and_in_the_table(tmp_path: Path) -> None:
    """It has no footprint, so that it says nothing of any ground; a warning names how many there are."""
    lost = FailedTile("lost", "prepare", "no CRS", 0.0)
    sources = (replace(frame(1), tile="lost"),)
    found = described(assemble([], [lost], 0.0), _edition(sources=sources))
    (warning,) = write_cems(found, _edition(sources=sources), tmp_path, MADE)
    package = read_package(tmp_path / FOLDER)
    assert "the place of 1 frames is not known" in warning
    assert [len(rows) for rows in package.layers.values()] == [0, 0, 0, 0, 1]


def test_a_name_too_long_for_a_dbase_table_is_not_cut(tmp_path: Path) -> None:
    """It is left out of the table, with a warning that names a file which has it."""
    source = replace(frame(1, sensor=None), tile="a" * 300)
    (*_, warning) = write_cems([], _edition(sources=(source,)), tmp_path, MADE)
    assert f"{STEM}_source_v2.dbf has no field source_nam: a text has 300 bytes" in warning
    assert warning.endswith(f"Use {FOLDER}/{STEM}_v2.gpkg")


def test_an_event_without_a_code_is_refused() -> None:
    """Files cannot be named after nothing, nor after letters outside ASCII alone; the message says what can be."""
    assert event_code("EMSR692") == "EMSR692"
    assert event_code("Überflutung 2022/3_a") == "Uberflutung-2022-3-a"
    for unusable in (None, "", "洪水"):
        with pytest.raises(UnusableArgument, match="such as EMSR692"):
            event_code(unusable)


def test_a_package_replaces_the_one_before(tmp_path: Path) -> None:
    """Of another release nothing stays; the same layers at the same time give the same bytes."""
    write_cems(_described(), _edition(release=1), tmp_path, MADE)
    write_cems(_described(), _edition(), tmp_path, MADE)
    first = {path.name: path.read_bytes() for path in (tmp_path / FOLDER).iterdir()}
    write_cems(_described(), _edition(), tmp_path, MADE)
    assert {path.name: path.read_bytes() for path in (tmp_path / FOLDER).iterdir()} == first
    assert not [name for name in first if "_v1." in name]


def _exposure() -> Layer:
    """Roads, and buildings of two classes, as ``exposure_summary`` counts them."""
    numbers = {"number": [5, 10], "n_flooded": [1, 2], "n_partly": [1, 3], "n_notass": [1, 1], "n_partnot": [0, 1]}
    numbers |= {"n_outside": [1, 2], "n_nogeom": [0, 1]}
    nan = np.nan
    amounts = {"length_m": [9000.0, nan], "flood_m": [1500.0, nan], "notass_m": [500.0, nan], "out_m": [1000.0, nan]}
    amounts |= {"area_m2": [nan, 8000.0], "flood_m2": [nan, 900.0], "notass_m2": [nan, 100.0], "out_m2": [nan, 1000.0]}
    columns = {name: np.array(values) for name, values in (numbers | amounts).items()}
    texts = {"input": ["roads.gpkg", "town.gpkg"], "kind": ["line", "polygon"], "class": [None, "shed"]}
    return table(EXPOSURE, {**{name: objects(values) for name, values in texts.items()}, **columns})


def test_the_summary_table_tells_what_was_not_analysed(tmp_path: Path) -> None:
    """Flood in hectares, lines in kilometres, polygons in hectares and by number, each with what nobody knows."""
    write_cems([*_described(), _exposure()], _edition(), tmp_path, MADE)
    own = totals(_described())
    sheet = openpyxl.load_workbook(next((tmp_path / FOLDER).glob("*.xlsx"))).active
    head, flood, *exposed = sheet.iter_rows(values_only=True)
    assert head == ("Category", "Unit of measurement", "Affected", "Total in AOI", "Not analysed")
    assert flood[:3] == ("Flooded area", "ha", pytest.approx(own["flooded_ha"], abs=1e-4))
    assert flood[3] - flood[4] == pytest.approx(own["observed_ha"], abs=2e-4)
    assert exposed == [
        ("roads.gpkg", "km", 1.5, 8.0, 0.5),
        ("town.gpkg: shed", "ha", 0.09, 0.7, 0.01),
        ("town.gpkg: shed", "Nr", 5, 7, 2),
    ]


def test_gdal_finds_every_polygon_valid(package: Path) -> None:
    """Another GDAL, with SpatiaLite, opens each shapefile and counts no invalid geometry."""
    program = shutil.which("ogrinfo")
    if program is None:
        pytest.skip("no ogrinfo on this machine: apt-get install gdal-bin")
    for path in package.glob("*.shp"):
        query = f'SELECT count(*) AS n FROM "{path.stem}" WHERE NOT ST_IsValid(geometry)'  # noqa: S608 - a file of ours
        call = [program, "-ro", "-q", "-dialect", "sqlite", "-sql", query, path]
        done = subprocess.run(call, capture_output=True, text=True, check=True)
        assert "n (Integer) = 0" in done.stdout, path.name


@pytest.mark.slow
def test_qgis_opens_every_file(package: Path, tmp_path: Path) -> None:
    """QGIS finds each layer valid: as shapefile, as GeoJSON, as table, and in the GeoPackage."""
    sources = {path.name: str(path) for path in package.iterdir() if path.suffix in (".shp", ".json")}
    sources["table"] = str(package / f"{STEM}_source_v2.dbf")
    database = package / f"{STEM}_v2.gpkg"
    sources |= {name: f"{database}|layername={name}_v2" for name in (*LAYERS, "source")}
    assert all(about["valid"] for about in in_qgis({"sources": sources}, tmp_path).values())
