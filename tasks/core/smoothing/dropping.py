"""Vertices dropped where the outline hardly changes: Visvalingam-Whyatt, with a bound on the displacement.

The vertex whose triangle with its neighbours is smallest goes first: Visvalingam and Whyatt, Line generalisation by
repeated elimination of points, The Cartographic Journal 30 (1993). Many go at once, each the smallest around it.
"""

import numpy as np

from tasks.core.arrays import BoolMask, FloatArray, IntArray
from tasks.core.geo.precision import step
from tasks.core.geo.rings import is_first
from tasks.core.smoothing.corners import FEWEST_CORNERS, Obstacles, Scale
from tasks.core.smoothing.hausdorff import line_distances
from tasks.core.smoothing.outlines import Outlines

DROPPED = 0.25  # pixels that the outline may move by
SAME_DIGITS = 6  # of a pixel: on a lattice much is equal, whichever way round a ring is followed


def dropped(found: Outlines, scale: Scale) -> Outlines:
    """Outlines without the vertices that lie within ``DROPPED`` pixels of the line without them.

    Every vertex that is gone lies so near to the edge that took its place; a ring keeps three at least. None is dropped
    over another vertex, or where the edge that would take its place is there already.
    """
    rounds = _Rounds(found, scale)
    while rounds.drop():
        pass
    kept = rounds.alive[found.at]
    vertex = found.at[kept]
    return found.moved(found.points[vertex], found.held[vertex], found.ring_of[kept], scale.crs)


class _Rounds:
    """What is left of the outlines, round by round."""

    def __init__(self, found: Outlines, scale: Scale) -> None:
        self.alive = np.ones(len(found.points), np.bool_)
        self._found = found
        self._obstacles = Obstacles(found, scale)
        self._pixels = scale.in_pixels(found.points - found.points[:1])
        self._ties = _scattered(found.points, step(scale.crs))
        self._area = np.full(len(found.points), np.inf)  # infinite of what may not go
        self._may_go = found.neighbours[:, 0] >= 0
        self._may_go[found.at[is_first(found.ring_of)]] = False
        self._is_new = self._may_go.copy()  # whether what a vertex stands between has changed

    def drop(self) -> bool:
        """Drop what may go at once; whether more might follow."""
        ring_of = self._found.ring_of
        place = np.flatnonzero(self.alive[self._found.at])
        vertex = self._found.at[place]
        starts = np.flatnonzero(is_first(ring_of[place]))
        sizes = np.diff(np.append(starts, len(place)))
        behind = np.arange(1, len(place) + 1)
        behind[np.append(starts[1:], len(place)) - 1] = starts
        tight = vertex[np.repeat(sizes <= FEWEST_CORNERS, sizes)]
        self._may_go[tight] = False
        self._area[tight] = np.inf
        self._measure(place, vertex, behind)
        inner = np.flatnonzero(np.isfinite(self._area[vertex]))
        triples = np.stack([vertex[inner - 1], vertex[inner], vertex[behind[inner]]], axis=1)
        triples = triples[self._is_less(triples[:, 0], triples[:, 1]) & self._is_less(triples[:, 2], triples[:, 1])]
        triples = triples[np.unique(triples[:, 1], return_index=True)[1]]
        going = self._unhindered(triples, np.stack([vertex, vertex[behind]], axis=1))
        self._area[triples[:, 1]] = np.inf
        self._may_go[triples[:, 1]] = False
        self.alive[triples[going, 1]] = False
        self._is_new[triples[going][:, [0, 2]]] = True
        return len(triples) > 0

    def _measure(self, place: IntArray, vertex: IntArray, behind: IntArray) -> None:
        """Take the area anew of what stands between other vertices than before; infinite where it must stay."""
        inner = np.flatnonzero((self._is_new & self._may_go)[vertex])
        self._is_new[:] = False
        before, after = place[inner - 1], place[behind[inner]]
        wraps = after < before
        ends = np.append(np.flatnonzero(is_first(self._found.ring_of)), len(place_of := self._found.at))
        last = np.where(wraps, ends[self._found.ring_of[before] + 1], after)
        start, stop = (self._pixels[place_of[one]] for one in (before, after))
        corner = self._pixels[vertex[inner]] - start
        base = stop - start
        areas = np.abs(base[:, 0] * corner[:, 1] - base[:, 1] * corner[:, 0])
        self._area[vertex[inner]] = np.round(areas, SAME_DIGITS)
        counts = last - before - 1
        which = np.repeat(np.arange(len(inner)), counts)
        between = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts) + before[which] + 1
        new_edges = np.stack([start, stop], axis=1)[which]
        too_far = np.round(line_distances(self._pixels[place_of[between]], new_edges), SAME_DIGITS) > DROPPED
        self._area[vertex[inner][which[too_far]]] = np.inf

    def _is_less(self, other: IntArray, one: IntArray) -> BoolMask:
        area, ties = self._area, self._ties
        return np.asarray((area[one] < area[other]) | ((area[one] == area[other]) & (ties[one] < ties[other])))

    def _unhindered(self, triples: IntArray, edges: IntArray) -> BoolMask:
        """Whether nothing lies in the triangle of three vertices, and the edge between the outer two is new."""
        triangle, hit = self._obstacles.within(self._found.points[triples])
        count = len(self._found.points)
        is_there = np.append(self.alive, True)[np.minimum(hit, count)]
        own = (triples[triangle] == hit[:, None]).any(axis=1)
        free = np.ones(len(triples), np.bool_)
        free[triangle[is_there & ~own]] = False
        names = _names(triples[:, [0, 2]], count)
        order = np.argsort(self._ties[triples[:, 1]])
        once = np.zeros(len(triples), np.bool_)
        once[order[np.unique(names[order], return_index=True)[1]]] = True
        there = np.sort(_names(edges, count))
        found = there[np.minimum(np.searchsorted(there, names), len(there) - 1)]
        return np.asarray(free & once & (found != names))


def _names(edges: IntArray, count: int) -> IntArray:
    low, high = np.sort(edges, axis=1).T
    return np.asarray(low * count + high, np.int64)


def _scattered(points: FloatArray, lattice: float) -> IntArray:
    """(n,) numbers without order that depend on each place alone: along a slope, every other of equal vertices goes."""
    columns, rows = np.round(points / lattice).astype(np.int64).view(np.uint64).T
    mixed = columns * np.uint64(0x9E3779B97F4A7C15) + rows * np.uint64(0xC2B2AE3D27D4EB4F)  # splitmix64, xxHash64
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray((mixed >> np.uint64(1)).view(np.int64), np.int64)
