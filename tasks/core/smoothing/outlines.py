"""Polygons that share edges, as rings over one set of vertices: what moves a vertex moves it for all who share it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely

from tasks.core.arrays import BoolMask, FloatArray, IntArray, ObjectArray
from tasks.core.geo.precision import round_coordinates, step
from tasks.core.geo.rings import is_first, previous

ON_AN_EDGE = 2.0  # steps of the rounding: so near to an edge a vertex lies on it
FEWEST = 3  # vertices of a ring
ENDS = 2  # of an edge; and so many edges meet at a vertex that may move


@dataclass(frozen=True, eq=False)
class Outlines:
    """Rings of polygons, one after the other; each ring's first place is a vertex that its other side has, too.

    Attributes:
        points: (v, 2) vertices in units of the CRS, each once, by x, then by y.
        held: (v,) whether a vertex must stay where it is.
        at: (n,) the vertex at each place along the rings; the last of a ring is followed by its first.
        ring_of: (n,) the ring of each place.
        polygon_of: (r,) the polygon of each ring; of a polygon's rings the first is its shell.
    """

    points: FloatArray
    held: BoolMask
    at: IntArray
    ring_of: IntArray
    polygon_of: IntArray

    @cached_property
    def before(self) -> IntArray:
        """(n,) the vertex before each place."""
        return np.asarray(self.at[previous(self.ring_of)], np.int64)

    @cached_property
    def behind(self) -> IntArray:
        """(n,) the vertex behind each place."""
        found = np.empty_like(self.at)
        found[previous(self.ring_of)] = self.at
        return found

    @cached_property
    def edges(self) -> IntArray:
        """(e, 2) pairs of vertices, the lower first, each edge once however many polygons share it."""
        low, high = np.minimum(self.before, self.at), np.maximum(self.before, self.at)
        names = np.sort(low * len(self.points) + high)
        names = names[is_first(names)]  # a hash, as numpy's unique has it, takes far longer
        return np.stack(np.divmod(names, max(1, len(self.points))), axis=1)

    @property
    def segments(self) -> ObjectArray:
        """(e,) the edges as lines."""
        return np.asarray(shapely.linestrings(self.points[self.edges]), np.object_)

    @property
    def neighbours(self) -> IntArray:
        """(v, 2) the vertices before and behind each that may move, the lower first; -1 of one that may not.

        Where more than two edges meet, outlines part or touch: such a vertex stays, and so does the topology.
        """
        edges = self.edges
        origin, end = np.concatenate([edges, edges[:, ::-1]]).T
        order = np.lexsort((end, origin))
        count = np.bincount(origin, minlength=len(self.points))
        first = np.cumsum(count) - count
        found = np.full((len(self.points), ENDS), -1)
        free = (count == ENDS) & ~self.held
        found[free] = end[order][first[free, None] + [0, 1]]
        return found

    def polygons(self) -> ObjectArray:
        """The polygons that these outlines bound, valid or not."""
        if not len(self.at):
            return np.empty(0, np.object_)
        rings = shapely.linearrings(self.points[self.at], indices=self.ring_of)
        return np.asarray(shapely.polygons(rings, indices=self.polygon_of), np.object_)

    def moved(self, coordinates: FloatArray, held: BoolMask, ring_of: IntArray, crs: str) -> "Outlines":
        """The same rings along other places, (m, 2), rounded to the step of the CRS; repeated places become one."""
        points, at = _numbered(round_coordinates(coordinates, crs))
        is_held = np.zeros(len(points), np.bool_)
        is_held[at[held]] = True
        kept = _enough(at != at[previous(ring_of)], ring_of)
        return Outlines(points, is_held, *_started(at[kept], ring_of[kept]), self.polygon_of)


def outlines(polygons: ObjectArray, edge: ObjectArray, crs: str) -> Outlines:
    """Take polygons apart, with a vertex wherever one of another's lies on an edge.

    Args:
        polygons: (n,) valid polygons that overlap nowhere.
        edge: Polygons whose outline no vertex may leave that lies on it: the observed ground.
        crs: Of both.
    """
    rings, polygon_of = shapely.get_rings(polygons, return_index=True)
    coordinates, ring_of = shapely.get_coordinates(rings, return_index=True)
    closing = np.append(ring_of[1:] != ring_of[:-1], True)[: len(ring_of)]
    coordinates, ring_of = coordinates[~closing], ring_of[~closing]
    near, border = ON_AN_EDGE * step(crs), vertices(edge)
    coordinates, ring_of = _noded(_snapped(coordinates, border, near), ring_of, border, near)
    points, at = _numbered(coordinates)
    held = _are_on(points, lines(edge), near)
    return Outlines(points, held, *_started(*_without_spikes(at, ring_of)), np.asarray(polygon_of, np.int64))


def vertices(polygons: ObjectArray) -> FloatArray:
    """(n, 2) vertices of polygons, each once."""
    return _numbered(shapely.get_coordinates(polygons))[0]


def lines(polygons: ObjectArray) -> ObjectArray:
    """The edges of polygons, each a line: a tree over whole outlines would compare everything with all of them."""
    points, ring_of = shapely.get_coordinates(shapely.get_rings(polygons), return_index=True)
    same = ring_of[1:] == ring_of[:-1]
    return np.asarray(shapely.linestrings(np.stack([points[:-1][same], points[1:][same]], axis=1)), np.object_)


def are_among(points: FloatArray, others: FloatArray) -> BoolMask:
    """Whether points (n, 2) are exactly among others (m, 2)."""
    return np.isin(_plane(points), _plane(others))


def _plane(points: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.complex128]]:
    """Points as numbers, which sort by x, then by y; negative zero is zero."""
    return np.asarray(points[:, 0] + 0.0 + 1j * (points[:, 1] + 0.0), np.complex128)


def _numbered(coordinates: FloatArray) -> tuple[FloatArray, IntArray]:
    found, number = np.unique(_plane(coordinates), return_inverse=True)
    return np.stack([found.real, found.imag], axis=1), np.asarray(number, np.int64)


def _are_on(points: FloatArray, segments: ObjectArray, near: float) -> BoolMask:
    found = np.zeros(len(points), np.bool_)
    found[shapely.STRtree(segments).query(shapely.points(points), predicate="dwithin", distance=near)[0]] = True
    return found


def _snapped(coordinates: FloatArray, border: FloatArray, near: float) -> FloatArray:
    """Vertices that lie no farther apart than ``near`` made one: that of the border, or the lowest."""
    points, number = _numbered(coordinates)
    anchors = np.concatenate([border, points])
    one, other = shapely.STRtree(shapely.points(anchors)).query(shapely.points(points), "dwithin", near)
    lowest = np.arange(len(anchors))
    np.minimum.at(lowest, one + len(border), other)
    return np.asarray(anchors[lowest[lowest][number + len(border)]], np.float64)


def _noded(coordinates: FloatArray, ring_of: IntArray, border: FloatArray, near: float) -> tuple[FloatArray, IntArray]:
    """Places along rings, with those vertices put between that lie on an edge: of the rings, and the border."""
    points = _numbered(np.concatenate([coordinates, border]))[0]
    starts = coordinates[previous(ring_of)]
    sides = shapely.linestrings(np.stack([starts, coordinates], axis=1))
    place, point = shapely.STRtree(shapely.points(points)).query(sides, "dwithin", near)
    to_start, to_end = (np.hypot(*(points[point] - end[place]).T) for end in (starts, coordinates))
    inner = (to_start > near) & (to_end > near)
    place, point, to_start = place[inner], point[inner], to_start[inner]
    # A place stands behind all that was put between it and the one before.
    along = np.append(np.full(len(coordinates), np.inf), to_start)
    order = np.lexsort((along, np.append(np.arange(len(coordinates)), place)))
    return np.concatenate([coordinates, points[point]])[order], np.append(ring_of, ring_of[place])[order]


def _without_spikes(at: IntArray, ring_of: IntArray) -> tuple[IntArray, IntArray]:
    """Places of rings that do not stay, or go to a vertex and straight back; a ring that is nothing else is kept."""
    while True:
        before = previous(ring_of)
        behind = np.empty_like(at)
        behind[before] = at
        kept = _enough((at != at[before]) & (at[before] != behind), ring_of)
        if kept.all():
            return at, ring_of
        at, ring_of = at[kept], ring_of[kept]


def _enough(kept: BoolMask, ring_of: IntArray) -> BoolMask:
    """Which places are kept: all of a ring of which too few would be."""
    left = np.bincount(ring_of[kept], minlength=int(ring_of.max(initial=-1)) + 1)
    return np.asarray(kept | (left[ring_of] < FEWEST))


def _started(at: IntArray, ring_of: IntArray) -> tuple[IntArray, IntArray]:
    """Places of rings, each begun at its lowest vertex: where a ring begins must not depend on who drew it."""
    order = np.lexsort((at, ring_of))
    first = np.flatnonzero(is_first(ring_of))
    lengths = np.diff(np.append(first, len(at)))
    lowest = order[first] if len(at) else first  # sorted by vertex, the first of a ring is its lowest
    offset = np.arange(len(at)) - np.repeat(first, lengths)
    turned = np.repeat(first, lengths) + (offset + np.repeat(lowest - first, lengths)) % np.repeat(lengths, lengths)
    return at[turned], ring_of
