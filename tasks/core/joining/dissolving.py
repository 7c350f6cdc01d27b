"""Union of polygons that overlap nowhere, in time that grows with their edges alone.

Edges that two polygons share, over all or part of their length, are struck out; what is left is the outline of the
union, and is walked along ring by ring. No polygon is compared with another, so that one that runs through thousands
of parts costs no more than its edges.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
import shapely

from tasks.core.arrays import BoolMask, IntArray, ObjectArray
from tasks.core.geo.rings import is_first, previous
from tasks.core.joining.uniting import groups

_ACROSS, _UP = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class _Edges:
    """Directed edges along the axes, with what they bound on their left.

    Attributes:
        axis: (n,) 0 for edges along x, 1 along y.
        line: (n,) the other coordinate.
        start: (n,) coordinate along the axis at which each starts.
        end: (n,) at which it ends.
        owner: (n,) number of the polygon that each belongs to.
    """

    axis: IntArray
    line: IntArray
    start: IntArray
    end: IntArray
    owner: IntArray

    def take(self, which: IntArray | BoolMask) -> "_Edges":
        return _Edges(self.axis[which], self.line[which], self.start[which], self.end[which], self.owner[which])

    def points(self, along: IntArray) -> IntArray:
        """(n, 2) x, y of a coordinate along each."""
        is_up = self.axis[:, None] == _UP
        return np.where(is_up, np.stack([self.line, along], axis=1), np.stack([along, self.line], axis=1))

    @property
    def span(self) -> int:
        """More than any coordinate."""
        return int(max(self.start.max(), self.line.max())) + 1

    @property
    def heading(self) -> IntArray:
        """(n,) 0 east, 1 north, 2 west, 3 south."""
        return np.asarray(self.axis + 2 * (self.end < self.start), np.int64)


def dissolve(polygons: ObjectArray) -> ObjectArray:
    """Unite polygons that share edges.

    Args:
        polygons: (n,) valid polygons with whole coordinates from 0 to 2**31, whose edges run along the axes; they
            overlap nowhere, but may share edges, or parts of them.

    Returns:
        Valid polygons that share no edge, with vertices only where the outline turns; in no particular order.
    """
    if not len(polygons):
        return polygons
    edges, pairs = _unshared(_edges_of(polygons))
    component = groups(len(polygons), pairs)[edges.owner]
    steps, ring_of = _rings(edges)
    points, starts = edges.points(edges.start)[steps], np.flatnonzero(is_first(ring_of))
    rings, owner = shapely.linearrings(points.astype(np.float64), indices=ring_of), component[steps[starts]]
    order = np.lexsort((_doubled_areas(points, ring_of, starts) < 0, owner))  # each one's shell, then its holes
    return np.asarray(shapely.polygons(rings[order], indices=np.cumsum(is_first(owner[order])) - 1), np.object_)


def _edges_of(polygons: ObjectArray) -> _Edges:
    """All edges, with their polygon on the left, those that run straight on still apart."""
    rings, polygon_of = shapely.get_rings(polygons, return_index=True)
    points, ring_of = shapely.get_coordinates(rings, return_index=True)
    corners: IntArray = points.astype(np.int64)
    joined = np.flatnonzero(ring_of[1:] == ring_of[:-1])
    starts, ends, owner = corners[joined], corners[joined + 1], polygon_of[ring_of[joined]]
    is_hole = np.diff(polygon_of, prepend=-1) == 0
    turned = (shapely.is_ccw(rings) == is_hole)[ring_of[joined]]  # shells run counterclockwise, holes clockwise
    starts[turned], ends[turned] = ends[turned], starts[turned].copy()
    axis = (starts[:, 0] == ends[:, 0]).astype(np.int64)
    rows = np.arange(len(axis))
    return _Edges(axis, starts[rows, 1 - axis], starts[rows, axis], ends[rows, axis], owner)


def _unshared(edges: _Edges) -> tuple[_Edges, IntArray]:
    """The outline of the union, each edge in one piece; and (2, m) the polygons that share the struck out ones."""
    span = edges.span
    halves, pairs = zip(
        *(_unshared_along(edges.take(edges.axis == axis), span) for axis in (_ACROSS, _UP)), strict=True
    )
    whole = (np.concatenate([getattr(half, term.name) for half in halves]) for term in fields(_Edges))
    return _Edges(*whole), np.concatenate(pairs, axis=1)


def _unshared_along(edges: _Edges, span: int) -> tuple[_Edges, IntArray]:
    """The same of the edges along one axis."""
    at = edges.line * span  # where each line begins on one axis that holds all of them
    low, high = at + np.minimum(edges.start, edges.end), at + np.maximum(edges.start, edges.end)
    forward = edges.start < edges.end
    breaks = np.sort(np.concatenate([low, high]))
    breaks = breaks[np.append(True, breaks[1:] > breaks[:-1])]  # np.unique's hashing takes several times as long
    onward, back = (_covering(breaks, low, high, np.flatnonzero(side)) for side in (forward, ~forward))
    shared = (onward >= 0) & (back >= 0)
    pairs = np.stack([edges.owner[onward[shared]], edges.owner[back[shared]]])
    side = np.where(shared, 0, np.sign(onward - back))  # of two, only one is none
    first = np.flatnonzero((side != 0) & (side != np.append(0, side[:-1])))
    last = np.flatnonzero((side != 0) & (side != np.append(side[1:], 0)))
    whole = edges.take(np.maximum(onward, back)[first])
    start, end = breaks[first] % span, breaks[last + 1] % span
    ahead = side[first] > 0
    return replace(whole, start=np.where(ahead, start, end), end=np.where(ahead, end, start)), pairs


def _covering(breaks: IntArray, low: IntArray, high: IntArray, chosen: IntArray) -> IntArray:
    """Which of the chosen intervals, none of which overlap, covers the ground behind each break; -1 where none does."""
    if not len(chosen):
        return np.full(len(breaks), -1)
    order = chosen[np.argsort(low[chosen])]
    found = order[np.maximum(np.searchsorted(low[order], breaks, side="right") - 1, 0)]
    return np.where((low[found] <= breaks) & (breaks < high[found]), found, -1)


def _rings(edges: _Edges) -> tuple[IntArray, IntArray]:
    """Edges in the order of simple rings, one after the other, and the number of the ring of each."""
    following, passed_twice = (array("q", numbers.tobytes()) for numbers in _links(edges))
    rings = list(_walks(following, passed_twice))
    ring_of = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    return np.concatenate([np.frombuffer(ring, np.int64) for ring in rings]), ring_of


def _links(edges: _Edges) -> tuple[IntArray, IntArray]:
    """The edge that follows each; and the corner that it starts at where two outlines pass there, else -1.

    There the union touches itself or another one. Turning left keeps to the same quadrant of its inside.
    """
    span, heading = edges.span, edges.heading
    starts, ends = (edges.points(along) @ (span, 1) for along in (edges.start, edges.end))
    leaving, arriving = np.lexsort((heading, starts)), np.lexsort(((heading + 1) % 4, ends))
    following = np.empty(len(leaving), np.int64)
    following[arriving] = leaving
    passed_twice = np.full(len(leaving), -1)
    second = np.flatnonzero(np.diff(starts[leaving]) == 0) + 1
    passed_twice[leaving[second]] = passed_twice[leaving[second - 1]] = second
    return following, passed_twice


def _walks(following: "array[int]", passed_twice: "array[int]") -> Iterator["array[int]"]:
    """Simple rings of edges: where a walk comes back to a corner, what lies between is a ring of its own."""
    seen = bytearray(len(following))
    for first in range(len(following)):
        if seen[first]:
            continue
        path = array("q")
        been_at: dict[int, int] = {}
        edge = first
        while not seen[edge]:
            seen[edge] = 1
            corner = passed_twice[edge]
            if corner >= 0:
                if corner in been_at:
                    yield path[been_at[corner] :]
                    del path[been_at[corner] :]
                been_at[corner] = len(path)
            path.append(edge)
            edge = following[edge]
        yield path


def _doubled_areas(points: IntArray, ring_of: IntArray, starts: IntArray) -> IntArray:
    """Twice each ring's area, positive where it runs counterclockwise: only edges along y add to it."""
    rises = points[:, 1] - points[previous(ring_of), 1]
    return np.asarray(np.add.reduceat(2 * points[:, 0] * rises, starts), np.int64)
