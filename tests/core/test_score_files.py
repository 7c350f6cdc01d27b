"""Scoring files: a written product against a vector file."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from tasks.core.errors import UnusableArgument
from tasks.core.layer_records import Layer
from tasks.core.product_files import write_geopackage
from tasks.core.score_files import score_product


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
