"""How sure the model was of each joined polygon and hole, against the confidence of the scene's pixels."""

from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio.features
import shapely
from affine import Affine
from cut_scenes import MGA, answered, blobs, grid_of, windows
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.arrays import BoolMask, UInt8Array
from tasks.core.formats.geopackage import write_geopackage
from tasks.core.geo.grid import Grid
from tasks.core.joining.seam_joining import join
from tasks.core.product.assessment import objects
from tasks.core.product.layer import AnsweredTile, Layer
from tasks.core.product.layer_assembly import assemble, content_hash
from tasks.core.product.polygon_confidence import AllRegions

SHAPE = (60, 70)
SURE = np.full(SHAPE, 255, np.uint8)


def _scene(mask: BoolMask, confidence: UInt8Array | None, size: int = 20) -> list[AnsweredTile]:
    """A scene cut into tiles."""
    whole = grid_of(mask)
    numbered = np.arange(mask.size).reshape(mask.shape)
    cut = zip(windows(mask, whole, size, 0), windows(numbered, whole, size, 0), strict=True)
    return [
        answered(str(name), part, grid, None, None if confidence is None else confidence.ravel()[pixels])
        for name, ((part, grid), (pixels, _)) in enumerate(cut)
    ]


def _layer(tiles: list[AnsweredTile], name: str = "flood_extent", min_m2: float = 0.0) -> Layer:
    (layer,) = (layer for layer in assemble(tiles, [], min_m2) if layer.name == name)
    return layer


def _burnt(polygon: object, grid: Grid) -> BoolMask:
    burnt = rasterio.features.rasterize([polygon], (grid.height_px, grid.width_px), transform=Affine(*grid.transform))
    return burnt.astype(bool)


@settings(max_examples=30)
@given(st.integers(0, 1000))
def test_a_polygon_is_as_sure_as_its_pixels(seed: int) -> None:
    """Over tile edges, mean and tenth are those of the scene's pixels in the polygon, to the 2 % that are kept."""
    mask, confidence = blobs(seed, SHAPE), np.random.default_rng(seed).integers(0, 256, SHAPE, np.uint8)
    layer = _layer(_scene(mask, confidence))
    for number, polygon in enumerate(layer.geometries):
        pixels = confidence[_burnt(polygon, grid_of(mask))] / 255
        assert layer.columns["conf_mean"][number] == pytest.approx(pixels.mean(), abs=0.0101)
        tenth = np.quantile(pixels, 0.1, method="inverted_cdf")
        assert layer.columns["conf_p10"][number] == pytest.approx(tenth, abs=0.0101)


@settings(max_examples=50)
@given(st.integers(0, 1000), st.integers(11, 40))
def test_no_pixel_of_flood_is_lost(seed: int, size: int) -> None:
    """However a scene is cut, the polygons' pixels add up to the flood."""
    mask = blobs(seed, SHAPE)
    tiles = _scene(mask, SURE, size)
    flood = objects(join([tile.extent.flood for tile in tiles], MGA, [tile.grid for tile in tiles]))
    table = AllRegions.of(tiles).within(flood, wet=True)
    assert table.sum() == mask.sum()


def test_without_confidence_nothing_is_claimed(tmp_path: Path) -> None:
    """The columns are NULL in the GeoPackage, and where all is sure they are 1 and nothing is to be checked."""
    mask = blobs(3, SHAPE)
    write_geopackage([_layer(_scene(mask, None))], tmp_path / "unknown.gpkg", title="t")
    sql = "SELECT count(*) AS n FROM flood_extent WHERE conf_mean IS NULL AND conf_p10 IS NULL"
    _, _, _, (count,) = pyogrio.raw.read(tmp_path / "unknown.gpkg", sql=sql)
    assert count.tolist() == [len(_layer(_scene(mask, None)))]
    sure = _layer(_scene(mask, SURE))
    assert {*sure.columns["conf_mean"].tolist(), *sure.columns["conf_p10"].tolist()} == {1.0}


def test_confidence_is_not_hashed() -> None:
    """The same extent has the same content hash, however sure the model was of it."""
    mask = blobs(5, SHAPE)
    hashes = {content_hash(assemble(_scene(mask, sure), [], 0.0)) for sure in (None, SURE, SURE // 3)}
    assert len(hashes) == 1


def _rings() -> tuple[BoolMask, UInt8Array]:
    """Flood with a hole, in it an island, in that a hole of its own; the model is unsure of the outer hole's ground."""
    mask, confidence = np.zeros(SHAPE, bool), SURE.copy()
    mask[5:55, 5:65] = True
    mask[10:50, 10:60] = False
    mask[20:40, 20:40] = True
    mask[25:35, 25:35] = False
    confidence[10:50, 10:60] = 51
    confidence[20:40, 20:40] = 255
    return mask, confidence


def test_an_unsure_hole_is_named_without_its_islands() -> None:
    """Of nested holes the one that is doubted is in the layer, less the flood in it, whatever tiles it lies in."""
    mask, confidence = _rings()
    layer = _layer(_scene(mask, confidence, 17), "to_check")
    assert [reason[-17:] for reason in layer.columns["reason"]] == ["(confidence 0.20)"]
    assert shapely.area(layer.geometries)[0] == pytest.approx((40 * 50 - 20 * 20) * 2.25, abs=0.1)
    assert layer.columns["weight_m2"] == pytest.approx(layer.columns["doubt"] * layer.columns["area_m2"])


def test_unsure_flood_is_named() -> None:
    """Polygons below half come first by area times doubt; one that the model is surer of does not come."""
    mask, confidence = np.zeros(SHAPE, bool), SURE.copy()
    for column, (width, level) in ((5, (20, 102)), (30, (15, 51)), (50, (10, 153))):
        mask[5:25, column : column + width], confidence[:, column : column + width] = True, level
    layer = _layer(_scene(mask, confidence, 40), "to_check")
    assert layer.columns["doubt"].tolist() == pytest.approx([0.6, 0.8], abs=0.01)
    assert shapely.area(layer.geometries) == pytest.approx([900, 675], abs=0.1)
