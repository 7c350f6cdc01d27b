"""The ground in rectangles of some tiles each, so that no more than one is worked on at a time."""

import numpy as np
import shapely

from tasks.core.arrays import BoolMask, FloatArray, IntArray, ObjectArray
from tasks.core.joining.uniting import polygon_parts

EVERYWHERE = (-np.inf, -np.inf, np.inf, np.inf)
WORTH_HALVING = 0.85  # the larger half's share of the tiles: where they lie over each other, no line parts them

Rectangle = tuple[float, float, float, float]


def halves(bounds: FloatArray, around: Rectangle, most_tiles: int) -> tuple[Rectangle, Rectangle] | None:
    """A rectangle in two, along an edge of a tile, so that little is cut.

    Args:
        bounds: (n, 4) xmin, ymin, xmax, ymax of the tiles that reach into it.
        around: The rectangle; infinite where nothing lies beyond.
        most_tiles: So many need not be parted.

    Returns:
        Both halves; None where the tiles are few enough, or lie over each other, so that no line parts them.
    """
    if len(bounds) <= most_tiles:
        return None
    longer = int(np.argmax(bounds[:, 2:].max(axis=0) - bounds[:, :2].min(axis=0)))
    for axis in (longer, 1 - longer):
        line, share = _best_line(bounds[:, axis], bounds[:, axis + 2])
        if share <= WORTH_HALVING:
            xmin, ymin, xmax, ymax = around
            if axis == 0:
                return (xmin, ymin, line, ymax), (line, ymin, xmax, ymax)
            return (xmin, ymin, xmax, line), (xmin, line, xmax, ymax)
    return None


def _best_line(low: FloatArray, high: FloatArray) -> tuple[float, float]:
    """The tile's edge that leaves the fewest tiles on the side with more of them, and their share."""
    lines = np.unique(np.concatenate([low, high]))
    below = np.searchsorted(np.sort(low), lines, side="left")
    above = len(high) - np.searchsorted(np.sort(high), lines, side="right")
    larger = np.maximum(below, above)
    best = int(np.argmin(larger))
    return float(lines[best]), float(larger[best] / len(low))


def reaching(bounds: FloatArray, rectangle: Rectangle) -> BoolMask:
    """Whether each of (n, 4) bounds shares ground with a rectangle, not just its edge; False for NaN."""
    xmin, ymin, xmax, ymax = rectangle
    west, south, east, north = bounds.T
    return np.asarray((west < xmax) & (east > xmin) & (south < ymax) & (north > ymin))


def at_edge(polygons: ObjectArray, rectangle: Rectangle) -> BoolMask:
    """Whether each of (n,) polygons that lie in a rectangle comes to one of its edges."""
    return np.asarray((shapely.bounds(polygons).reshape(-1, 4) == np.array(rectangle)).any(axis=1))


def overlapping(bounds: FloatArray) -> tuple[IntArray, IntArray]:
    """Numbers of those of (n, 4) bounds that share ground, not just an edge: a pair for each two."""
    boxes = shapely.box(*bounds.T)
    first, second = shapely.STRtree(boxes).query(boxes)
    first, second = first[first < second], second[first < second]
    low, high = np.maximum(bounds[first], bounds[second])[:, :2], np.minimum(bounds[first], bounds[second])[:, 2:]
    share = (low < high).all(axis=1)
    return first[share], second[share]


def clipped(polygons: ObjectArray, rectangle: Rectangle) -> tuple[ObjectArray, IntArray]:
    """What of (n,) polygons lies in a rectangle, and the number of the polygon of each piece.

    Whole coordinates stay whole where edges run along the axes.
    """
    if rectangle == EVERYWHERE:
        return polygons, np.arange(len(polygons))
    bounds = shapely.bounds(polygons).reshape(-1, 4)
    (near,) = np.nonzero(reaching(bounds, rectangle))
    bounds = bounds[near]
    low, high = np.array(rectangle[:2]), np.array(rectangle[2:])
    crosses = (bounds[:, :2] < low).any(axis=1) | (bounds[:, 2:] > high).any(axis=1)
    across = near[crosses]
    total = shapely.total_bounds(polygons)
    box = shapely.box(*np.maximum(low, total[:2]), *np.minimum(high, total[2:]))
    pieces, owner = polygon_parts(shapely.intersection(polygons[across], box))
    return np.concatenate([polygons[near[~crosses]], pieces]), np.concatenate([near[~crosses], across[owner]])
