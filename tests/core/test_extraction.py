"""A tile's labels become polygons that survive being written and read."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import GeometryCollection, MultiPolygon, Point, Polygon

from tasks.core.extraction import TileExtent, extract
from tasks.core.records import Grid

GRID = Grid(8, 6, (1.5, 0.0, 300000.15, 0.0, -1.5, 6600000.3), "EPSG:7855")
BOWTIE = Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])


def _tile(seed: int, flood_labels: tuple[int, ...] = (1, 2)) -> TileExtent:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, (6, 8)).astype(np.uint8)
    return extract(labels, random.random((6, 8)) < 0.8, GRID, flood_labels)


@given(st.integers(0, 10_000), st.sampled_from([(1, 2), (1,)]))
def test_flood_lies_in_what_was_observed(seed: int, flood_labels: tuple[int, ...]) -> None:
    """Flood is part of the observed ground, and unassessed ground shares no area with it."""
    tile = _tile(seed, flood_labels)
    assert shapely.difference(tile.flood, tile.observed).area == 0
    assert shapely.intersection(tile.observed, tile.unassessed).area == 0
    assert tile.flood.area == pytest.approx(tile.flood_px * GRID.pixel_area, abs=1e-5)


@given(st.integers(0, 10_000))
def test_an_extent_survives_the_cache(seed: int) -> None:
    """What is written as bytes is read back the same."""
    tile = _tile(seed)
    assert TileExtent.from_bytes(tile.to_bytes()) == tile


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not WKB",
        _tile(3).to_bytes()[:-9],
        shapely.to_wkb(Point(1, 2)),
        shapely.to_wkb(GeometryCollection([MultiPolygon()] * 3)),
        shapely.to_wkb(GeometryCollection([Polygon(), MultiPolygon(), MultiPolygon(), Point(0, 0)])),
        shapely.to_wkb(GeometryCollection([MultiPolygon()] * 3 + [Point(-1, 0)])),
        shapely.to_wkb(GeometryCollection([MultiPolygon()] * 3 + [Point(float("nan"), 0)])),
        shapely.to_wkb(GeometryCollection([MultiPolygon([BOWTIE]), MultiPolygon(), MultiPolygon(), Point(0, 0)])),
    ],
)
def test_a_damaged_extent_is_refused(content: bytes) -> None:
    """A cache entry that is cut, of another kind or holds invalid polygons is not believed."""
    with pytest.raises(ValueError, match="extent"):
        TileExtent.from_bytes(content)
