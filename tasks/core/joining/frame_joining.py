"""Joining tiles of one frame: along its axes only the order of coordinates matters, and the union is exact.

The ground is taken in halves, quarters and so on, down to rectangles of some tiles each. What lies within one is
finished with it; what comes to its edge is put together with what is beyond, by the edges that they share, some levels
up. So what is held at a time is what lies on edges, not what lies between. The union of areas is one and the same in
any order, and so are its outlines: which rectangles were taken does not show.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import MultiPolygon

from tasks.core.arrays import FloatArray, IntArray, ObjectArray
from tasks.core.geo.grid import Grid
from tasks.core.geo.precision import round_coordinates, step
from tasks.core.geo.rings import turns
from tasks.core.joining.axes import ALONG_AXES, Frame, on_lattice
from tasks.core.joining.blocks import EVERYWHERE, Rectangle, at_edge, clipped, halves, overlapping, reaching
from tasks.core.joining.dissolving import dissolve
from tasks.core.joining.ranks import Places
from tasks.core.joining.uniting import unite, valid_polygons

# Coordinates of one place in two tiles differ by the rounding of one or both.
SAME_PLACE_STEPS = 1.5
# Levels of halves whose pieces are put together at once: a river costs its edges each time.
LEVELS_AT_ONCE = 4
MERGED_AT_ONCE = 64  # tiles, whose places are few between them where they adjoin


class EdgesAslant(Exception):
    """Edges of some polygon run along no axis of the frame."""


@dataclass(frozen=True, slots=True, eq=False)
class Axes:
    """The places along both axes of a frame: the coordinates of all polygons in it, by their order.

    Attributes:
        frame: In which they are taken.
        x: Places along the first axis.
        y: Along the second.
        crs: Of the ground.
    """

    frame: Frame
    x: Places
    y: Places
    crs: str

    def ranked(self, polygons: ObjectArray) -> ObjectArray:
        """Polygons of the ground with ranks for coordinates.

        Raises:
            EdgesAslant: Of some an edge keeps neither.
        """
        inside = self.frame.enter(shapely.get_coordinates(polygons))
        ranks = np.stack([self.x.ranks(inside[:, 0]), self.y.ranks(inside[:, 1])], axis=1)
        ranked = shapely.set_coordinates(polygons.copy(), ranks)
        if not _runs_along_axes(ranked):
            raise EdgesAslant
        return np.asarray(ranked, np.object_)

    def on_ground(self, ranked: ObjectArray) -> ObjectArray:
        """Back from ranks, to the least coordinate of each place, rounded."""
        polygons = np.asarray(shapely.transform(ranked, self._leave), np.object_)
        # Along the CRS's axes all keeps its order. Aslant, rounding may bring a vertex across an edge.
        return polygons if self.frame == ALONG_AXES else valid_polygons(polygons)

    def _leave(self, ranks: FloatArray) -> FloatArray:
        columns, rows = ranks.astype(np.int64).T
        inside = np.stack([self.x.lows[columns], self.y.lows[rows]], axis=1)
        return round_coordinates(self.frame.leave(inside), self.crs)


@dataclass(frozen=True, slots=True, eq=False)
class FrameTiles:
    """Tiles of one frame.

    Attributes:
        frame: Theirs.
        multipolygons: One a tile.
        grids: Of each; None where it has none.
    """

    frame: Frame
    multipolygons: Sequence[MultiPolygon]
    grids: Sequence[Grid | None]

    def polygons(self, number: int) -> ObjectArray:
        """Those of a tile."""
        return on_lattice(shapely.get_parts(self.multipolygons[number]), self.grids[number])

    def survey(self, crs: str) -> tuple[Axes, FloatArray]:
        """The places of all coordinates, and (n, 4) the bounds of each tile's polygons in ranks; NaN where none are."""
        tolerance = SAME_PLACE_STEPS * step(crs)
        x, y, corners = _Gathered(tolerance), _Gathered(tolerance), np.full((len(self.multipolygons), 4), np.nan)
        for number in range(len(self.multipolygons)):
            inside = self.frame.enter(shapely.get_coordinates(self.polygons(number)))
            if len(inside):
                x.add(inside[:, 0])
                y.add(inside[:, 1])
                corners[number] = *inside.min(axis=0), *inside.max(axis=0)
        axes = Axes(self.frame, x.places(), y.places(), crs)
        bounds = np.column_stack([place.ranks(corners[:, term]) for term, place in enumerate((axes.x, axes.y) * 2)])
        return axes, np.where(np.isnan(corners), np.nan, bounds)


class _Gathered:
    """Places of many tiles along one axis, merged now and then, so that they stay few."""

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self._parts: list[Places] = []

    def add(self, coordinates: FloatArray) -> None:
        self._parts.append(Places.of(coordinates, self._tolerance))
        if len(self._parts) > MERGED_AT_ONCE:
            self._parts = [self.places()]

    def places(self) -> Places:
        return Places.merged(self._parts, self._tolerance)


def join_in_frame(tiles: FrameTiles, crs: str, block_tiles: int) -> ObjectArray:
    """Unite the polygons of tiles of one frame.

    Returns:
        Polygons on the ground without vertices on straight lines, in no order.

    Raises:
        EdgesAslant: Of some an edge runs along no axis of the frame.
    """
    axes, bounds = tiles.survey(crs)
    return concatenated(axes.on_ground(part) for part in join_ranked(tiles, axes, bounds, block_tiles))


def join_ranked(tiles: FrameTiles, axes: Axes, bounds: FloatArray, block_tiles: int) -> Iterator[ObjectArray]:
    """Unite them in ranks; ``axes`` and ``bounds`` are what a survey of the tiles has found.

    Yields:
        Polygons without vertices on straight lines, as soon as nothing can be added to them any more.

    Raises:
        EdgesAslant: Of some an edge runs along no axis of the frame.
    """
    yield from _Joining(tiles, axes, bounds, block_tiles).joined(np.flatnonzero(~np.isnan(bounds[:, 0])), EVERYWHERE)


@dataclass(frozen=True, slots=True, eq=False)
class _Joining:
    """Tiles of a frame, which are joined rectangle by rectangle, each in two halves.

    Attributes:
        tiles: All of them.
        axes: Their places.
        bounds: (n, 4) of each tile's polygons, in ranks.
        block_tiles: So many are worked on at a time.
    """

    tiles: FrameTiles
    axes: Axes
    bounds: FloatArray
    block_tiles: int

    def joined(self, near: IntArray, around: Rectangle, level: int = 0) -> Generator[ObjectArray, None, ObjectArray]:
        """Unite what the tiles near a rectangle have in it.

        Yields:
            What is finished.

        Returns:
            What may go on beyond the rectangle's edge; at some levels in pieces that are still to be put together.
        """
        parts = halves(self.bounds[near], around, self.block_tiles)
        if parts is None:
            united = _united(self.tiles, near, self.bounds[near], self.axes, around)
            is_open = at_edge(united, around)
            yield drop_straight(united[~is_open])
            return united[is_open]
        lower, upper = parts
        pieces = concatenated(
            [(yield from self._half(near, lower, level + 1)), (yield from self._half(near, upper, level + 1))]
        )
        if level % LEVELS_AT_ONCE:
            return pieces
        united = dissolve(pieces)
        is_open = at_edge(united, around)
        yield united[~is_open]
        return united[is_open]

    def _half(self, near: IntArray, half: Rectangle, level: int) -> Generator[ObjectArray, None, ObjectArray]:
        return self.joined(near[reaching(self.bounds[near], half)], half, level)


def _united(tiles: FrameTiles, near: IntArray, bounds: FloatArray, axes: Axes, rectangle: Rectangle) -> ObjectArray:
    """The union, in ranks, of what the tiles near a rectangle have in it; ``bounds`` (n, 4) are those of each."""
    parts = [tiles.polygons(number) for number in near]
    tile_of = np.repeat(np.arange(len(near)), [len(part) for part in parts])
    pieces, owner = clipped(axes.ranked(concatenated(parts)), rectangle)
    tile_of = tile_of[owner]
    if len(overlapping(bounds)[0]):
        return unite(pieces, tile_of)
    at_seam = (shapely.bounds(pieces).reshape(-1, 4) == bounds[tile_of]).any(axis=1)
    return np.concatenate([pieces[~at_seam], dissolve(pieces[at_seam])])


def concatenated(parts: Iterable[ObjectArray]) -> ObjectArray:
    """All of them, also if there are none."""
    return np.concatenate([np.empty(0, np.object_), *parts])


def _runs_along_axes(polygons: ObjectArray) -> bool:
    """Whether every edge keeps x or y."""
    coordinates, ring_of = shapely.get_coordinates(shapely.get_rings(polygons), return_index=True)
    moves = np.diff(coordinates, axis=0)[ring_of[1:] == ring_of[:-1]] != 0
    return not moves.all(axis=1).any()


def drop_straight(polygons: ObjectArray) -> ObjectArray:
    """Drop the vertices at which the outline does not turn, from polygons whose edges run along the axes."""
    rings, polygon_of = shapely.get_rings(polygons, return_index=True)
    coordinates, ring_of = shapely.get_coordinates(rings, return_index=True)
    closes = np.append(ring_of[1:] != ring_of[:-1], True)[: len(ring_of)]  # rings repeat their first point at the end
    coordinates, ring_of = coordinates[~closes], ring_of[~closes]
    turning = turns(coordinates[:, 0], ring_of)
    thinned = shapely.linearrings(coordinates[turning], indices=ring_of[turning])
    return np.asarray(shapely.polygons(thinned, indices=polygon_of), np.object_)
