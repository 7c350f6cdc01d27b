"""The grid of the rasters: which tiles keep their pixels."""

import math

import numpy as np
import pytest
from cut_scenes import grid_of, window
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.geo.grid import Grid
from tasks.core.rasters.output_grid import output_grid
from tasks.core.rasters.placing import Placement

SCENE = grid_of(np.zeros((500, 500)), pixel=0.15)
PLACES = st.tuples(st.integers(-10_000, 10_000), st.integers(-10_000, 10_000))


def _tile(row: float, column: float, rows: int = 40, columns: int = 30) -> Grid:
    return window(SCENE, row, column, rows, columns)


def _holds(whole: Grid, tile: Grid) -> bool:
    west, north = whole.xy(-0.1, -0.1)
    east, south = whole.xy(whole.width_px + 0.1, whole.height_px + 0.1)
    return all(west <= x <= east and south <= y <= north for x, y in tile.corners)


@given(st.lists(PLACES, min_size=1, max_size=6))
def test_tiles_of_one_grid_all_keep_their_pixels(places: list[tuple[int, int]]) -> None:
    """However far apart they are, and with not a row or column beyond them."""
    tiles = [_tile(*place) for place in places]
    found = output_grid(tiles)
    assert all(Placement(tile, found).is_aligned for tile in tiles)
    rows, columns = zip(*places, strict=True)
    assert found.height_px == max(rows) - min(rows) + 40
    assert found.width_px == max(columns) - min(columns) + 30


@given(st.lists(PLACES, min_size=2, max_size=4), st.floats(0.2, 0.8), st.floats(0.2, 0.8))
def test_most_tiles_decide(places: list[tuple[int, int]], row: float, column: float) -> None:
    """One that lies between their pixels is resampled, wherever it stands among them, and is in the raster."""
    odd, tiles = _tile(3 + row, 3 + column), [_tile(*place) for place in places]
    for number in (0, len(tiles)):
        found = output_grid([*tiles[:number], odd, *tiles[number:]])
        assert all(Placement(tile, found).is_aligned for tile in tiles)
        assert not Placement(odd, found).is_aligned
        assert _holds(found, odd)


def test_the_finest_decides_over_most() -> None:
    """Detail is not thrown away: coarse tiles get several pixels each."""
    fine = _tile(0, 0).resized(60, 80)
    found = output_grid([_tile(0, 30), _tile(0, 60), fine])
    assert Placement(fine, found).is_aligned
    assert found.transform[0] == pytest.approx(0.075)


def test_a_size_that_was_rounded_is_no_finer_pixel() -> None:
    """A tile whose pixels are smaller by a hundredth, for it had to have a whole number of them, decides nothing."""
    tiles, rounded = [_tile(0, 0), _tile(0, 30)], _tile(40, 0, 33, 33).resized(34, 34)
    found = output_grid([rounded, *tiles])
    assert all(Placement(tile, found).is_aligned for tile in tiles)


@given(st.floats(-math.pi, math.pi))
def test_turned_tiles_alone(angle: float) -> None:
    """A grid north up, with pixels as large as theirs, around them."""
    tile = grid_of(np.zeros((40, 60)), angle, pixel=0.5)
    found = output_grid([tile])
    assert found.transform[1] == found.transform[3] == 0
    assert (found.transform[0], -found.transform[4]) == pytest.approx((0.5, 0.5))
    assert _holds(found, tile)
    assert found.width_px * found.height_px <= 72.5**2 + 200


def test_degrees() -> None:
    """Pixels of a geographic CRS are far below a degree, and not square on the ground."""
    tiles = [Grid(30, 40, (1.1e-6, 0.0, 146.8 + 33e-6 * n, 0.0, -9.7e-7, -29.9), "EPSG:7844") for n in range(3)]
    found = output_grid(tiles)
    assert (found.width_px, found.height_px) == (90, 40)
    assert all(Placement(tile, found).is_aligned for tile in tiles)
