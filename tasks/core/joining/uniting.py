"""Union of polygons of many tiles, group by group: one union over everything takes more than its share of time."""

import numpy as np
import shapely
from shapely import MultiPolygon

from tasks.core.arrays import IntArray, ObjectArray


def unite(polygons: ObjectArray, tile_of: IntArray, grid_size: float | None = None) -> ObjectArray:
    """Unite the polygons of different tiles that intersect or touch; the others pass through as they are.

    Args:
        polygons: (n,) valid polygons. Those of one tile do not overlap.
        tile_of: (n,) number of the tile that each comes from.
        grid_size: Step of the lattice that new vertices come to lie on, and those of all polygons lie on; None for
            where they are.

    Returns:
        Valid polygons that overlap nowhere and share no edge.
    """
    if len(polygons) < 2:  # noqa: PLR2004 - it takes two to touch
        return polygons
    group_of = groups(len(polygons), _meetings(polygons, tile_of))
    order = np.argsort(group_of, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(group_of[order])) + 1)
    alone = np.array([group[0] for group in members if len(group) == 1], np.int64)
    united = [shapely.union_all(polygons[group], grid_size=grid_size) for group in members if len(group) > 1]
    return np.concatenate([polygons[alone], polygon_parts(np.array(united, np.object_))[0]])


def as_multipolygons(geometries: ObjectArray, sliver: float = 0.0) -> ObjectArray:
    """(n,) multipolygons of the polygons in (n,) geometries of any kind, empty where there are none.

    Args:
        geometries: None counts as empty.
        sliver: Polygons no wider than this, in units of the CRS, are left out: where edges run aslant, rounding their
            vertices leaves such slivers between neighbours.
    """
    parts, owner = polygon_parts(geometries)
    solid = shapely.area(parts) > sliver * shapely.length(parts) / 2
    multipolygons = np.full(len(geometries), MultiPolygon(), np.object_)
    shapely.multipolygons(parts[solid], indices=owner[solid], out=multipolygons)
    return multipolygons


def polygon_parts(geometries: ObjectArray) -> tuple[ObjectArray, IntArray]:
    """Polygons in geometries of any kind, without lines and points, and the number of the geometry of each."""
    parts, owner = shapely.get_parts(geometries, return_index=True)
    parts, part = shapely.get_parts(parts, return_index=True)  # a collection may hold multipolygons
    is_area = (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & ~shapely.is_empty(parts)
    return parts[is_area], owner[part[is_area]]


def valid_polygons(polygons: ObjectArray) -> ObjectArray:
    """The polygons, with the invalid ones among them made valid."""
    broken = ~shapely.is_valid(polygons)
    if not broken.any():
        return polygons
    repaired = shapely.make_valid(polygons[broken], method="structure", keep_collapsed=False)
    return np.concatenate([polygons[~broken], polygon_parts(repaired)[0]])


def numbers_by_owner(owner: IntArray, count: int) -> list[IntArray]:
    """For each of ``count`` owners the places in (n,) ``owner`` at which it stands, ascending."""
    order = np.argsort(owner, kind="stable")
    return np.split(order, np.searchsorted(owner[order], np.arange(1, count)))[:count]


def _meetings(polygons: ObjectArray, tile_of: IntArray) -> IntArray:
    """(2, m) pairs of polygons of different tiles that intersect or touch."""
    first, second = shapely.STRtree(polygons).query(polygons)
    candidates = (first < second) & (tile_of[first] != tile_of[second])
    first, second = first[candidates], second[candidates]
    shapely.prepare(polygons)
    met = shapely.intersects(polygons[first], polygons[second])
    return np.asarray([first[met], second[met]], np.int64)


def groups(count: int, pairs: IntArray) -> IntArray:
    """(count,) the smallest member of each one's connected group: labels sink along pairs until they rest."""
    group_of = np.arange(count)
    while True:
        lower = np.minimum(group_of[pairs[0]], group_of[pairs[1]])
        sunk = group_of.copy()
        np.minimum.at(sunk, group_of[pairs[0]], lower)
        np.minimum.at(sunk, group_of[pairs[1]], lower)
        sunk = sunk[sunk]
        if np.array_equal(sunk, group_of):
            return group_of
        group_of = sunk
