"""Polygons split by an area: inside and outside are all of them, and nothing twice."""

import numpy as np
import shapely
from cut_scenes import MGA, blobs, grid_of
from given_scenes import area, given, stars
from hypothesis import given as whenever
from hypothesis import strategies as st

from tasks.core.arrays import ObjectArray
from tasks.core.given_areas.mask import Mask
from tasks.core.polygons.tracing import mask_polygons, to_crs

STEP = 1e-4


def _water(seed: int, angle: float = 0.0) -> ObjectArray:
    mask = blobs(seed, (40, 50))
    return np.asarray(shapely.get_parts(to_crs(mask_polygons(mask), grid_of(mask, angle))), np.object_)


@whenever(st.integers(0, 10_000), st.sampled_from([0.0, 0.3]), st.integers(0, 8))
def test_inside_and_outside_add_up(seed: int, angle: float, number: int) -> None:
    """They overlap nowhere and cover the polygons, but for the rounding of coordinates along the cut."""
    water, mask = _water(seed, angle), given(stars(seed, number), "exclude").in_crs(MGA).polygons
    inside, outside = Mask(mask, MGA).inside(water), Mask(mask, MGA).outside(water)
    rounding = STEP * (shapely.length(water).sum() + shapely.length(mask).sum())
    assert abs(area(inside.polygons) + area(outside.polygons) - area(water)) <= rounding
    both = shapely.union_all(inside.polygons), shapely.union_all(outside.polygons)
    assert shapely.area(shapely.intersection(*both)) <= rounding
    assert abs(area(inside.polygons) - shapely.area(shapely.union_all(water) & shapely.union_all(mask))) <= rounding


@whenever(st.integers(0, 10_000))
def test_parts_are_valid_on_the_lattice_and_know_their_polygon(seed: int) -> None:
    """Each part is a valid polygon of coordinates of 0.1 mm, and lies in the polygon that it is a part of."""
    water, mask = _water(seed), given(stars(seed, 5), "exclude").in_crs(MGA).polygons
    for parts in (Mask(mask, MGA).inside(water), Mask(mask, MGA).outside(water)):
        assert shapely.is_valid(parts.polygons).all()
        coordinates = shapely.get_coordinates(parts.polygons)
        assert (coordinates == np.round(coordinates, 4)).all()
        assert shapely.covers(shapely.buffer(water[parts.owner], 2 * STEP), parts.polygons).all()
        assert (np.diff(parts.owner) >= 0).all()


def test_what_the_area_does_not_cut_stays_as_it_is() -> None:
    """Polygons that lie wholly inside, or are not reached, keep every vertex."""
    water = _water(3)
    all_of_it = np.array([shapely.box(*shapely.total_bounds(water))], np.object_)
    whole = Mask(shapely.buffer(all_of_it, 10), MGA)
    assert shapely.to_wkb(whole.inside(water).polygons).tolist() == shapely.to_wkb(water).tolist()
    assert not len(whole.outside(water).polygons)
    nowhere = Mask(np.empty(0, np.object_), MGA)
    assert shapely.to_wkb(nowhere.outside(water).polygons).tolist() == shapely.to_wkb(water).tolist()
    assert not len(nowhere.inside(water).polygons)
