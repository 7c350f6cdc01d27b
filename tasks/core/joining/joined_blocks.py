"""Joining what is joined already: blocks of tiles, each joined by itself, at another time or on another machine.

A block keeps its polygons by the order of their coordinates, with the places that these stand for and the bounds of its
tiles. So blocks come together as exactly as their tiles would: places are those of all blocks, and of each only what
reaches the ground of another's tiles is compared with anything.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import shapely
from shapely import MultiPolygon

from tasks.core.arrays import BoolMask, FloatArray, IntArray, ObjectArray
from tasks.core.errors import UnusableArgument
from tasks.core.geo.grid import Grid
from tasks.core.geo.precision import step
from tasks.core.joining.axes import Frame
from tasks.core.joining.blocks import overlapping
from tasks.core.joining.dissolving import dissolve
from tasks.core.joining.frame_joining import (
    SAME_PLACE_STEPS,
    Axes,
    EdgesAslant,
    concatenated,
    drop_straight,
    join_ranked,
)
from tasks.core.joining.ranks import Places
from tasks.core.joining.seam_joining import BLOCK_TILES, by_frame, in_order, join_aslant
from tasks.core.joining.uniting import unite, valid_polygons


@dataclass(frozen=True, slots=True, eq=False)
class JoinedBlock:
    """A block's tiles of one frame, joined.

    Attributes:
        axes: The places of all its coordinates, with the frame and the CRS.
        tile_bounds: (n, 4) of each tile's polygons, in ranks of these places; of tiles that have some.
        read: Gives its (m,) polygons in ranks; they overlap nowhere and share no edge.
    """

    axes: Axes
    tile_bounds: FloatArray
    read: Callable[[], ObjectArray]


def join_block(
    multipolygons: Sequence[MultiPolygon], crs: str, grids: Sequence[Grid], block_tiles: int = BLOCK_TILES
) -> list[JoinedBlock]:
    """Join the tiles of a block, one ``JoinedBlock`` for each frame; arguments as of ``seam_joining.join``.

    Raises:
        UnusableArgument: Polygons are not made of pixels of their grids.
    """
    blocks = []
    for tiles in by_frame(multipolygons, grids):
        axes, bounds = tiles.survey(crs)
        try:
            polygons = concatenated(join_ranked(tiles, axes, bounds, block_tiles))
        except EdgesAslant:
            raise UnusableArgument(
                "a block's polygons have edges that are no edges of its tiles' pixels: "
                "join them with the grids that they were traced on"
            ) from None
        blocks.append(JoinedBlock(axes, bounds[~np.isnan(bounds[:, 0])], partial(_given, polygons)))
    return blocks


def _given(polygons: ObjectArray) -> ObjectArray:
    return polygons


def join_blocks(blocks: Sequence[JoinedBlock]) -> Iterator[ObjectArray]:
    """Unite blocks to what joining all their tiles at once gives, polygon for polygon.

    Args:
        blocks: Of one CRS, in any order. Their polygons are asked for one block after the other and not kept, but for
            those that reach another's tiles.

    Yields:
        Valid, normalised polygons, an array a block as soon as it is read, then what lies in several; in no order.
        Where blocks have several frames, all at once at the end.
    """
    frames: dict[Frame, list[JoinedBlock]] = {}
    for block in blocks:
        frames.setdefault(block.axes.frame, []).append(block)
    if len(frames) == 1:
        (only,) = frames.values()
        yield from (shapely.normalize(part) for part in _of_frame(only))
    elif frames:
        crs = blocks[0].axes.crs
        yield in_order(join_aslant([concatenated(_of_frame(frames[frame])) for frame in sorted(frames)], crs))


def _of_frame(blocks: Sequence[JoinedBlock]) -> Iterator[ObjectArray]:
    axes = _common(blocks)
    moves = [(axes.x.ranks(block.axes.x.lows), axes.y.ranks(block.axes.y.lows)) for block in blocks]
    bounds = [_moved(block.tile_bounds, *move) for block, move in zip(blocks, moves, strict=True)]
    block_of = np.repeat(np.arange(len(blocks)), [len(one) for one in bounds])
    tiles, between = _Tiles(np.concatenate(bounds), block_of), []
    for number, (block, move) in enumerate(zip(blocks, moves, strict=True)):
        polygons = _brought(block.read(), *move)
        # Places of a block that others' coordinates make one may bring its own polygons together, too.
        keeps_places = all((np.diff(ranks) > 0).all() for ranks in move)
        reaches = tiles.reached(polygons, number) if keeps_places else np.ones(len(polygons), np.bool_)
        between.append(polygons[reaches] if keeps_places else _together(valid_polygons(polygons)))
        yield axes.on_ground(drop_straight(polygons[~reaches]))
    yield axes.on_ground(_united(between, tiles.overlap))


def _together(polygons: ObjectArray) -> ObjectArray:
    return unite(polygons, np.arange(len(polygons)))


def _united(between: Sequence[ObjectArray], overlap: bool) -> ObjectArray:
    polygons = concatenated(between)
    if not overlap:
        return dissolve(polygons)
    return drop_straight(unite(polygons, np.repeat(np.arange(len(between)), [len(part) for part in between])))


def _common(blocks: Sequence[JoinedBlock]) -> Axes:
    """The places of all blocks of a frame."""
    first = blocks[0].axes
    tolerance = SAME_PLACE_STEPS * step(first.crs)
    x, y = (Places.merged((getattr(block.axes, axis) for block in blocks), tolerance) for axis in ("x", "y"))
    return Axes(first.frame, x, y, first.crs)


def _moved(bounds: FloatArray, x: IntArray, y: IntArray) -> FloatArray:
    """Bounds (n, 4) from a block's ranks to those of all."""
    columns, rows = bounds[:, 0::2].astype(np.int64), bounds[:, 1::2].astype(np.int64)
    return np.stack([x[columns], y[rows]], axis=2).reshape(-1, 4).astype(np.float64)


def _brought(polygons: ObjectArray, x: IntArray, y: IntArray) -> ObjectArray:
    def to_common(ranks: FloatArray) -> FloatArray:
        columns, rows = ranks.astype(np.int64).T
        return np.stack([x[columns], y[rows]], axis=1).astype(np.float64)

    return np.asarray(shapely.transform(polygons, to_common), np.object_)


class _Tiles:
    """The ground of all blocks' tiles, by bounds (n, 4), with the block (n,) of each."""

    def __init__(self, bounds: FloatArray, block_of: IntArray) -> None:
        self._tree, self._block_of = shapely.STRtree(shapely.box(*bounds.T)), block_of
        first, second = overlapping(bounds)
        self.overlap = bool((block_of[first] != block_of[second]).any())

    def reached(self, polygons: ObjectArray, block: int) -> BoolMask:
        """Whether each polygon of a block comes to the ground of another one's tiles."""
        polygon, tile = self._tree.query(polygons)
        found = np.zeros(len(polygons), np.bool_)
        found[polygon[self._block_of[tile] != block]] = True
        return found
