"""Joining tiles: their polygons become one extent, as if the scene had been one image.

Where every edge runs along an axis, only the order of the coordinates matters to which polygons overlap, touch or
share an edge. So coordinates are replaced by their ranks, whole numbers, and the union is exact: no two tiles miss each
other by the last bit, and a vertex that a seam leaves lies on a straight line or does not. Rotated tiles are brought
into a frame in which their pixels' edges run along the axes.
"""

from collections.abc import Sequence

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from tasks.core.arrays import IntArray, ObjectArray
from tasks.core.geo.grid import Grid
from tasks.core.geo.precision import round_coordinates, step
from tasks.core.joining.axes import Frame, frame_of
from tasks.core.joining.frame_joining import SAME_PLACE_STEPS, EdgesAslant, FrameTiles, join_in_frame
from tasks.core.joining.uniting import unite, valid_polygons

BLOCK_TILES = 128  # fewer take longer, and more take more memory


def join(
    multipolygons: Sequence[MultiPolygon],
    crs: str,
    grids: Sequence[Grid] | None = None,
    block_tiles: int = BLOCK_TILES,
) -> list[Polygon]:
    """Unite the polygons of tiles that adjoin, overlap or are misaligned; where tiles disagree, any yes wins.

    Args:
        multipolygons: One a tile, valid, in units of ``crs``, rounded as ``polygons.to_crs`` does.
        crs: Of all of them.
        grids: The tiles' grids, in the same order: needed where they are rotated, else edges that run aslant are
            joined only as exactly as their vertices are rounded.
        block_tiles: So many tiles are worked on at a time; what comes out is the same for any number.

    Returns:
        Valid, normalised polygons without vertices on straight lines, sorted: the same for any order of the tiles.
    """
    known = [None] * len(multipolygons) if grids is None else grids
    joined = [_in_frame(tiles, crs, block_tiles) for tiles in by_frame(multipolygons, known)]
    if not joined:
        return []
    return list(in_order(joined[0] if len(joined) == 1 else join_aslant(joined, crs)))


def by_frame(multipolygons: Sequence[MultiPolygon], grids: Sequence[Grid | None]) -> list[FrameTiles]:
    """The tiles of each frame, in an order that depends on nothing but the frames."""
    numbers_of: dict[Frame, list[int]] = {}
    for number, grid in enumerate(grids):
        numbers_of.setdefault(frame_of(grid), []).append(number)
    return [
        FrameTiles(frame, [multipolygons[number] for number in numbers], [grids[number] for number in numbers])
        for frame, numbers in sorted(numbers_of.items())
    ]


def _in_frame(tiles: FrameTiles, crs: str, block_tiles: int) -> ObjectArray:
    try:
        return join_in_frame(tiles, crs, block_tiles)
    except EdgesAslant:
        return join_aslant([tiles.polygons(number) for number in range(len(tiles.grids))], crs)


def join_aslant(tiles: Sequence[ObjectArray], crs: str) -> ObjectArray:
    """Unite polygons with edges in any direction, to within the rounding of the coordinates."""
    polygons, tile_of = _stack([in_order(tile) for tile in tiles])
    united = shapely.transform(unite(polygons, tile_of), lambda vertices: round_coordinates(vertices, crs))
    valid = shapely.normalize(valid_polygons(united))
    return valid_polygons(np.asarray(shapely.simplify(valid, SAME_PLACE_STEPS * step(crs)), np.object_))


def _stack(tiles: Sequence[ObjectArray]) -> tuple[ObjectArray, IntArray]:
    """All tiles' polygons, and the number of the tile that each comes from."""
    sizes = [len(tile) for tile in tiles]
    polygons = np.concatenate([np.empty(0, np.object_), *tiles])
    return polygons, np.repeat(np.arange(len(tiles)), sizes)


def in_order(polygons: ObjectArray) -> ObjectArray:
    """The polygons normalised, in an order that depends on nothing but themselves."""
    normalised = shapely.normalize(polygons)
    return np.asarray(normalised[np.argsort(shapely.to_wkb(normalised))], np.object_)
