"""Polygons of several sets, each of which lies apart in itself, so that none overlaps another."""

from collections.abc import Sequence

import numpy as np
import shapely

from tasks.core.arrays import BoolMask, IntArray, ObjectArray
from tasks.core.joining.uniting import as_multipolygons


def apart(sets: Sequence[ObjectArray], grid_size: float, strip: float) -> tuple[ObjectArray, BoolMask]:
    """All polygons behind one another; what several sets have stays in the first of them.

    Args:
        sets: Each (n,) multipolygons of one CRS, valid, of which none overlap.
        grid_size: Of the coordinates of what is cut, in units of the CRS.
        strip: What is cut is left without strips no wider than this, in units of the CRS.

    Returns:
        (m,) multipolygons, empty where others have all of one; (m,) which of them were cut.
    """
    geometries: ObjectArray = np.empty(0, np.object_)
    is_cut: BoolMask = np.empty(0, np.bool_)
    for found in sets:
        cut = found.copy()
        rows, others = _meetings(cut, geometries)
        for row in np.unique(rows):
            before = shapely.union_all(geometries[others[rows == row]])
            cut[row] = shapely.difference(cut[row], before, grid_size=grid_size)
        changed = np.isin(np.arange(len(cut)), rows)
        cut[changed] = as_multipolygons(cut[changed], strip)
        geometries, is_cut = np.concatenate([geometries, cut]), np.concatenate([is_cut, changed])
    return geometries, is_cut


def _meetings(geometries: ObjectArray, others: ObjectArray) -> tuple[IntArray, IntArray]:
    """Pairs of a polygon and another that share ground."""
    rows, numbers = shapely.STRtree(others).query(geometries)  # by their boxes
    shapely.prepare(others)
    met = shapely.intersects(others[numbers], geometries[rows])
    rows, numbers = rows[met], numbers[met]
    share = ~shapely.touches(others[numbers], geometries[rows])
    return rows[share], numbers[share]
