"""Whether outlines bound valid polygons that overlap nowhere, and where they do not.

Coverage validation of GEOS says the same, but looks at all of a polygon for each other that lies in its bounds: with a
lake of many islands that takes more than its share of time.
"""

import numpy as np
import shapely

from tasks.core.arrays import BoolMask, IntArray
from tasks.core.smoothing.outlines import Outlines


def unsound(found: Outlines) -> BoolMask:
    """(p,) whether each polygon is invalid, overlaps another, or has an edge that another's vertex lies on."""
    polygons = found.polygons()
    bad = ~shapely.is_valid(polygons)
    spoilt = np.zeros(len(found.points), np.bool_)
    spoilt[_crossing(found)] = True
    bad[found.polygon_of[found.ring_of[spoilt[found.at]]]] = True
    inner = shapely.point_on_surface(polygons[~bad])
    point, polygon = shapely.STRtree(polygons).query(inner, predicate="within")
    owner = np.flatnonzero(~bad)[point]
    bad[owner[owner != polygon]] = True
    bad[polygon[owner != polygon]] = True
    return np.asarray(bad)


def _crossing(found: Outlines) -> IntArray:
    """Vertices of edges that meet elsewhere than at a vertex of both."""
    edges, segments = found.edges, found.segments
    one, other = shapely.STRtree(segments).query(segments, predicate="intersects")
    upper = one < other
    first, second = edges[one[upper]], edges[other[upper]]
    apart = ~(first[:, :, None] == second[:, None, :]).any(axis=(1, 2))
    return np.unique(np.concatenate([first[apart], second[apart]]))
