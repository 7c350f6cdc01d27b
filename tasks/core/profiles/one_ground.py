"""Polygons of several sets, each of which lies apart in itself, so that none overlaps another."""

from collections.abc import Sequence

import numpy as np
import shapely

from tasks.core.arrays import BoolMask, ObjectArray
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
    geometries = np.concatenate([np.empty(0, np.object_), *sets])
    set_of = np.repeat(np.arange(len(sets)), [len(one) for one in sets])
    is_cut = np.zeros(len(geometries), np.bool_)
    later, earlier = shapely.STRtree(geometries).query(geometries, predicate="intersects")
    meet = (set_of[earlier] < set_of[later]) & ~shapely.touches(geometries[earlier], geometries[later])
    for row in np.unique(later[meet]):
        others = shapely.union_all(geometries[earlier[meet & (later == row)]])
        geometries[row] = shapely.difference(geometries[row], others, grid_size=grid_size)
        is_cut[row] = True
    geometries[is_cut] = as_multipolygons(geometries[is_cut], strip)
    return geometries, is_cut
