"""Water told apart: flood, normal water, and water on excluded ground; and traces, where normal water is dry."""

from dataclasses import dataclass

import numpy as np
import shapely

from tasks.core.arrays import BoolMask, IntArray, ObjectArray
from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.geo.precision import step
from tasks.core.geo.reprojection import metres_per_unit
from tasks.core.given_areas.mask import Mask, Parts, reading_order, solid
from tasks.core.joining.filtering import is_below
from tasks.core.joining.uniting import unite

# Pixels of one width differ by so much over a scene, and grids by the rounding of their corners.
SLACK = 1.01
SURELY_WIDE = 2.0  # times the tolerance: polygons of so large a mean width are not looked at more closely


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """What is too small to be flood of its own beside normal water.

    Attributes:
        tolerance_m: Widest piece that counts as misregistration, metres on the ground.
        min_area_m2: Smallest polygon of the product, square metres on the ellipsoid.
    """

    tolerance_m: float
    min_area_m2: float


@dataclass(frozen=True, slots=True, eq=False)
class WaterClasses:
    """Water by class: flood, normal water and excluded water overlap nowhere, and together are all of it.

    Attributes:
        flood: Polygons of flood, and which polygon of water each is a part of.
        normal: Polygons of water that is there without a flood, too.
        excluded: Polygons of water on excluded ground, and the number of the reason of each.
    """

    flood: Parts
    normal: ObjectArray
    excluded: Parts


def classify(water: ObjectArray, normal: Mask | None, excluded: Parts | None, limits: Limits, crs: str) -> WaterClasses:
    """Tell the classes apart: first what is excluded, then what is normal water, then flood.

    Args:
        water: (n,) valid polygons that overlap nowhere, on the lattice of ``crs``.
        normal: Normal water; None where none was given.
        excluded: Polygons that overlap nowhere, with the number of the reason of each; None likewise.
        limits: What beside normal water is none of its own.
        crs: Of all of them.
    """
    flood, none = Parts(water, np.arange(len(water))), Parts(water[:0], np.empty(0, np.int64))
    on_excluded = none
    if excluded is not None:
        ground = Mask(excluded.polygons, crs)
        on_excluded = _by_reason(ground.inside(water).polygons, excluded, crs)
        flood = ground.outside(water)
    if normal is None:
        return WaterClasses(in_order(flood), none.polygons, in_order(on_excluded))
    both, alone = normal.inside(flood.polygons), normal.outside(flood.polygons)
    flood = Parts(alone.polygons, flood.owner[alone.owner])
    beside = normal.touches(flood.polygons)
    beside[beside] = is_slight(flood.polygons[beside], limits, crs)
    kinds = np.repeat([0, 1], [len(both.polygons), int(beside.sum())])
    united = unite(np.concatenate([both.polygons, flood.polygons[beside]]), kinds)
    return WaterClasses(
        in_order(Parts(flood.polygons[~beside], flood.owner[~beside])),
        in_order(Parts(united, np.zeros(len(united), np.int64))).polygons,
        in_order(on_excluded),
    )


def traces(normal: Mask, observed: ObjectArray, water: ObjectArray, crs: str) -> ObjectArray:
    """Normal water that was observed and is dry: (m,) polygons from the north, then from the west.

    ``observed`` and ``water`` are all the ground that was looked at and all the water that was found, (n,) polygons.
    """
    seen = Mask(observed, crs).inside(normal.polygons)
    dry = Mask(water, crs).outside(seen.polygons)
    return in_order(dry).polygons


def clipped(found: Parts, area: Mask | None) -> Parts:
    """Parts within an area, those that it splits as several; all of them where there is none."""
    if area is None:
        return found
    inside = area.inside(found.polygons)
    return in_order(Parts(inside.polygons, found.owner[inside.owner]))


def is_slight(polygons: ObjectArray, limits: Limits, crs: str) -> BoolMask:
    """Whether polygons are nowhere wider than the tolerance, or smaller than the smallest area.

    Wide is where it holds a square of that side along its edges: a line of single pixels is a pixel wide, at its bends,
    too. (The disc in a bend that touches its inner corner is 1.17 pixels wide.) So it is eroded with mitred corners.
    """
    if not len(polygons):
        return np.empty(0, np.bool_)
    slight = is_below(polygons, ellipsoidal_area_m2(polygons, crs), limits.min_area_m2, crs)
    rest = np.flatnonzero(~slight)
    metric = _in_metres(polygons[rest], crs)
    mean_width = 2 * shapely.area(metric) / shapely.length(metric)
    narrow = mean_width < SURELY_WIDE * limits.tolerance_m
    inner = shapely.buffer(metric[narrow], -SLACK * limits.tolerance_m / 2, join_style="mitre")
    slight[rest[narrow]] = shapely.is_empty(inner)
    return slight


def _in_metres(polygons: ObjectArray, crs: str) -> ObjectArray:
    """The polygons, each scaled so that lengths in it are metres on the ground."""
    if not len(polygons):
        return polygons
    bounds = shapely.bounds(polygons)
    centres = (bounds[:, :2] + bounds[:, 2:]) / 2
    points, owner = shapely.get_coordinates(polygons, return_index=True)
    scaled = (points - centres[owner]) * metres_per_unit(centres, crs)[owner]
    return np.asarray(shapely.set_coordinates(polygons.copy(), scaled), np.object_)


def _by_reason(water: ObjectArray, excluded: Parts, crs: str) -> Parts:
    """Water (n,) on excluded ground, with the number of its reason: a part for each polygon that it lies in."""
    if not len(water):
        return Parts(water, np.empty(0, np.int64))
    part, ground = shapely.STRtree(excluded.polygons).query(water, predicate="intersects")
    lone = shapely.covers(excluded.polygons[ground], water[part])
    cut = shapely.intersection(water[part[~lone]], excluded.polygons[ground[~lone]], grid_size=step(crs))
    pieces = solid(cut, crs)
    owner = np.concatenate([excluded.owner[ground[lone]], excluded.owner[ground[~lone]][pieces.owner]])
    return Parts(np.concatenate([water[part[lone]], pieces.polygons]), owner)


def in_order(found: Parts) -> Parts:
    """Parts normalised, from the north, then from the west."""
    polygons = shapely.normalize(found.polygons)
    order: IntArray = reading_order(polygons)
    return Parts(polygons[order], found.owner[order])
