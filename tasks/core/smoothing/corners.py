"""Corners cut off and rounded, where no other part of any outline is in the way.

What the whole room rests on: the triangle between a vertex and a point on each of its two edges has outline on two of
its sides, which nothing crosses. Whatever reaches into it came in through the third side, and a straight edge cannot
leave again, so it has a vertex inside. Where none lies inside, the outline may be laid anywhere within the triangle: it
meets nothing, and what is left of the triangles of other corners stays free, too. So all such corners change at once.
"""

from dataclasses import dataclass

import numpy as np
import shapely

from tasks.core.arrays import FloatArray, IntArray
from tasks.core.smoothing.outlines import Outlines, are_among

CUT = 0.5  # pixels that a corner may move by when it is cut
ROUNDED = 0.25  # and when it is rounded
# A line in the ground makes runs of pixels; longer ones than twice this, in pixels, are drawn as level ground with a
# step, which is spread over so much on either side.
REACH = 4.0
FEWEST_CORNERS = 4  # rings of so many have no stairs: a pixel, or a rectangle of pixels, stays what it is
ROUNDING = np.array([0.0, 0.25, 0.5, 0.75, 1.0])  # of a corner's curve; the middle is the farthest from the corner


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """How large things are.

    Attributes:
        crs: Of the coordinates.
        metres: (2,) ground metres of a unit along x, and along y.
        pixel_m: Side of the largest mapped pixel, metres.
        border: (b, 2) vertices of other outlines that nothing may be moved across, in units of the CRS.
    """

    crs: str
    metres: FloatArray
    pixel_m: float
    border: FloatArray

    def in_pixels(self, vectors: FloatArray) -> FloatArray:
        """Vectors (…, 2) in units of the CRS, in pixels."""
        return np.asarray(vectors * (self.metres / self.pixel_m), np.float64)


class Obstacles:
    """All vertices that a moving outline might run over."""

    def __init__(self, found: Outlines, scale: Scale) -> None:
        """Index those of the outlines, and of the border where it is not theirs."""
        border = scale.border[~are_among(scale.border, found.points)]
        self._tree = shapely.STRtree(shapely.points(np.concatenate([found.points, border])))

    def within(self, triangles: FloatArray) -> tuple[IntArray, IntArray]:
        """Numbers of triangles (n, 3, 2) and of the vertices in or on each; the border's come behind the outlines'."""
        triangle, vertex = self._tree.query(shapely.polygons(triangles), predicate="intersects")
        return np.asarray(triangle, np.int64), np.asarray(vertex, np.int64)


def cut(found: Outlines, scale: Scale) -> Outlines:
    """Cut corners from the middle of one edge to the middle of the next: the steps of a slope become a line.

    A corner whose both edges are longer than a pixel is one of the ground: it is cut half a pixel from itself. No
    outline is displaced by more than ``CUT`` pixels. Rings of four corners stay.
    """
    ends = _unless_small(found)
    sides = scale.in_pixels(found.points[ends] - found.points[:, None])
    lengths = _lengths(sides)
    far = np.minimum(0.5, REACH / lengths)
    near = np.minimum(0.5, CUT / lengths)
    far = np.where((_heights(sides * far[..., None]) > CUT)[:, None], near, far)
    shares = _free(found, ends, [far, near], scale)
    return _replaced(found, ends, shares, np.array([0.0, 1.0]), scale)


def rounded(found: Outlines, scale: Scale) -> Outlines:
    """Round corners by a parabola between their edges, the limit of Chaikin's corner cutting.

    It starts at the middle of an edge, or nearer to a corner that it would leave by more than ``ROUNDED`` pixels.
    Source: Riesenfeld, On Chaikin's algorithm, Computer Graphics and Image Processing 4 (1975).
    """
    ends = found.neighbours
    sides = scale.in_pixels(found.points[ends] - found.points[:, None])
    shares = np.minimum(0.5, REACH / _lengths(sides))
    gap = np.hypot(*(sides * shares[..., None]).sum(axis=1).T) / 4
    shares = shares * np.minimum(1.0, ROUNDED / np.maximum(gap, ROUNDED / 2))[:, None]
    return _replaced(found, ends, _free(found, ends, [shares, shares / 2], scale), ROUNDING, scale)


def _unless_small(found: Outlines) -> IntArray:
    small = np.bincount(found.ring_of, minlength=len(found.polygon_of)) <= FEWEST_CORNERS
    ends = found.neighbours
    ends[found.at[small[found.ring_of]]] = -1
    return ends


def _lengths(sides: FloatArray) -> FloatArray:
    lengths = np.hypot(sides[..., 0], sides[..., 1])
    return np.where(lengths > 0, lengths, 1.0)  # of a vertex that stays


def _heights(legs: FloatArray) -> FloatArray:
    """(v,) from a corner at 0 to the line between the ends of its two legs (v, 2, 2)."""
    across = legs[:, 0, 0] * legs[:, 1, 1] - legs[:, 0, 1] * legs[:, 1, 0]
    base = np.hypot(*(legs[:, 1] - legs[:, 0]).T)
    return np.asarray(np.abs(across) / np.maximum(base, np.finfo(np.float64).tiny), np.float64)


def _free(found: Outlines, ends: IntArray, offers: list[FloatArray], scale: Scale) -> FloatArray:
    """(v, 2) shares of its two edges that each corner may be cut at: the first offer that is free, or 0."""
    obstacles = Obstacles(found, scale)
    shares = np.zeros((len(ends), 2))
    open_ = np.flatnonzero(ends[:, 0] >= 0)
    for offer in offers:
        corners = found.points[open_]
        points = corners[:, None] + (found.points[ends[open_]] - corners[:, None]) * offer[open_, :, None]
        triangle, vertex = obstacles.within(np.concatenate([corners[:, None], points], axis=1))
        blocked = np.zeros(len(open_), np.bool_)
        blocked[triangle[vertex != open_[triangle]]] = True
        shares[open_[~blocked]] = offer[open_[~blocked]]
        open_ = open_[blocked]
    return shares


def _replaced(found: Outlines, ends: IntArray, shares: FloatArray, steps: FloatArray, scale: Scale) -> Outlines:
    """Outlines with a curve of some steps in place of each vertex that has shares; the others stay."""
    changed = shares[:, 0] > 0
    corner, sides = found.points[:, None], found.points[ends]
    # The middle of an edge must be the same number, seen from either of its ends.
    points = np.where(shares[..., None] == 0.5, (corner + sides) / 2, corner + (sides - corner) * shares[..., None])  # noqa: PLR2004
    first, last, along = points[:, None, 0], points[:, None, 1], steps[None, :, None]
    curves = (1 - along) ** 2 * first + 2 * along * (1 - along) * corner + along**2 * last
    counts = np.where(changed, len(steps), 1)[found.at]
    place = np.repeat(np.arange(len(found.at)), counts)
    number = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
    vertex = found.at[place]
    forward = found.before[place] == ends[vertex, 0]
    number = np.where(forward, number, len(steps) - 1 - number)
    moves = changed[vertex]
    coordinates = np.where(moves[:, None], curves[vertex, np.where(moves, number, 0)], found.points[vertex])
    return found.moved(coordinates, found.held[vertex] & ~moves, found.ring_of[place], scale.crs)
