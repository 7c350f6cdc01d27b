"""Whether outlines bound valid polygons that overlap nowhere, and where they do not.

Coverage validation of GEOS says the same, but looks at all of a polygon for each other that lies in its bounds: with a
lake of many islands that takes more than its share of time.
"""

import numpy as np
import shapely

from tasks.core.arrays import BoolMask, IntArray
from tasks.core.geo.rings import is_first, previous
from tasks.core.smoothing.outlines import Outlines


def unsound(found: Outlines) -> BoolMask:
    """(p,) whether each polygon is invalid, overlaps another, or has an edge that another's vertex lies on.

    Where edges meet at common vertices alone, and neighbouring edges around each vertex agree on whose ground lies
    between them, outlines do not cross; then two polygons overlap only if one holds all of the other.
    """
    polygons = found.polygons()
    bad = ~shapely.is_valid(polygons)
    spoilt = np.zeros(len(found.points), np.bool_)
    spoilt[_crossing(found)] = True
    spoilt[_overlapping(found)] = True
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
    return np.concatenate([first[apart], second[apart]]).ravel()


def _overlapping(found: Outlines) -> IntArray:
    """Vertices around which neighbouring edges do not agree on whose ground lies between them."""
    edges, count = found.edges, len(found.points)
    origin, end = np.concatenate([edges, edges[:, ::-1]]).T
    order = np.lexsort((np.arctan2(*(found.points[end] - found.points[origin]).T[::-1]), origin))
    origin, end = origin[order], end[order]
    following = np.arange(1, len(origin) + 1)
    starts = np.flatnonzero(is_first(origin))
    following[np.append(starts[1:], len(origin)) - 1] = starts
    by_name = np.argsort(origin * count + end)
    names = (origin * count + end)[by_name]

    on_left = _interior_is_left(found)[found.ring_of]
    of = found.polygon_of[found.ring_of]
    sides = np.full((2, len(origin)), -1)  # whose ground lies counter-clockwise, and clockwise, of each edge
    taken = np.zeros((2, len(origin)), np.int64)
    for side, ahead in enumerate((on_left, ~on_left)):
        edge = by_name[np.searchsorted(names, found.at * count + np.where(ahead, found.behind, found.before))]
        sides[side, edge] = of
        np.add.at(taken[side], edge, 1)
    disagree = (sides[0] != sides[1, following]) | (taken > 1).any(axis=0)
    return np.asarray(origin[disagree], np.int64)


def _interior_is_left(found: Outlines) -> BoolMask:
    """(r,) whether the polygon lies to the left along each ring, which for a shell is counter-clockwise."""
    x, y = (found.points - found.points[:1])[found.at].T
    before = previous(found.ring_of)
    areas = np.bincount(found.ring_of, x[before] * y - x * y[before], len(found.polygon_of))
    return np.asarray((areas > 0) == is_first(found.polygon_of))
