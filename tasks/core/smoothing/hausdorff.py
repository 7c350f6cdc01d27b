"""Hausdorff distance of two sets of lines: the farthest that any point of one lies from the other, both ways."""

import numpy as np
import shapely

from tasks.core.arrays import FloatArray, IntArray

AT_ONCE = 100_000  # points that are looked up together: memory stays bounded


def hausdorff_distance(first: FloatArray, second: FloatArray, near: float, precision: float) -> float:
    """The distance of straight lines (n, 2, 2) to others (m, 2, 2), in their unit; 0 where there are none.

    Only lines that could hold a farther point than any seen are halved. Along a line the distance to one other is
    largest at an end, and the distance to all others no larger than that to any of them; nor does it change faster
    than one moves, so between ends that are d and e away and l apart it is (d + e + l) / 2 at most.

    Args:
        first: Start and end of each line.
        second: Likewise.
        near: Within which most points have a line of the other kind: the search begins there.
        precision: The result is short of the true distance by no more than this.
    """
    if not len(first) or not len(second):
        return 0.0
    return max(_one_way(first, _Lines(second, near), precision), _one_way(second, _Lines(first, near), precision))


def line_distances(points: FloatArray, lines: FloatArray) -> FloatArray:
    """(n,) from each point (n, 2) to a line of its own, (n, 2, 2), which ends at its ends."""
    side, way = lines[:, 1] - lines[:, 0], points - lines[:, 0]
    share = (way * side).sum(axis=1) / np.maximum((side**2).sum(axis=1), np.finfo(np.float64).tiny)
    return np.asarray(np.hypot(*(way - side * np.clip(share, 0, 1)[:, None]).T), np.float64)


class _Lines:
    """Finds the nearest of some lines."""

    def __init__(self, lines: FloatArray, near: float) -> None:
        self.lines, self._near = lines, near
        self._tree = shapely.STRtree(shapely.linestrings(lines))

    def nearest(self, points: FloatArray) -> IntArray:
        """(n,) number of the line that is nearest to each of points (n, 2)."""
        places, number = np.unique(points[:, 0] + 1j * points[:, 1], return_inverse=True)
        unique = np.stack([places.real, places.imag], axis=1)
        parts = np.split(unique, range(AT_ONCE, len(unique), AT_ONCE))
        return np.asarray(np.concatenate([self._of(part) for part in parts])[number], np.int64)

    def _of(self, points: FloatArray) -> IntArray:
        around = shapely.box(*(points - self._near).T, *(points + self._near).T)
        point, line = self._tree.query(around)
        distances = line_distances(points[point], self.lines[line])
        order = np.lexsort((distances, point))[::-1]
        found, nearest = np.full(len(points), np.inf), np.zeros(len(points), np.int64)
        found[point[order]] = distances[order]  # of several values the last one stays
        nearest[point[order]] = line[order]
        far = np.flatnonzero(found > self._near)  # there a line beyond the box may be nearer than those that reach it
        nearest[far] = self._tree.nearest(shapely.points(points[far]))
        return nearest


def _one_way(lines: FloatArray, others: _Lines, precision: float) -> float:
    nearest = others.nearest(lines.reshape(-1, 2)).reshape(-1, 2)
    farthest = 0.0
    while len(lines):
        # From both ends (second axis) to the line that is nearest to the one end, and to the other (first axis).
        away = np.array([[line_distances(lines[:, end], others.lines[one]) for end in (0, 1)] for one in nearest.T])
        farthest = max(farthest, float(away[0, 0].max()), float(away[1, 1].max()))
        lengths = np.hypot(*(lines[:, 1] - lines[:, 0]).T)
        most = np.minimum(away.max(axis=1).min(axis=0), (away[0, 0] + away[1, 1] + lengths) / 2)
        lines, nearest = lines[most > farthest + precision], nearest[most > farthest + precision]
        middles = lines.mean(axis=1)
        between = others.nearest(middles)
        lines = np.stack([lines[:, 0], middles, middles, lines[:, 1]], axis=1).reshape(-1, 2, 2)
        nearest = np.stack([nearest[:, 0], between, between, nearest[:, 1]], axis=1).reshape(-1, 2)
    return farthest
