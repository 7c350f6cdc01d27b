"""Masks of polygons on another grid than theirs, against GDAL's."""

import numpy as np
import pytest
import shapely
from affine import Affine
from cut_scenes import blobs, grid_of, window
from hypothesis import given
from hypothesis import strategies as st
from rasterio.features import rasterize

from tasks.core.arrays import ObjectArray
from tasks.core.polygons.burning import burn
from tasks.core.polygons.tracing import mask_polygons, to_crs


def _polygons(seed: int, angle: float) -> ObjectArray:
    mask = blobs(seed)
    return shapely.get_parts(to_crs(mask_polygons(mask), grid_of(mask, angle)))


@given(st.integers(0, 1000), st.floats(-0.4, 0.4), st.floats(-9, 9), st.floats(-9, 9))
def test_the_pixels_are_gdals(seed: int, angle: float, row: float, column: float) -> None:
    """Of polygons that are turned against the grid, reach beyond it, and have holes and islands."""
    polygons, grid = _polygons(seed, angle + 0.05), window(grid_of(blobs(seed)), row, column, 50, 61)
    expected = rasterize(polygons, (50, 61), transform=Affine(*grid.transform)).astype(bool)
    assert (burn(polygons, grid) != expected).sum() <= 2  # a centre may lie on an edge, to the last bit


@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_on_their_own_grid_the_mask_comes_back(angle: float) -> None:
    """What was traced from a mask burns that mask; nothing burns none."""
    mask = blobs(1)
    assert np.array_equal(burn(_polygons(1, angle), grid_of(mask, angle)), mask)
    assert not burn(np.empty(0, np.object_), grid_of(mask, angle)).any()
