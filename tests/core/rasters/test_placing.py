"""Imagery that does not lie on the raster's pixels is interpolated where it belongs."""

import numpy as np
import pytest
from affine import Affine
from cut_scenes import grid_of, window
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.geo.grid import Grid
from tasks.core.rasters.output_grid import output_grid
from tasks.core.rasters.placing import WINDOW_PX, Placement, Window, windows


@pytest.mark.parametrize("angle", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_a_slope_keeps_its_place(angle: float, scale: float) -> None:
    """Interpolation of a plane is exact: each pixel has the plane's value at its own centre."""
    source = grid_of(np.zeros((90, 100)), angle, pixel=0.5 * scale)
    target = output_grid([grid_of(np.zeros((90, 100)), angle, pixel=0.5), source])
    rows, columns = np.indices((90, 100)) + 0.5
    image = np.repeat((2 * columns + rows)[..., None] / 2, 3, axis=2)
    placement = Placement(source, target)
    compared = 0
    for part in placement.windows():
        found = placement.linear(part, np.rint(image).astype(np.uint8))
        y, x = np.indices(part.shape) + 0.5
        column, row = ~Affine(*source.transform) * Affine(*target.transform) * (x + part.column, y + part.row)
        inside = (column > 1) & (column < 99) & (row > 1) & (row < 89)
        assert np.abs(found[..., 0] - (2 * column + row) / 2)[inside].max() <= 1.1
        compared += inside.sum()
    assert compared > 7000 * scale**2


@given(st.integers(1, 400), st.integers(1, 400), st.floats(0.05, 3.0))
def test_no_pixel_is_lost_between_two_tiles(columns: int, more: int, pixel: float) -> None:
    """Tiles side by side, half a pixel off the raster's, so that centres lie on their seam: one of them has each."""
    whole = grid_of(np.zeros((3, columns + more)), pixel=pixel)
    target = window(whole, 0, 0.5, 3, columns + more - 1)
    area = Window(0, 0, 3, columns + more - 1)
    tiles = window(whole, 0, 0, 3, columns), window(whole, 0, columns, 3, more)
    left, right = (Placement(tile, target).nearest(area) for tile in tiles)
    assert (left.inside | right.inside).all()
    assert (left.inside & right.inside).sum() <= 3


def test_windows_cover_a_raster_once() -> None:
    """Each pixel of the rows and columns asked for is in one window, and none begins inside a block."""
    grid = Grid(2500, 1100, (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), "EPSG:7855")
    times = np.zeros((1100, 2500), np.uint8)
    for part in windows(grid, (-20, 1090), (1030, 9999)):
        assert part.row % WINDOW_PX == part.column % WINDOW_PX == 0
        times[part.row : part.row + part.height_px, part.column : part.column + part.width_px] += 1
    assert (times[:, 1024:] == 1).all()
    assert not times[:, :1024].any()
