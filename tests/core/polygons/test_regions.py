"""Regions of a tile: every observed pixel counted once, with its confidence, in a table that survives the cache."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.arrays import UInt8Array
from tasks.core.geo.grid import Grid
from tasks.core.polygons.regions import LEVELS, LabelRegions, regions_of
from tasks.core.polygons.tile_extent import TileExtent, extract

SIZE = (300, 21)  # rows beyond one block
GRID = Grid(SIZE[1], SIZE[0], (1.5, 0.0, 300_000.15, 0.0, -1.5, 6_600_000.3), "EPSG:7855")


def _tile(seed: int, share: float = 0.5) -> tuple[TileExtent, UInt8Array, UInt8Array, UInt8Array]:
    """An extent with confidence, and the labels, valid mask and confidence that it is of."""
    random = np.random.default_rng(seed)
    labels, valid = (random.random(SIZE) < share).astype(np.uint8), random.random(SIZE) < 0.9
    confidence = random.integers(0, 256, SIZE, np.uint8)
    return extract(labels, valid, GRID, [1], confidence), labels, valid, confidence


def _regions(seed: int = 1) -> LabelRegions:
    regions = _tile(seed)[0].regions
    assert regions is not None
    return regions


@given(st.integers(0, 1000), st.sampled_from([0.0, 0.2, 0.6, 1.0]))
def test_every_observed_pixel_is_counted_once(seed: int, share: float) -> None:
    """By confidence, wet and dry regions add up to the flood and to the observed ground without it."""
    tile, labels, valid, confidence = _tile(seed, share)
    assert tile.regions is not None
    wet_cell = tile.regions.is_wet[tile.regions.region_of]
    for cells, pixels in ((wet_cell, valid & (labels == 1)), (~wet_cell, valid & (labels == 0))):
        counted = np.bincount(tile.regions.levels[cells], tile.regions.counts[cells], LEVELS)
        expected = np.bincount(np.rint(confidence[pixels] / 255 * (LEVELS - 1)).astype(int), minlength=LEVELS)
        assert counted.tolist() == expected.tolist()


def test_a_region_is_a_polygon() -> None:
    """Each wet region has its point in a polygon of its own, with as many pixels as that has."""
    tile, *_ = _tile(3)
    assert tile.regions is not None
    polygons = shapely.get_parts(tile.flood)
    points = shapely.points(tile.regions.centres(GRID)[tile.regions.is_wet])
    point, polygon = shapely.STRtree(polygons).query(points, predicate="within")
    assert sorted(polygon) == list(range(len(polygons)))
    sizes = np.bincount(tile.regions.region_of, tile.regions.counts)
    assert sizes[point] == pytest.approx(shapely.area(polygons[polygon]) / GRID.pixel_area, abs=1e-3)


def test_regions_survive_the_cache() -> None:
    """What is written behind the polygons is read back the same; an extent without confidence has none."""
    tile, *_ = _tile(4)
    again = TileExtent.from_bytes(tile.to_bytes(), GRID)
    assert again.regions is not None
    assert again.to_bytes() == tile.to_bytes()
    plain = TileExtent(*tile.areas, tile.flood_px, tile.flood_px_in_padding)
    assert TileExtent.from_bytes(plain.to_bytes(), GRID).regions is None


@given(st.data())
def test_damaged_regions_are_refused_or_whole(data: st.DataObject) -> None:
    """Whatever bytes the table holds, it gives regions that lie in the tile, or the error that callers expect."""
    content = bytearray(_regions().to_bytes())
    start = data.draw(st.integers(0, len(content)))
    content[start : start + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    try:
        regions = LabelRegions.from_bytes(memoryview(bytes(content)), SIZE[0] * SIZE[1])
    except ValueError:
        return
    assert (regions.pixels < SIZE[0] * SIZE[1]).all()
    assert regions.counts.sum() <= SIZE[0] * SIZE[1]


def test_regions_of_other_flood_are_refused() -> None:
    """A sound table that counts other flood than the polygons have is not this tile's."""
    tile, *_ = _tile(5)
    forged = TileExtent(*tile.areas, tile.flood_px, tile.flood_px_in_padding, _regions(6))
    with pytest.raises(ValueError, match="flooded pixels, and its regions"):
        TileExtent.from_bytes(forged.to_bytes(), GRID)


@given(st.integers(0, 1000), st.integers(1, 3000))
def test_strips_change_no_sum(seed: int, most_pixels: int) -> None:
    """A large tile is taken apart strip by strip: more regions, each with a point of its own, and the same pixels."""
    tile, labels, valid, confidence = _tile(seed, 0.6)
    assert tile.regions is not None
    flood = valid & (labels == 1)
    cut = regions_of(flood, valid, confidence, most_pixels)
    for wet in (True, False):
        of_whole, of_cut = (
            np.bincount(one.levels[chosen], one.counts[chosen], LEVELS).tolist()
            for one in (tile.regions, cut)
            for chosen in [one.is_wet[one.region_of] == wet]
        )
        assert of_cut == of_whole
    assert len(np.unique(cut.pixels)) == len(cut.pixels)
    np.testing.assert_array_equal(flood.ravel()[cut.pixels], cut.is_wet)
