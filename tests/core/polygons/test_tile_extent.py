"""A tile's labels become polygons that survive being written and read."""

import os
import subprocess
import sys

import extent_fuzz
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import GeometryCollection, MultiPolygon, Point, Polygon

from tasks.core.geo.grid import Grid
from tasks.core.polygons.tile_extent import TileExtent, extract

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
    assert shapely.difference(tile.clouded, tile.flood).area == 0
    assert tile.flood.area == pytest.approx(tile.flood_px * GRID.pixel_area, abs=1e-5)


@given(st.integers(0, 10_000))
def test_an_extent_survives_the_cache(seed: int) -> None:
    """What is written as bytes is read back the same."""
    tile = _tile(seed)
    assert TileExtent.from_bytes(tile.to_bytes(), GRID) == tile


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not WKB",
        _tile(3).to_bytes()[:-9],
        shapely.to_wkb(Point(1, 2)),
        shapely.to_wkb(GeometryCollection([MultiPolygon()] * 4)),
        shapely.to_wkb(GeometryCollection([Polygon(), *[MultiPolygon()] * 3, Point(0, 0)])),
        shapely.to_wkb(GeometryCollection([MultiPolygon()] * 4 + [Point(-1, 0)])),
        shapely.to_wkb(GeometryCollection([MultiPolygon()] * 4 + [Point(float("nan"), 0)])),
        shapely.to_wkb(GeometryCollection([MultiPolygon([BOWTIE]), *[MultiPolygon()] * 3, Point(0, 0)])),
    ],
)
def test_a_damaged_extent_is_refused(content: bytes) -> None:
    """A cache entry that is cut, of another kind or holds invalid polygons is not believed."""
    with pytest.raises(ValueError, match="extent"):
        TileExtent.from_bytes(content, GRID)


@given(
    st.integers(0, 10_000),
    st.floats(0, 6.28),
    st.sampled_from([("EPSG:7855", 0.15), ("EPSG:26914", 5.0), ("EPSG:4326", 1e-5), ("EPSG:2263", 1.0)]),
    st.booleans(),
)
def test_an_extent_fits_its_own_grid(seed: int, angle: float, place: tuple[str, float], mirrored: bool) -> None:
    """However the grid is turned, in metres, feet or degrees: what was traced on it is read back, counts and all."""
    crs, size = place
    across, down = np.array([np.cos(angle), np.sin(angle)]) * size, np.array([-np.sin(angle), np.cos(angle)]) * size
    down = -down if mirrored else down
    grid = Grid(8, 6, (across[0], down[0], 14.15, across[1], down[1], 42.3), crs)
    random = np.random.default_rng(seed)
    labels, valid = random.integers(0, 3, (6, 8)).astype(np.uint8), random.random((6, 8)) < 0.8
    tile = extract(labels, valid, grid, (1,))
    assert TileExtent.from_bytes(tile.to_bytes(), grid) == tile


def _moved(area: MultiPolygon, by: float) -> MultiPolygon:
    return shapely.transform(area, lambda points: points + by)


def _scaled(area: MultiPolygon, factor: float) -> MultiPolygon:
    return shapely.transform(area, lambda points: points * factor)


def _doubled(area: MultiPolygon) -> MultiPolygon:
    return MultiPolygon([*area.geoms, *area.geoms])


TILE = _tile(3, (1,))
EMPTY = MultiPolygon()


@pytest.mark.parametrize(
    ("areas", "counts", "words"),
    [
        ([_moved(area, 12.0) for area in TILE.areas], (TILE.flood_px, 0), "reaches beyond the tile"),
        ([_scaled(area, 100.0) for area in TILE.areas], (TILE.flood_px, 0), "reaches beyond the tile"),
        ([_moved(area, 0.4) for area in TILE.areas], (TILE.flood_px, 0), "not corners of the tile's pixels"),
        ([_scaled(TILE.flood, 1e300), EMPTY, EMPTY, EMPTY], (1, 0), "reaches beyond the tile"),
        ([_moved(TILE.flood, float("inf")), EMPTY, EMPTY, EMPTY], (1, 0), "not a finite number"),
        (TILE.areas, (TILE.flood_px + 1, 0), "it counts"),
        (TILE.areas, (TILE.flood_px, 48), "it counts"),
        ([TILE.flood, EMPTY, EMPTY, EMPTY], (TILE.flood_px, 0), "contradict"),
        ([EMPTY, TILE.observed, TILE.observed, EMPTY], (0, 0), "contradict"),
        ([EMPTY, TILE.observed, EMPTY, TILE.observed], (0, 0), "contradict"),
        ([_doubled(TILE.flood), TILE.observed, EMPTY, EMPTY], (2 * TILE.flood_px, 0), "overlap"),
    ],
)
def test_an_extent_of_other_ground_is_refused(areas: list[MultiPolygon], counts: tuple[int, int], words: str) -> None:
    """Sound polygons that this tile cannot have, or that contradict each other or their counts, are not believed."""
    content = shapely.to_wkb(GeometryCollection([*areas, Point(*counts)]), byte_order=1)
    with pytest.raises(ValueError, match=words):
        TileExtent.from_bytes(content, GRID)


def test_no_file_ends_the_process() -> None:
    """Whatever bytes an extent's file holds, reading it ends with an extent or an error, never with a fault of GEOS."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, extent_fuzz.__file__]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
