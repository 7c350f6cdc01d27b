"""Polygons split by an area into what lies inside and what lies outside, near its edge alone."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import shapely

from tasks.core.arrays import BoolMask, IntArray, ObjectArray
from tasks.core.geo.precision import round_coordinates, step
from tasks.core.joining.uniting import as_multipolygons


class Parts(NamedTuple):
    """Parts of polygons.

    Attributes:
        polygons: (m,) valid polygons on the lattice of their CRS.
        owner: (m,) number of the polygon that each is a part of, ascending.
    """

    polygons: ObjectArray
    owner: IntArray


class Mask:
    """An area to split polygons by.

    Both results of a split come from the same lines, noded on the lattice of the coordinates (0.1 mm): they share their
    vertices, overlap nowhere, and their areas add up to the polygon's but for that rounding along the cut.
    """

    def __init__(self, polygons: ObjectArray, crs: str) -> None:
        """Index the area: (n,) valid polygons that overlap nowhere, in units of ``crs``."""
        self.polygons, self._crs = polygons, crs
        shapely.prepare(polygons)
        self._tree = shapely.STRtree(polygons)

    def touches(self, polygons: ObjectArray) -> BoolMask:
        """Whether each polygon shares at least a point with the area."""
        found = np.zeros(len(polygons), np.bool_)
        found[self._pairs(polygons)[0]] = True
        return found

    def inside(self, polygons: ObjectArray) -> Parts:
        """What of (n,) valid polygons lies in the area."""
        return self._split(polygons, shapely.intersection, np.zeros(len(polygons), np.bool_))

    def outside(self, polygons: ObjectArray) -> Parts:
        """What of them lies outside."""
        return self._split(polygons, shapely.difference, np.ones(len(polygons), np.bool_))

    def _pairs(self, polygons: ObjectArray) -> tuple[IntArray, IntArray]:
        """Numbers of polygons and of the area's, a pair for each two that share a point.

        The fewer ask for the more: they are the larger ones, which are prepared for it.
        """
        if len(polygons) < len(self.polygons):
            polygon, place = self._tree.query(polygons, predicate="intersects")
        else:
            place, polygon = shapely.STRtree(polygons).query(self.polygons, predicate="intersects")
        return np.asarray(polygon, np.int64), np.asarray(place, np.int64)

    def _split(self, polygons: ObjectArray, overlay: Callable[..., ObjectArray], passing: BoolMask) -> Parts:
        """Parts of polygons; ``passing`` says whether one that the area does not reach is kept as it is."""
        if not len(polygons) or not len(self.polygons):  # also where no CRS is known
            everything = np.flatnonzero(passing)
            return Parts(polygons[everything], everything)
        polygon, place = self._pairs(polygons)
        covered = np.unique(polygon[shapely.covers(self.polygons[place], polygons[polygon])])
        kept = passing.copy()
        kept[covered] = ~passing[covered]
        whole, cut = kept.copy(), np.setdiff1d(polygon, covered)
        whole[cut] = False
        order = np.argsort(polygon, kind="stable")
        polygon, place = polygon[order], place[order]
        near = [place[slice(*np.searchsorted(polygon, (one, one + 1)))] for one in cut]
        masks = np.array([*(shapely.multipolygons(self.polygons[some]) for some in near), None], np.object_)[:-1]
        pieces = solid(overlay(polygons[cut], masks, grid_size=step(self._crs)), self._crs)
        owner = np.concatenate([np.flatnonzero(whole), cut[pieces.owner]])
        found = np.concatenate([polygons[whole], pieces.polygons])
        order = np.argsort(owner, kind="stable")
        return Parts(found[order], owner[order])


def solid(geometries: ObjectArray, crs: str) -> Parts:
    """The polygons in (n,) geometries of any kind, on the lattice, without slivers as thin as its step."""
    polygons, owner = shapely.get_parts(as_multipolygons(geometries, step(crs)), return_index=True)
    rounded = shapely.transform(polygons, lambda points: round_coordinates(points, crs))
    return Parts(np.asarray(rounded, np.object_), np.asarray(owner, np.int64))


def reading_order(polygons: ObjectArray) -> IntArray:
    """Numbers of (n,) normalised polygons from the north, then from the west."""
    west, _, _, north = shapely.bounds(polygons).reshape(-1, 4).T
    return np.asarray(np.lexsort((shapely.to_wkb(polygons), west, -north)), np.int64)
