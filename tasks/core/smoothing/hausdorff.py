"""Hausdorff distance of two sets of lines: the farthest that any point of one lies from the other, both ways."""

import numpy as np
import shapely

from tasks.core.arrays import FloatArray

AT_ONCE = 100_000  # points that are looked up together: memory stays bounded


def hausdorff_distance(first: FloatArray, second: FloatArray, near: float, precision: float) -> float:
    """The distance of straight lines (n, 2, 2) to others (m, 2, 2), in their unit; 0 where there are none.

    A distance changes no faster than one moves. So between two points that are d and e away and l apart none is farther
    than (d + e + l) / 2, and only lines that could hold a farther point than any seen are halved.

    Args:
        first: Start and end of each line.
        second: Likewise.
        near: Within which most points have a line of the other kind: the search begins there.
        precision: The result is short of the true distance by no more than this.
    """
    if not len(first) or not len(second):
        return 0.0
    return max(_one_way(first, _Lines(second, near), precision), _one_way(second, _Lines(first, near), precision))


def line_distances(points: FloatArray, starts: FloatArray, ends: FloatArray) -> FloatArray:
    """(n,) from each point (n, 2) to a line of its own, which ends at its ends."""
    side, way = ends - starts, points - starts
    share = (way * side).sum(axis=1) / np.maximum((side**2).sum(axis=1), np.finfo(np.float64).tiny)
    return np.asarray(np.hypot(*(way - side * np.clip(share, 0, 1)[:, None]).T), np.float64)


class _Lines:
    """Finds the distance to the nearest of some lines."""

    def __init__(self, lines: FloatArray, near: float) -> None:
        self._lines, self._near = lines, near
        self._tree = shapely.STRtree(shapely.linestrings(lines))

    def distances(self, points: FloatArray) -> FloatArray:
        """(n,) from points (n, 2)."""
        places, number = np.unique(points[:, 0] + 1j * points[:, 1], return_inverse=True)
        unique = np.stack([places.real, places.imag], axis=1)
        parts = np.split(unique, range(AT_ONCE, len(unique), AT_ONCE))
        return np.asarray(np.concatenate([self._of(part) for part in parts])[number], np.float64)

    def _of(self, points: FloatArray) -> FloatArray:
        around = shapely.box(*(points - self._near).T, *(points + self._near).T)
        point, line = self._tree.query(around)
        found = np.full(len(points), np.inf)
        np.minimum.at(found, point, line_distances(points[point], self._lines[line, 0], self._lines[line, 1]))
        far = np.flatnonzero(found > self._near)  # there a line beyond the box may be nearer than those that reach it
        nearest = self._tree.query_nearest(shapely.points(points[far]), return_distance=True, all_matches=False)
        found[far] = nearest[1]
        return found


def _one_way(lines: FloatArray, others: _Lines, precision: float) -> float:
    distances = others.distances(lines.reshape(-1, 2)).reshape(-1, 2)
    farthest = float(distances.max())
    while len(lines):
        lengths = np.hypot(*(lines[:, 1] - lines[:, 0]).T)
        wide = (distances.sum(axis=1) + lengths) / 2 > farthest + precision
        lines, distances = lines[wide], distances[wide]
        middles = lines.mean(axis=1)
        between = others.distances(middles)
        farthest = max(farthest, float(between.max(initial=0.0)))
        lines = np.stack([lines[:, 0], middles, middles, lines[:, 1]], axis=1).reshape(-1, 2, 2)
        distances = np.stack([distances[:, 0], between, between, distances[:, 1]], axis=1).reshape(-1, 2)
    return farthest
