"""Large areas in small pieces, so that what meets them is cut by what is near alone.

A polygon of 100,000 vertices takes 10 ms to cut a house from; its piece there takes 10 µs.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import shapely
from shapely import Polygon

from tasks.core.arrays import IntArray, ObjectArray
from tasks.core.joining.uniting import as_multipolygons

FEW_VERTICES = 128  # a piece has about so many
MOST_VERTICES = 4 * FEW_VERTICES  # where they lie unevenly
DEEPEST = 60  # halvings; then the vertices lie in one place
ALIKE = 1e-9  # share of its area by which a polygon and the sum of its parts differ by rounding


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """An area in pieces that overlap nowhere, to be found by where they are.

    Attributes:
        polygons: (n,) valid polygons; neighbours share edges.
    """

    polygons: ObjectArray
    tree: shapely.STRtree = field(init=False)

    def __post_init__(self) -> None:
        shapely.prepare(self.polygons)
        object.__setattr__(self, "tree", shapely.STRtree(self.polygons))


def pieces_of(polygons: ObjectArray) -> Pieces:
    """Cut polygons that overlap nowhere into pieces of few vertices, along lines from north to south and west to east.

    Args:
        polygons: (n,) valid polygons.
    """
    is_large = shapely.get_num_coordinates(polygons) > MOST_VERTICES
    cells = [polygons[~is_large], *(_cells(polygon) for polygon in polygons[is_large])]
    small, waiting = [], np.concatenate(cells)
    for _ in range(DEEPEST):
        large = shapely.get_num_coordinates(waiting) > MOST_VERTICES
        small.append(waiting[~large])
        waiting = _halves(waiting[large])
        if not len(waiting):
            break
    return Pieces(np.concatenate([*small, waiting]))


def _cells(polygon: Polygon) -> ObjectArray:
    """What of a polygon lies in each cell of a grid, about as many cells as it must have pieces.

    Clipping at a rectangle is 8 times faster than intersecting, but may leave rings that touch themselves, or worse:
    such are made valid, and if the parts do not add up to the whole, the polygon is left as it was.
    """
    side = math.ceil(math.sqrt(shapely.get_num_coordinates(polygon) / FEW_VERTICES))
    west, south, east, north = shapely.bounds(polygon)
    columns, rows = np.linspace(west, east, side + 1), np.linspace(south, north, side + 1)
    strips = [shapely.clip_by_rect(polygon, left, south, right, north) for left, right in pairwise(columns)]
    found = [shapely.clip_by_rect(strips, west, bottom, east, top) for bottom, top in pairwise(rows)]
    parts = solid_parts(_valid(np.concatenate(found)))
    whole = shapely.area(polygon)
    return parts if abs(shapely.area(parts).sum() - whole) <= ALIKE * whole else np.array([polygon], np.object_)


def _valid(geometries: ObjectArray) -> ObjectArray:
    broken = ~shapely.is_valid(geometries)
    geometries[broken] = shapely.make_valid(geometries[broken], method="structure", keep_collapsed=False)
    return geometries


def _halves(polygons: ObjectArray) -> ObjectArray:
    """What lies on either side of the middle of each, across its longer side."""
    if not len(polygons):
        return polygons
    west, south, east, north = shapely.bounds(polygons).T
    x, y = (west + east) / 2, (south + north) / 2
    is_wide = east - west > north - south
    first = shapely.box(west, south, np.where(is_wide, x, east), np.where(is_wide, north, y))
    second = shapely.box(np.where(is_wide, x, west), np.where(is_wide, south, y), east, north)
    halves = np.concatenate([shapely.intersection(polygons, first), shapely.intersection(polygons, second)])
    return solid_parts(halves)


def solid_parts(geometries: ObjectArray, sliver: float = 0.0) -> ObjectArray:
    """The polygons in geometries of any kind; ``sliver`` as in ``as_multipolygons``."""
    return np.asarray(shapely.get_parts(as_multipolygons(geometries, sliver)), np.object_)


def united_by(owner_of: IntArray, geometries: ObjectArray) -> tuple[IntArray, ObjectArray]:
    """Unite what belongs together.

    Args:
        owner_of: (n,) number that each belongs to.
        geometries: (n,) valid geometries.

    Returns:
        The numbers that there are, ascending, and for each the union of what it has.
    """
    owners, member_of = np.unique(owner_of, return_inverse=True)
    order = np.argsort(member_of, kind="stable")
    together = shapely.geometrycollections(geometries[order], indices=member_of[order])
    return owners, np.asarray(shapely.union_all(together[:, None], axis=1), np.object_)


def without(polygons: ObjectArray, taken: Pieces, sliver: float) -> ObjectArray:
    """The parts of (n,) polygons that lie outside an area; those no wider than ``sliver`` are left out."""
    polygon_of, piece_of = taken.tree.query(polygons, predicate="intersects")
    covered = polygon_of[shapely.covers(taken.polygons[piece_of], polygons[polygon_of])]
    is_free = np.ones(len(polygons), np.bool_)
    is_free[polygon_of] = False
    crossing = ~np.isin(polygon_of, covered)
    if not crossing.any():
        return polygons[is_free]
    numbers, cover = united_by(polygon_of[crossing], taken.polygons[piece_of[crossing]])
    rest = solid_parts(shapely.difference(polygons[numbers], cover), sliver)
    return np.concatenate([polygons[is_free], rest])
