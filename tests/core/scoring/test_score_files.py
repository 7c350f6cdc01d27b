"""Scoring files: a written product against a vector file."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from tasks.core.errors import UnusableArgument
from tasks.core.formats.geopackage import write_geopackage
from tasks.core.formats.vector_files import write_vector
from tasks.core.product.layer import Layer
from tasks.core.scoring.score_files import other_date, score_product


def write(path: Path, crs: str = "EPSG:7855", **areas: tuple[float, ...]) -> Path:
    """A GeoPackage with a box a layer, given as xmin, ymin, xmax, ymax."""
    layers = [
        Layer(name, "Polygon", crs, np.array([shapely.box(*box)], np.object_), {"area_m2": np.array([0.0])})
        for name, box in areas.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_geopackage(layers, path, title="test")
    return path


PRODUCT = {"flood_extent": (500000, 6600000, 500010, 6600010), "area_observed": (500000, 6600000, 500020, 6600010)}


def test_a_product_is_compared_within_the_observed_area(tmp_path: Path) -> None:
    """Half of the mapped flood is right, none of the reference's is missed, and what lies outside is told."""
    write(tmp_path / "product" / "flood_extent.gpkg", **PRODUCT)
    reference = write(tmp_path / "reference.gpkg", reference=(500000, 6599990, 500005, 6600010))
    score = score_product(tmp_path / "product", reference)
    assert (score.precision, score.recall, score.iou) == pytest.approx((0.5, 1.0, 0.5))
    assert score.reference_outside_share == pytest.approx(0.5)


def test_scoring_leaves_nothing_behind(tmp_path: Path) -> None:
    """Reading a product must not add files to it."""
    package = write(tmp_path / "product" / "flood_extent.gpkg", **PRODUCT)
    before = {path.name for path in package.parent.iterdir()}
    score_product(package, package)
    assert {path.name for path in package.parent.iterdir()} == before


def test_of_several_crss_the_references_is_compared(tmp_path: Path) -> None:
    """A product with layers for each CRS is scored by those that the reference is in."""
    boxes = {f"{name}_epsg7855": box for name, box in PRODUCT.items()}
    package = write(tmp_path / "flood_extent.gpkg", **boxes)
    reference = write(tmp_path / "reference.gpkg", reference=PRODUCT["flood_extent"])
    assert score_product(package, reference).iou == pytest.approx(1.0)


def test_another_crs_is_refused(tmp_path: Path) -> None:
    """Nothing is reprojected silently: the message names both CRSs."""
    package = write(tmp_path / "flood_extent.gpkg", **PRODUCT)
    reference = write(tmp_path / "reference.gpkg", crs="EPSG:28355", reference=PRODUCT["flood_extent"])
    with pytest.raises(UnusableArgument, match=r"EPSG:28355.*EPSG:7855"):
        score_product(package, reference)


@pytest.mark.parametrize("name", ["missing.gpkg", "text.gpkg"])
def test_what_is_no_vector_file_is_said(tmp_path: Path, name: str) -> None:
    """A path that is not there, or holds something else, is named in the message."""
    (tmp_path / "text.gpkg").write_text("text")
    package = write(tmp_path / "flood_extent.gpkg", **PRODUCT)
    with pytest.raises(UnusableArgument, match=name):
        score_product(package, tmp_path / name)
    with pytest.raises(UnusableArgument, match=name):
        score_product(tmp_path / name, package)


def shapefiles(folder: Path, **areas: tuple[float, ...]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, box in areas.items():
        area = Layer(name, "Polygon", "EPSG:7855", np.array([shapely.box(*box)], np.object_), {"id": np.array([1])})
        write_vector(area, folder / f"{name}.shp", driver="ESRI Shapefile")
    return folder


@pytest.mark.parametrize("named", ["", "flood_extent.shp"])
def test_a_product_may_be_named_by_its_shapefiles(named: str, tmp_path: Path) -> None:
    """A shapefile of the extent is scored itself, for somebody may have edited it; so is a folder of them."""
    folder = shapefiles(tmp_path / "product", **PRODUCT)
    if named:  # not what is scored
        write(folder / "flood_extent.gpkg", **dict.fromkeys(PRODUCT, (0, 0, 1, 1)))
    reference = shapefiles(tmp_path / "reference", truth=PRODUCT["flood_extent"]) / "truth.shp"
    assert score_product(folder / named, reference).iou == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("driver", "name"), [("GeoJSON", "r.geojson"), ("FlatGeobuf", "r.fgb"), ("OpenFileGDB", "r.gdb"), ("GML", "r.gml")]
)
def test_a_reference_may_have_any_vector_format(driver: str, name: str, tmp_path: Path) -> None:
    """What GDAL reads is read, folders that are files too."""
    package = write(tmp_path / "flood_extent.gpkg", **PRODUCT)
    box = np.array([shapely.box(*PRODUCT["flood_extent"])], np.object_)
    write_vector(Layer("truth", "Polygon", "EPSG:7855", box, {"a": np.array([1])}), tmp_path / name, driver=driver)
    assert score_product(package, tmp_path / name).iou == pytest.approx(1.0)


def test_a_reference_of_lines_is_refused(tmp_path: Path) -> None:
    """Lines have no area: all would be missed, and nothing would say why."""
    package = write(tmp_path / "flood_extent.gpkg", **PRODUCT)
    line = np.array([shapely.LineString([(500000, 6600000), (500005, 6600000)])], np.object_)
    write_vector(
        Layer("bank", "LineString", "EPSG:7855", line, {"a": np.array([1])}), tmp_path / "r.fgb", driver="FlatGeobuf"
    )
    with pytest.raises(UnusableArgument, match="bank has no polygons"):
        score_product(package, tmp_path / "r.fgb")


def test_a_shapefile_without_its_index_is_said(tmp_path: Path) -> None:
    """The message names the part that is missing."""
    package = write(tmp_path / "flood_extent.gpkg", **PRODUCT)
    reference = shapefiles(tmp_path, truth=PRODUCT["flood_extent"]) / "truth.shp"
    reference.with_suffix(".shx").unlink()
    with pytest.raises(UnusableArgument, match=r"its \.shx is missing"):
        score_product(package, reference)


def test_a_truth_of_another_date_is_warned_of(tmp_path: Path) -> None:
    """A high score of another year's water is luck, a low one no fault of the map."""
    package = write(tmp_path / "town_2009" / "flood_extent.gpkg", **PRODUCT)
    same, other = (
        write(tmp_path / name / "reference.gpkg", reference=PRODUCT["flood_extent"]) for name in ("2009-08", "2016")
    )
    assert other_date(package, same) is None
    assert "2009, the reference of 2016" in str(other_date(package, other))
