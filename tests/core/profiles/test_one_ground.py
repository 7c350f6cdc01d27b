"""Polygons of several sets that are to overlap nowhere."""

import numpy as np
import shapely

from tasks.core.profiles.one_ground import apart


def _boxes(*bounds: tuple[float, float, float, float]) -> np.ndarray:
    return np.array([shapely.MultiPolygon([shapely.box(*one)]) for one in bounds], np.object_)


def test_what_two_sets_share_stays_in_the_first() -> None:
    """Areas add up to that of the union; a polygon that others have all of is empty; the first set stays as it is."""
    first = _boxes((0, 0, 4, 4), (10, 0, 14, 4))
    second = _boxes((2, 2, 12, 3), (1, 1, 2, 2), (4, 0, 6, 1))
    geometries, is_cut = apart([first, second], 1e-6, 1e-5)
    assert is_cut.tolist() == [False, False, True, True, False]
    assert shapely.area(geometries).tolist() == [16.0, 16.0, 6.0, 0.0, 2.0]
    assert shapely.union_all(geometries).area == shapely.union_all([*first, *second]).area


def test_strips_of_rounding_are_no_ground() -> None:
    """What is left of a polygon that another repeats, but for a hair along an edge, is nothing."""
    geometries, is_cut = apart([_boxes((0, 0, 4, 4)), _boxes((0, 0, 4, 4.0000049))], 1e-6, 1e-5)
    assert is_cut.tolist() == [False, True]
    assert shapely.area(geometries).tolist() == [16.0, 0.0]


def test_no_sets_have_no_polygons() -> None:
    """A product without a layer of flood gives none."""
    geometries, is_cut = apart([], 1e-6, 1e-5)
    assert len(geometries) == len(is_cut) == 0
