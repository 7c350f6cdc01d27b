"""Files of areas that people give: any vector format, here and in S3, and what is wrong with one."""

import hashlib
from pathlib import Path

import numpy as np
import pyogrio.raw
import pytest
import shapely

from tasks.core.errors import FloodExtentError, UnusableArgument
from tasks.services import storage
from tasks.services.given_files import GivenFiles, read_given_area, read_given_areas

CRS = "EPSG:7855"
SQUARE = shapely.box(500_000, 6_000_000, 500_010, 6_000_010)
BOW = shapely.Polygon([(500_020, 6_000_000), (500_030, 6_000_010), (500_030, 6_000_000), (500_020, 6_000_010)])
FORMATS = {"gpkg": "GPKG", "shp": "ESRI Shapefile", "geojson": "GeoJSON", "fgb": "FlatGeobuf", "kml": "KML"}


def _write(
    path: Path, geometries: list[object], fields: dict[str, list[object]] | None = None, crs: str | None = CRS
) -> Path:
    wkb = shapely.to_wkb(np.array([*geometries, None], np.object_)[:-1]) if geometries else np.empty(0, np.object_)
    columns = [np.array(values, np.object_) for values in (fields or {}).values()]
    driver = FORMATS[path.suffix[1:]]
    kinds = {geometry.geom_type for geometry in geometries if geometry is not None}
    kind = kinds.pop() if len(kinds) == 1 else "Unknown" if kinds else "Polygon"
    pyogrio.raw.write(path, wkb, columns, list(fields or {}), geometry_type=kind, crs=crs, driver=driver)
    return path


@pytest.mark.parametrize("ending", list(FORMATS))
@pytest.mark.parametrize("in_s3", [False, True])
def test_any_vector_format_is_read_from_anywhere(
    tmp_path: Path, request: pytest.FixtureRequest, ending: str, in_s3: bool
) -> None:
    """Polygons, their CRS and their reasons come out; of a shapefile in S3 its other parts are fetched, too."""
    crs = "EPSG:4326" if ending in {"geojson", "kml"} else CRS
    square = shapely.box(146, -37, 147, -36) if crs != CRS else SQUARE
    path = _write(tmp_path / f"levees.{ending}", [square], {"Name": ["north levee"]}, crs)
    place = str(path)
    if in_s3:
        bucket = request.getfixturevalue("s3_bucket")
        for part in sorted(tmp_path.iterdir()):
            storage.write_bytes(f"{bucket}/given/{part.name}", part.read_bytes())
        place = f"{bucket}/given/{path.name}"
    area = read_given_area(place, "exclude")
    assert (area.name, area.crs, area.reasons.tolist(), area.left_out) == (place, crs, ["north levee"], 0)
    assert shapely.area(area.polygons[0] ^ square) == pytest.approx(0, abs=1e-9)
    if ending != "shp":
        assert area.content_hash == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_hash_of_a_shapefile_is_of_its_parts(tmp_path: Path) -> None:
    """Another CRS in the .prj is another area, though the .shp is the same; other files beside it have no part."""
    path = _write(tmp_path / "a.shp", [SQUARE], {"name": ["x"]})
    before = read_given_area(str(path), "exclude").content_hash
    _write(tmp_path / "b.gpkg", [SQUARE])
    assert read_given_area(str(path), "exclude").content_hash == before
    path.with_suffix(".prj").write_text(path.with_suffix(".prj").read_text().replace("147", "153"))
    assert read_given_area(str(path), "exclude").content_hash != before


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"kind": ["a"], "NAME": ["b"], "Reason": ["c"]}, "c"),
        ({"kind": ["a"], "NAME": ["b"]}, "b"),
        ({"kind": ["a"]}, "a"),
        ({"kind": [" "]}, "roofs"),
        ({"kind": [None]}, "roofs"),
        ({}, "roofs"),
    ],
)
def test_the_reason_is_what_the_file_says(tmp_path: Path, fields: dict[str, list[object]], reason: str) -> None:
    """Field reason before name before the first text, in any case; without one, the layer's name."""
    path = _write(tmp_path / "roofs.gpkg", [SQUARE], fields)
    assert read_given_area(str(path), "exclude").reasons.tolist() == [reason]


def test_what_is_no_polygon_is_left_out_and_invalid_ones_are_mended(tmp_path: Path) -> None:
    """Points and features without geometry are counted; a bow tie becomes its two triangles, with its reason."""
    features = [shapely.Point(500_000, 6_000_000), BOW, None, shapely.MultiPolygon([SQUARE])]
    path = _write(tmp_path / "mixed.gpkg", features, {"name": ["p", "bow", "n", "square"]})
    area = read_given_area(str(path), "exclude")
    assert area.left_out == 2
    assert shapely.is_valid(area.polygons).all()
    sizes = sorted(zip(area.reasons.tolist(), shapely.area(area.polygons).tolist(), strict=True))
    assert sizes == [("bow", 25.0), ("bow", 25.0), ("square", 100.0)]


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.parametrize(
    ("geometries", "crs", "words"),
    [
        ([], CRS, "its layer given is empty. Give `exclude` as polygons"),
        ([shapely.Point(1, 1)], CRS, "its layer given has no polygons"),
        ([shapely.LineString([(0, 0), (1, 1)])], CRS, "its layer given has no polygons"),
        ([SQUARE], None, "has no CRS. Assign the one that its coordinates are in"),
        ([SQUARE], "+proj=utm +zone=55 +south +ellps=GRS80", "the datum of its CRS is unknown"),
        ([shapely.Polygon([(0, 0), (1, np.inf), (1, 0)])], CRS, "some coordinates are no numbers"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, geometries: list[object], crs: str | None, words: str) -> None:
    """An empty file, one of points or lines, one without a place: refused before the run, with a remedy."""
    path = _write(tmp_path / "given.gpkg", geometries, crs=crs)
    with pytest.raises(UnusableArgument, match=words) as refused:
        read_given_area(str(path), "exclude")
    assert str(refused.value).startswith(f"{path}: ")


def test_a_file_that_is_none_is_said_by_its_own_name(tmp_path: Path, s3_bucket: str) -> None:
    """Text, a missing file, a missing object: by the name that was given, not by that of a copy."""
    (tmp_path / "note.txt").write_text("no polygons")
    storage.write_bytes(f"{s3_bucket}/note.txt", b"no polygons")
    for place, words in (
        (str(tmp_path / "note.txt"), "is no vector file"),
        (str(tmp_path / "lost.gpkg"), "does not exist"),
        (f"{s3_bucket}/note.txt", "is no vector file"),
        (f"{s3_bucket}/lost.gpkg", "does not exist"),
    ):
        with pytest.raises(FloodExtentError, match=words) as refused:
            read_given_area(place, "exclude")
        assert str(refused.value).startswith(place)


def test_the_areas_of_a_run_are_read_together(tmp_path: Path) -> None:
    """Each file becomes what its parameter says; what was not given is not there."""
    path = str(_write(tmp_path / "a.gpkg", [SQUARE]))
    areas = read_given_areas(GivenFiles(normal_water=path, area_of_interest=path, normal_water_tolerance_m=2.0))
    assert [area.parameter for area in areas.files] == ["normal_water", "area_of_interest"]
    assert (areas.excluded, areas.normal_water_tolerance_m) == (None, 2.0)
