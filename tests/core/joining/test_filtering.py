"""Small holes are filled and small polygons dropped, by area on the ellipsoid, and only where that is known."""

import numpy as np
import pytest
import shapely
from shapely import Polygon

from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.joining.filtering import fill_small_holes, is_below

ALBERS = "EPSG:3577"  # equal area: a planar square metre is one on the ellipsoid
X, Y = 1_200_000.0, -4_000_000.0


def _box(x: float, y: float, width: float, height: float) -> Polygon:
    return shapely.box(X + x, Y + y, X + x + width, Y + y + height)


def _array(*polygons: Polygon) -> np.ndarray:
    return np.array([*polygons, None], dtype=object)[:-1]


LAKE = _box(0, 0, 100, 100)
EVERYTHING = _array(_box(-10, -10, 500, 500))


@pytest.mark.parametrize(("side", "kept"), [(4.9, False), (4.999, False), (5.0, True), (5.1, True)])
def test_a_polygon_of_the_smallest_size_is_kept(side: float, kept: bool) -> None:
    """Equal is kept: 5 m x 5 m passes at 25.0, a millimetre less does not."""
    polygons = _array(_box(0, 0, side, side))
    assert is_below(polygons, ellipsoidal_area_m2(polygons, ALBERS), 25.0, ALBERS).tolist() == [not kept]


def test_equal_squares_share_one_fate() -> None:
    """Squares of 5 m at any place are kept at 25.0, whichever way their corners were rounded."""
    starts = np.arange(50) * 5.00003
    corners = np.round(np.stack([starts, starts + 5 - 4e-5], axis=1), 4)
    polygons = shapely.box(X + corners[:, 0], Y, X + corners[:, 1], Y + 5)
    areas = ellipsoidal_area_m2(polygons, ALBERS)
    assert areas.min() < 25 - 1e-4
    assert not is_below(polygons, areas, 25.0, ALBERS).any()


@pytest.mark.parametrize(("side", "holes"), [(4.9, 0), (5.0, 1), (5.1, 1)])
def test_small_holes_are_filled(side: float, holes: int) -> None:
    """A hole below the smallest size is filled; one of that very size stays."""
    (filled,) = fill_small_holes(_array(LAKE - _box(20, 20, side, side)), EVERYTHING, 25.0, ALBERS)
    assert len(filled.interiors) == holes


def test_only_the_small_hole_is_filled() -> None:
    """Holes are judged one by one, and each polygon keeps its own."""
    pond, other = _box(40, 40, 20, 20), _box(200, 0, 50, 50) - _box(210, 10, 10, 10)
    filled = fill_small_holes(_array(other, LAKE - _box(20, 20, 2, 2) - pond), EVERYTHING, 25.0, ALBERS)
    assert shapely.equals(filled, _array(other, LAKE - pond)).all()


@pytest.mark.parametrize("unseen", [_box(20.5, 20.5, 1, 1), _box(19, 19, 2, 2), _box(0, 0, 100, 100)])
def test_a_hole_that_was_not_wholly_observed_stays(unseen: Polygon) -> None:
    """Nobody knows what lies in a hole that even in part is a failed tile or padding."""
    lake = LAKE - _box(20, 20, 3, 3)
    (filled,) = fill_small_holes(_array(lake), _array(EVERYTHING[0] - unseen), 25.0, ALBERS)
    assert filled.equals(lake)


def test_islands_in_a_filled_hole_are_absorbed() -> None:
    """An island in a filled hole, and all within it, becomes part of the polygon; others stay."""
    inner, elsewhere = _box(21, 21, 2, 2) - _box(21.5, 21.5, 1, 1), _box(21.7, 21.7, 0.5, 0.5)
    outside = _box(200, 200, 1, 1)
    filled = fill_small_holes(_array(inner, LAKE - _box(20, 20, 4, 4), elsewhere, outside), EVERYTHING, 25.0, ALBERS)
    assert shapely.equals(filled, _array(LAKE, outside)).all()


def test_an_island_in_a_large_hole_stays() -> None:
    """A hole that is not filled keeps its islands."""
    polygons = _array(LAKE - _box(20, 20, 40, 40), _box(30, 30, 10, 10))
    assert shapely.equals(fill_small_holes(polygons, EVERYTHING, 25.0, ALBERS), polygons).all()


def test_nothing_is_filled_below_zero() -> None:
    """With a smallest size of 0 everything stays, and no polygons give no polygons."""
    polygons = _array(LAKE - _box(20, 20, 1, 1))
    assert fill_small_holes(polygons, EVERYTHING, 0.0, ALBERS)[0].equals(polygons[0])
    assert len(fill_small_holes(_array(), EVERYTHING, 25.0, ALBERS)) == 0
