"""A product with all that can be asked for, as those read it who get it: with their tools, not with ours."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pyogrio.raw
import pytest
import shapely
from cems_reader import read_package
from command_line import ROOT, CommandLine, Scene
from iso_structure import structure_faults
from jsonschema import Draft202012Validator
from lxml import etree
from pystac.validation import validate_dict
from qgis_headless import in_qgis
from tiff_directories import faults

pytestmark = pytest.mark.slow
FORMATS = ["gpkg", "shp", "fgb", "gdb", "pmtiles", "geojson", "xlsx", "cog"]
AREAL = ["flood_extent", "normal_water", "flood_trace", "area_observed", "not_assessed", "area_of_interest", "excluded"]


def polygons(path: Path, shapes: list[shapely.Polygon], crs: str) -> str:
    """A file as people give it."""
    wkb = shapely.to_wkb(np.array(shapes, np.object_))
    names = np.array([f"no {number}" for number in range(len(shapes))], np.object_)
    pyogrio.raw.write(str(path), wkb, [names], ["name"], driver="GPKG", geometry_type="Polygon", crs=crs)
    return str(path)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, prefect_server: str, scene: Scene) -> Path:
    """A map of the demo scene: with areas, exposure, a profile, every format."""
    folder = tmp_path_factory.mktemp("handed_on")
    command = CommandLine(folder, {"PREFECT_API_URL": prefect_server, "PREFECT_HOME": str(folder / "home")})
    status, said = command("run", scene.dataset, "--output", "plain")
    assert status == 0, said
    plain = folder / "plain" / "demo_flood" / "flood_extent.gpkg"
    meta, _, wkb, _ = pyogrio.raw.read(plain, layer="flood_extent")
    flood = shapely.from_wkb(wkb)
    west, south, east, north = shapely.total_bounds(flood)
    width, height = east - west, north - south
    normal = polygons(folder / "normal.gpkg", [shapely.box(west, south, west + width / 3, north)], meta["crs"])
    levee = polygons(folder / "levee.gpkg", [shapely.box(east - width / 6, south, east, north)], meta["crs"])
    inner = shapely.box(west + width / 10, south + height / 10, east - width / 10, north - height / 10)
    area = polygons(folder / "area.gpkg", [inner], meta["crs"])
    side = width / 40
    places = [
        shapely.box(x, y, x + side, y + side) for x in np.linspace(west, east, 9) for y in np.linspace(south, north, 7)
    ]
    houses = polygons(folder / "houses.gpkg", places, meta["crs"])
    given = ["--normal-water", normal, "--exclude", levee, "--area-of-interest", area, "--exposure", houses]
    event = ["--event-id", "EMSR999", "--event-name", "High water", "--capture-time", "2026-01-03T01:31Z"]
    rights = ["--licence", "CC-BY-4.0", "--attribution", "State Spatial Agency", "--event-countries", "AUS"]
    options = [*given, *event, *rights, "--profile", "cems", "--smoothing", "simplify", "--formats", *FORMATS]
    status, said = command("run", scene.dataset, "--output", "out", *options)
    assert status == 0, said
    return folder / "out" / "demo_flood"


@pytest.fixture(scope="module")
def record(product: Path) -> dict[str, Any]:
    """Its ``run.json``."""
    found: dict[str, Any] = json.loads((product / "run.json").read_text())
    return found


def hectares(product: Path, layer: str) -> float:
    """As another GDAL sums it up, from the layer's column."""
    sql = f"SELECT sum(area_m2) AS whole FROM {layer}"  # noqa: S608 - of our own names
    _, _, _, (whole,) = pyogrio.raw.read(product / "flood_extent.gpkg", sql=sql, read_geometry=False)
    return float(whole[0] or 0) / 10_000


def test_ogrinfo_finds_nothing_invalid(product: Path) -> None:
    """In no layer, by the system's own GDAL."""
    if shutil.which("ogrinfo") is None:
        pytest.skip("no ogrinfo on this machine: apt-get install gdal-bin")
    package = product / "flood_extent.gpkg"
    layers = [name for name, kind in pyogrio.list_layers(package) if kind is not None]
    assert {*AREAL, "smoothed_extent", "exposure_houses", "to_check", "tiles"} <= set(layers)
    for layer in layers:
        sql = f"SELECT count(*) AS n FROM {layer} WHERE geom IS NOT NULL AND NOT ST_IsValid(geom)"  # noqa: S608 - as above
        command = ["ogrinfo", "-q", "-dialect", "SQLite", "-sql", sql, package]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "n (Integer) = 0" in said, f"{layer}: {said}"


def test_the_numbers_are_those_of_the_layers(product: Path, record: dict[str, Any]) -> None:
    """Of record and report, to the square metre; and the area of interest adds up."""
    totals = record["totals"]
    for key, layer in (
        ("flooded_ha", "flood_extent"),
        ("observed_ha", "area_observed"),
        ("normal_water_ha", "normal_water"),
    ):
        assert totals[key] == pytest.approx(hectares(product, layer), abs=1e-4)
    assert f"{totals['flooded_ha']:,.2f} ha" in (product / "report.html").read_text()
    columns = "area_m2, observed_m2, unanswered_m2, outside_m2"
    sql = f"SELECT {columns} FROM area_of_interest"  # noqa: S608 - as above
    (whole, *parts) = (v[0] for v in pyogrio.raw.read(product / "flood_extent.gpkg", sql=sql, read_geometry=False)[3])
    assert sum(parts) == pytest.approx(whole, abs=0.01)


def test_the_record_keeps_to_its_schema(record: dict[str, Any]) -> None:
    """Also with all that may be in it."""
    Draft202012Validator(json.loads((ROOT / "docs" / "run.schema.json").read_text())).validate(record)
    assert [one["parameter"] for one in record["given"]["files"]] == ["normal_water", "exclude", "area_of_interest"]
    (proof,) = record["smoothing"]["extents"]
    assert proof["displacement_m"] <= proof["bound_m"]


def test_catalogues_take_its_metadata(product: Path) -> None:
    """STAC by pystac's own schemas, without a network; ISO 19115-3 by the structure of its schemas."""
    item = json.loads((product / "item.json").read_text())
    assert validate_dict(item | {"stac_extensions": []})
    assert item["properties"]["monty:country_codes"] == ["AUS"]
    assert structure_faults(etree.fromstring((product / "metadata.xml").read_bytes())) == []


def test_its_rasters_are_cloud_optimized(product: Path) -> None:
    """By a reader of TIFF's structure."""
    rasters = sorted((product / "rasters").glob("*.tif"))
    assert [path.stem for path in rasters] == ["confidence", "flood", "labels", "nrg"]
    assert [faults(path) for path in rasters] == [[]] * len(rasters)


def test_the_cems_package_says_the_same(product: Path, record: dict[str, Any]) -> None:
    """Read by the published field tables alone: its flood, and where no flood means something."""
    package = read_package(product / "cems")
    assert package.faults == []
    assert package.flooded_ha == pytest.approx(record["totals"]["flooded_ha"], rel=1e-5)
    assert package.analysed_ha == pytest.approx(record["totals"]["observed_ha"], rel=1e-5)


def test_qgis_opens_it_as_a_map(product: Path, tmp_path: Path) -> None:
    """Every layer of the project is there, with a look of its own."""
    about = in_qgis({"project": str(product / "flood_extent.qgs")}, tmp_path)
    assert all(layer["valid"] for layer in about.values())
    titles = {layer["title"] for layer in about.values()}
    assert {"Flood extent", "Normal water", "Area of interest", "Places to check"} <= titles


def test_the_sums_can_be_checked(product: Path) -> None:
    """By the tool that everybody has."""
    done = subprocess.run(
        ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=product, check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr
