"""The vector files of the product, read back with GDAL and, where GDAL could hide a fault, byte by byte."""

import resource
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio.crs
import shapely
from pyogrio import raw
from shapely import MultiPolygon, Polygon, box

from tasks.core.errors import UnusableArgument
from tasks.core.formats import geopackage, product_files, product_shapefiles, shapefile_writer
from tasks.core.geo.grid import Grid
from tasks.core.polygons.tile_extent import extract
from tasks.core.product.layer import AnsweredTile, FailedTile, Layer, table
from tasks.core.product.layer_assembly import assemble

CRS = "EPSG:7855"
MADE = datetime(2026, 3, 9, 23, 59, 58, 7_000, UTC)
# Counterclockwise outer ring, clockwise hole: the wrong way round for a shapefile.
DOUGHNUT = shapely.orient_polygons(Polygon(box(0, 0, 10, 10).exterior, [box(2, 2, 4, 4).exterior]))


def _array(*geometries: object) -> np.ndarray:
    array = np.empty(len(geometries), dtype=object)
    array[:] = geometries
    return array


def _texts(*texts: str) -> np.ndarray:
    return np.array(texts, dtype=object)


def _extent(*polygons: Polygon, suffix: str = "") -> Layer:
    numbers = np.arange(1, len(polygons) + 1, dtype=np.int64)
    areas = np.array([polygon.area for polygon in polygons], dtype=np.float64)
    columns = {"flood_id": numbers, "area_m2": areas, "tile_count": numbers}
    return Layer("flood_extent", "Polygon", CRS, _array(*polygons), columns, suffix)


def _by_tile(*rows: tuple[int, str, MultiPolygon], suffix: str = "") -> Layer:
    columns = {
        "flood_id": np.array([row[0] for row in rows], dtype=np.int64),
        "tile": _texts(*(row[1] for row in rows)),
        "area_m2": np.array([row[2].area for row in rows], dtype=np.float64),
    }
    return Layer("flood_extent_by_tile", "MultiPolygon", CRS, _array(*(row[2] for row in rows)), columns, suffix)


def _tiles(states: dict[str, str], suffix: str = "") -> Layer:
    geometries = _array(
        *(None if state == "failed" else MultiPolygon([box(0, 0, 20, 20)]) for state in states.values())
    )
    columns = {"tile": _texts(*states), "state": _texts(*states.values())}
    return Layer("tiles", "MultiPolygon", CRS, geometries, columns, suffix)


def _not_assessed(*errors: str) -> Layer:
    columns = {
        "tile": _texts(*(f"{number}.jp2" for number in range(len(errors)))),
        "error": _texts(*errors),
        "observed_elsewhere": np.full(len(errors), 0.25),
        "area_m2": np.zeros(len(errors)),
    }
    return Layer("not_assessed", "MultiPolygon", CRS, _array(*(None for _ in errors)), columns)


def _product(*errors: str) -> list[Layer]:
    flood = MultiPolygon([DOUGHNUT])
    observed = Layer(
        "area_observed", "MultiPolygon", CRS, _array(MultiPolygon([box(0, 0, 20, 20)])), {"area_m2": np.array([400.0])}
    )
    states = {"a.jp2": "done", "sub/Ü 洪.JP2": "done", "bad.jp2": "failed", "glare.jp2": "dropped"}
    return [_extent(DOUGHNUT), _by_tile((1, "a.jp2", flood)), observed, _not_assessed(*errors), _tiles(states)]


def test_the_geopackage_holds_every_layer_in_order(tmp_path: Path) -> None:
    """GDAL reads back geometries, values, types and CRS exactly, of empty layers the fields."""
    product_files.write_layers(_product(), tmp_path)
    path = tmp_path / "flood_extent.gpkg"

    assert [name for name, _ in pyogrio.list_layers(path)] == [*(layer.name for layer in _product()), "layer_styles"]
    for layer in _product():
        meta, _, geometries, values = raw.read(path, layer=layer.name)
        assert list(meta["fields"]) == list(layer.columns)
        assert (meta["crs"], meta["geometry_type"], len(geometries)) == (CRS, layer.geometry_type, len(layer))
        assert shapely.from_wkb(geometries).tolist() == layer.geometries.tolist()
        for read, written in zip(values, layer.columns.values(), strict=True):
            assert read.dtype == written.dtype
            assert read.tolist() == written.tolist()


def test_what_is_not_known_is_null(tmp_path: Path) -> None:
    """A failed tile has no figures, one of unknown place no area, and each layer states what it cannot tell."""
    grid = Grid(10, 10, (1.0, 0.0, 500_000.0, 0.0, -1.0, 6_000_000.0), CRS)
    extent = extract(np.ones((10, 10), np.uint8), np.ones((10, 10), bool), grid, [1])
    answered = AnsweredTile("a.jp2", grid, extent, 1.0)
    product_files.write_layers(assemble([answered], [FailedTile("bad.jp2", "prepare", "?", 0.0)], 0.0), tmp_path)
    with sqlite3.connect(tmp_path / "flood_extent.gpkg") as database:
        rows = database.execute("select flood_m2, observed_m2, pad_px, overlap_m2 from tiles order by tile").fetchall()
        lost = database.execute("select area_m2, observed_elsewhere from not_assessed").fetchall()
        about = dict(database.execute("select table_name, description from gpkg_contents").fetchall())
    assert rows[0] == (pytest.approx(100, rel=1e-2), pytest.approx(100, rel=1e-2), 0, 0.0)
    assert [*rows[1:], *lost] == [(None, None, None, None), (None, None)]
    assert "Permanent water is not told apart from flood" in about["flood_extent"]
    assert about["area_observed"].endswith("Mapped with pixels of 1 m.")


def test_gis_programs_show_what_a_layer_means(tmp_path: Path) -> None:
    """Each layer has a title and a description, and the one about cloud is where "observed" is read."""
    geopackage.write_geopackage(_product(), tmp_path / geopackage.GEOPACKAGE, title="Prairie 2016")
    path = tmp_path / "flood_extent.gpkg"
    with sqlite3.connect(path) as database:
        rows = database.execute("select table_name, identifier, description from gpkg_contents").fetchall()
    shown = {name: (title, description) for name, title, description in rows}
    assert all(title and description for title, description in shown.values())
    assert "under cloud" in shown["area_observed"][1]
    assert pyogrio.read_info(path, layer="tiles")["dataset_metadata"]["TITLE"] == "Prairie 2016"


def test_the_same_layers_give_the_same_bytes(tmp_path: Path) -> None:
    """No date or random id of the writing is in any file: the one time that they carry is the run's.

    But for two tables of the File Geodatabase, which GDAL gives random identifiers.
    """
    for folder in ("one", "two"):
        product_files.write_layers(_product("broken"), tmp_path / folder, made=MADE, formats=product_files.FORMATS)
    paths = (path.relative_to(tmp_path / "one") for path in sorted((tmp_path / "one").rglob("*")) if path.is_file())
    identifiers = {f"flood_extent.gdb/a0000000{number}.gdbtable" for number in (4, 6)}
    files = [path for path in paths if path.as_posix() not in identifiers]
    assert len(files) > 60
    assert [
        path for path in files if (tmp_path / "one" / path).read_bytes() != (tmp_path / "two" / path).read_bytes()
    ] == []


def test_writing_again_replaces_the_geopackage(tmp_path: Path) -> None:
    """Layers of a former product do not survive in the new one."""
    product_files.write_layers([_extent(DOUGHNUT, suffix="_epsg7854")], tmp_path)
    product_files.write_layers([_extent(DOUGHNUT)], tmp_path)
    assert [name for name, _ in pyogrio.list_layers(tmp_path / "flood_extent.gpkg")][:-1] == ["flood_extent"]


def test_every_shapefile_is_complete_for_other_programs(tmp_path: Path) -> None:
    """Each has index, table, CRS and code page; answered tiles have one even without flood, others none."""
    product_files.write_layers(_product(), tmp_path)
    stems = ["flood_extent", "area_observed", "not_assessed", "tiles/a", "tiles/sub/Ü 洪"]
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.shp")) == sorted(
        f"{stem}.shp" for stem in stems
    )
    for stem in stems:
        assert all((tmp_path / f"{stem}{end}").is_file() for end in (".shx", ".dbf"))
        assert (tmp_path / f"{stem}.cpg").read_text() == "UTF-8"
        assert (
            rasterio.crs.CRS.from_wkt((tmp_path / f"{stem}.prj").read_text()).to_epsg(confidence_threshold=20) == 7855
        )
    assert pyogrio.read_info(tmp_path / "tiles/sub/Ü 洪.shp")["features"] == 0
    assert list(pyogrio.read_info(tmp_path / "not_assessed.shp")["fields"]) == ["tile", "error", "obs_else", "area_m2"]


def test_shapefiles_hold_the_same_geometry(tmp_path: Path) -> None:
    """Nothing of the extent is lost between GeoPackage and shapefile."""
    product_files.write_layers(_product(), tmp_path)
    for path, layer in product_shapefiles.shapefiles(_product()):
        read = shapely.from_wkb(raw.read(tmp_path / path)[2])
        assert all(one.equals(other) for one, other in zip(read, layer.geometries, strict=True))


def _shp_rings(path: Path) -> Iterator[list[tuple[float, float]]]:
    """Rings of a polygon shapefile by its specification, without GDAL."""
    data = path.read_bytes()
    offset = 100
    while offset < len(data):
        start, (words,) = offset + 8, struct.unpack(">i", data[offset + 4 : offset + 8])
        if struct.unpack("<i", data[start : start + 4])[0] == 5:
            parts, points = struct.unpack("<ii", data[start + 36 : start + 44])
            firsts = [*struct.unpack(f"<{parts}i", data[start + 44 : start + 44 + 4 * parts]), points]
            base = start + 44 + 4 * parts
            for first, last in pairwise(firsts):
                flat = struct.unpack(f"<{2 * (last - first)}d", data[base + 16 * first : base + 16 * last])
                yield list(zip(flat[::2], flat[1::2], strict=True))
        offset = start + 2 * words


def _signed_area(ring: list[tuple[float, float]]) -> float:
    return sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in pairwise(ring)) / 2


@pytest.mark.parametrize("ccw", [True, False])
def test_outer_rings_run_clockwise(tmp_path: Path, *, ccw: bool) -> None:
    """However the polygons come, the bytes of the .shp have outer rings clockwise and holes the other way."""
    polygons = [shapely.orient_polygons(DOUGHNUT, exterior_cw=not ccw), box(20, 20, 30, 30, ccw=ccw)]
    shapefile_writer.write_shapefile(_extent(*polygons), tmp_path / "x.shp")
    assert [_signed_area(ring) for ring in _shp_rings(tmp_path / "x.shp")] == [-100, 4, -100]


def test_a_field_that_would_lose_letters_is_left_out(tmp_path: Path) -> None:
    """The table holds 254 bytes: a field with a longer text is refused, with the layer that has it, and no other is."""
    warnings = product_files.write_layers(_product("x" + "ü" * 200, "short"), tmp_path)
    assert list(pyogrio.read_info(tmp_path / "not_assessed.shp")["fields"]) == ["tile", "obs_else", "area_m2"]
    assert raw.read(tmp_path / "flood_extent.gpkg", layer="not_assessed", columns=["error"])[3][0][0] == "x" + "ü" * 200
    (warning,) = warnings
    assert warning == (
        "not_assessed.shp has no field error: a text has 401 bytes, and a field holds 254. "
        "Use the layer not_assessed of flood_extent.gpkg"
    )


def test_many_tiles_give_one_warning(tmp_path: Path) -> None:
    """What is wrong in each of a thousand tiles' shapefiles is said once, with their number and an example."""
    long = [f"{number}{'x' * 260}.jp2" for number in range(3)]
    layers = [
        _by_tile(*((1, tile, MultiPolygon([DOUGHNUT])) for tile in [*long, "a.jp2"])),
        _tiles(dict.fromkeys([*long, "a.jp2"], "done")),
    ]
    (warning,) = product_files.write_layers(layers, tmp_path)
    assert warning.startswith("3 shapefiles in tiles/ have no field tile; of tiles/")
    assert list(pyogrio.read_info(tmp_path / "tiles/a.shp")["fields"]) == ["flood_id", "tile", "area_m2"]


def test_names_that_are_no_text_do_not_lose_the_product(tmp_path: Path) -> None:
    """A tile's name may be any bytes: where it is not UTF-8, tables have question marks and files ``_``."""
    name = "caf\udce9.jp2"
    layers = [_by_tile((1, name, MultiPolygon([DOUGHNUT]))), _tiles({name: "done"}), *_product("caf\udce9")[3:4]]
    product_files.write_layers(layers, tmp_path)
    assert raw.read(tmp_path / "flood_extent.gpkg", layer="tiles", columns=["tile"])[3][0].tolist() == ["caf?.jp2"]
    assert raw.read(tmp_path / "not_assessed.shp", columns=["error"])[3][0].tolist() == ["caf?"]
    assert [path.name for path in (tmp_path / "tiles").glob("*.shp")] == ["caf_.shp"]


def test_field_names_that_would_be_cut_are_refused(tmp_path: Path) -> None:
    """A new long column must be given a short name, else GDAL would make one up."""
    layer = Layer("x", "Polygon", CRS, _array(), {"a_very_long_name": np.empty(0)})
    with pytest.raises(ValueError, match="a_very_long_name"):
        shapefile_writer.write_shapefile(layer, tmp_path / "x.shp")


def test_two_fields_of_one_short_name_are_refused(tmp_path: Path) -> None:
    """GDAL would number them, and nobody would know which is which; case does not tell fields apart."""
    layer = Layer("x", "Polygon", CRS, _array(), {"obs_m2": np.empty(0), "Obs_M2": np.empty(0)})
    with pytest.raises(ValueError, match="two fields"):
        shapefile_writer.write_shapefile(layer, tmp_path / "x.shp")


def test_tables_have_no_shapefile(tmp_path: Path) -> None:
    """A layer without geometries, whatever it is called, is in the GeoPackage alone."""
    product_files.write_layers([table("not_assessed", {"n": np.arange(2)})], tmp_path)
    assert pyogrio.read_info(tmp_path / geopackage.GEOPACKAGE)["features"] == 2
    assert list(tmp_path.glob("*.shp")) == []


def test_unknown_formats_are_refused_before_a_run() -> None:
    """A name that is no format is refused with those that there are."""
    product_files.check_formats(product_files.FORMATS)
    with pytest.raises(UnusableArgument, match=r"'kml' is not a format\. There are gpkg, shp, fgb"):
        product_files.check_formats(["gpkg", "kml"])


def test_a_format_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """GeoParquet needs pyarrow: where it is absent a run does not begin, and the command that installs it is given."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UnusableArgument, match=r'pip install "flood-extent\[parquet\]"'):
        product_files.check_formats(["parquet"])


def test_formats_write_their_files_alone(tmp_path: Path) -> None:
    """The GeoPackage is always there; of the others those that were asked for, each with a file to name to people."""
    product_files.write_layers(_product(), tmp_path, formats=["xlsx"])
    assert {path.name for path in tmp_path.iterdir()} == {"flood_extent.gpkg", "tables.xlsx"}
    product_files.write_layers(_product(), tmp_path, formats=product_files.FORMATS)
    files = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    named = {name: [file for file, _ in one.main_files(files)] for name, one in product_files.FORMATS.items()}
    assert named == {
        "gpkg": ["flood_extent.gpkg"],
        "shp": ["flood_extent.shp", "area_observed.shp", "not_assessed.shp"],
        "fgb": ["flatgeobuf/flood_extent.fgb"],
        "gdb": ["flood_extent.gdb/"],
        "pmtiles": ["flood_extent.pmtiles"],
        "geojson": ["geojson/flood_extent.geojson"],
        "xlsx": ["tables.xlsx"],
        "parquet": ["geoparquet/flood_extent.parquet"],
    }


def test_size_is_known_before_writing(tmp_path: Path) -> None:
    """The forecast of the 2 GB check equals what GDAL writes, with holes, several parts and no geometry."""
    geometries = _array(DOUGHNUT, MultiPolygon([DOUGHNUT, box(20, 0, 30, 5)]), None)
    layer = Layer("x", "MultiPolygon", CRS, geometries, {"flood_id": np.arange(3)})
    shapefile_writer.write_shapefile(layer, tmp_path / "x.shp")
    assert (tmp_path / "x.shp").stat().st_size == shapefile_writer.shp_bytes(geometries)


def test_a_shapefile_beyond_its_limit_is_left_out_with_the_way_out(tmp_path: Path) -> None:
    """The warning names the size and the GeoPackage's layer, which has it all."""
    warnings = tuple(product_shapefiles.write(_product(), tmp_path, MADE, limit_bytes=300))
    assert not (tmp_path / "flood_extent.shp").exists()
    assert any("layer flood_extent of flood_extent.gpkg" in warning for warning in warnings)


def test_text_tables_count_against_the_limit(tmp_path: Path) -> None:
    """Many long error texts can pass the limit where the geometries do not."""
    layer = _not_assessed(*["x" * 250] * 50)
    (left_out,) = shapefile_writer.write_shapefile(layer, tmp_path / "x.shp", limit_bytes=10_000)
    assert "not written" in left_out.warning


def test_several_crs_give_shapefiles_each(tmp_path: Path) -> None:
    """Layers keep their suffix in the file name, and each tile is written once, from the layer of its CRS."""
    layers = [
        _extent(DOUGHNUT, suffix="_epsg7854"),
        _by_tile((1, "a.jp2", MultiPolygon([DOUGHNUT])), suffix="_epsg7854"),
        _tiles({"a.jp2": "done"}, "_epsg7854"),
        _extent(suffix="_epsg7855"),
        _by_tile(suffix="_epsg7855"),
        _tiles({"b.jp2": "done"}, "_epsg7855"),
    ]
    product_files.write_layers(layers, tmp_path)
    names = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.shp"))
    assert names == ["flood_extent_epsg7854.shp", "flood_extent_epsg7855.shp", "tiles/a.shp", "tiles/b.shp"]


def test_a_place_that_nobody_knows_needs_no_crs(tmp_path: Path) -> None:
    """Where no tile could be placed the layers are written all the same, without a CRS."""
    layer = Layer("not_assessed", "MultiPolygon", None, _array(None), {"tile": _texts("a.jp2")})
    product_files.write_layers([layer], tmp_path)
    assert pyogrio.read_info(tmp_path / "flood_extent.gpkg")["features"] == 1
    assert not (tmp_path / "not_assessed.prj").exists()


@pytest.mark.parametrize(
    ("ids", "stems"),
    [
        (["a.jp2", "sub/a.jp2"], ["a", "sub/a"]),
        (["a.jp2", "A.j2k", "b.jp2"], ["a.jp2", "A.j2k", "b"]),
        (["a.jp2", "a.jp2.jp2"], ["a", "a.jp2.jp2"]),
        (["a.b.jp2", "noext"], ["a.b", "noext"]),
    ],
)
def test_tiles_of_one_stem_do_not_overwrite_each_other(ids: list[str], stems: list[str]) -> None:
    """The whole id is the name where stems collide, with or without regard to case."""
    assert list(shapefile_writer.tile_stems(ids).values()) == stems


def test_names_too_long_for_a_file_are_shortened_apart(tmp_path: Path) -> None:
    """Keys in S3 can be longer than file names; two that share their beginning stay two files."""
    ids = ["x" * 400 + end for end in ("a.jp2", "b.jp2")]
    stems = shapefile_writer.tile_stems(ids)
    assert len(set(stems.values())) == 2
    for stem in stems.values():
        assert shapefile_writer.write_shapefile(_extent(), tmp_path / f"{stem}.shp") == ()


def test_files_are_dated_as_their_run(tmp_path: Path) -> None:
    """GIS programs show when a layer was last changed: all times in the GeoPackage, and the date in each ``.dbf``."""
    product_files.write_layers(_product(), tmp_path, made=MADE)
    with closing(sqlite3.connect(tmp_path / geopackage.GEOPACKAGE)) as package:
        times = {*package.execute("SELECT last_change FROM gpkg_contents")}
        times |= {*package.execute("SELECT timestamp FROM gpkg_metadata_reference")}
    assert times == {("2026-03-09T23:59:58.007Z",)}
    dates = {path.name: path.read_bytes()[1:4] for path in tmp_path.rglob("*.dbf")}
    assert set(dates.values()) == {bytes([126, 3, 9])}


def test_the_clock_dates_what_has_no_run(tmp_path: Path) -> None:
    """Files written by themselves carry the time of writing."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    product_files.write_layers(_product(), tmp_path)
    with closing(sqlite3.connect(tmp_path / geopackage.GEOPACKAGE)) as package:
        (written,) = {
            datetime.fromisoformat(time) for (time,) in package.execute("SELECT last_change FROM gpkg_contents")
        }
    assert before <= written <= datetime.now(UTC)


LIMITED = """
import signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
import numpy as np, shapely
from pathlib import Path
from tasks.core.formats import geopackage
from datetime import UTC, datetime
from tasks.core.formats import product_files, shapefile_writer
from tasks.core.errors import StorageFull
from tasks.core.polygons.tile_extent import extract
from tasks.core.product.layer import AnsweredTile, FailedTile, Layer
from tasks.core.product.layer_assembly import assemble
from tasks.core.geo.grid import Grid
geometries = shapely.box(*[np.arange(20_000.0)] * 2, *[np.arange(20_000.0) + 1] * 2)
layer = Layer("flood_extent", "Polygon", "EPSG:7855", geometries, {"flood_id": np.arange(20_000)})
try:
    if sys.argv[1] == "shapefile":
        shapefile_writer.write_shapefile(layer, Path(sys.argv[2]) / "x.shp")
    elif sys.argv[1] == "geopackage":
        geopackage.write_geopackage([layer], Path(sys.argv[2]) / "x.gpkg", title="x")
    else:
        tuple(product_files.FORMATS[sys.argv[1]].write([layer], Path(sys.argv[2]), datetime.now(UTC)))
except StorageFull as error:
    print("full:", error)
"""


@pytest.mark.parametrize("kind", ["shapefile", "geopackage", "fgb", "gdb"])
def test_a_disk_that_fills_up_is_reported(kind: str, tmp_path: Path) -> None:
    """A write cut short by the system is StorageFull with the file's name, even where GDAL is silent about it."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", LIMITED, kind, str(tmp_path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000)),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert done.stdout.startswith("full:")
    assert str(tmp_path) in done.stdout
    assert not (tmp_path / "x.shp").exists()
