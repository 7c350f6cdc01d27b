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

from tasks.core.arrays import FloatArray, IntArray, ObjectArray
from tasks.core.geo.grid import Grid
from tasks.core.geo.precision import round_coordinates, step
from tasks.core.geo.rings import turns
from tasks.core.joining.axes import Frame, frame_of, on_lattice
from tasks.core.joining.uniting import unite, valid_polygons

# Coordinates of one place in two tiles differ by the rounding of one or both.
SAME_PLACE_STEPS = 1.5


def join(multipolygons: Sequence[MultiPolygon], crs: str, grids: Sequence[Grid] | None = None) -> list[Polygon]:
    """Unite the polygons of tiles that adjoin, overlap or are misaligned; where tiles disagree, any yes wins.

    Args:
        multipolygons: One a tile, valid, in units of ``crs``, rounded as ``polygons.to_crs`` does.
        crs: Of all of them.
        grids: The tiles' grids, in the same order: needed where they are rotated, else edges that run aslant are
            joined only as exactly as their vertices are rounded.

    Returns:
        Valid, normalised polygons without vertices on straight lines, sorted: the same for any order of the tiles.
    """
    by_frame: dict[Frame, list[ObjectArray]] = {}
    for number, tile in enumerate(multipolygons):
        grid = None if grids is None else grids[number]
        by_frame.setdefault(frame_of(grid), []).append(on_lattice(shapely.get_parts(tile), grid))
    joined = [_join_in_frame(by_frame[frame], frame, crs) for frame in sorted(by_frame)]
    if not joined:
        return []
    polygons = joined[0] if len(joined) == 1 else _join_aslant(joined, crs)
    return list(_in_order(valid_polygons(polygons)))


def _join_in_frame(tiles: Sequence[ObjectArray], frame: Frame, crs: str) -> ObjectArray:
    polygons, tile_of = _stack(tiles)
    if not len(polygons):
        return polygons
    coordinates = frame.enter(shapely.get_coordinates(polygons))
    (columns, x), (rows, y) = (_ranks(axis, SAME_PLACE_STEPS * step(crs)) for axis in coordinates.T)
    ranked = shapely.set_coordinates(polygons.copy(), np.stack([columns, rows], axis=1))
    if not _runs_along_axes(ranked):
        return _join_aslant(tiles, crs)

    def leave(ranks: FloatArray) -> FloatArray:
        columns, rows = ranks.astype(np.int64).T
        return round_coordinates(frame.leave(np.stack([x[columns], y[rows]], axis=1)), crs)

    return np.asarray(shapely.transform(_drop_straight(unite(ranked, tile_of)), leave), np.object_)


def _runs_along_axes(polygons: ObjectArray) -> bool:
    """Whether every edge keeps x or y."""
    coordinates, ring_of = shapely.get_coordinates(shapely.get_rings(polygons), return_index=True)
    moves = np.diff(coordinates, axis=0)[ring_of[1:] == ring_of[:-1]] != 0
    return not moves.all(axis=1).any()


def _drop_straight(polygons: ObjectArray) -> ObjectArray:
    """Drop the vertices at which the outline does not turn, from polygons whose edges run along the axes."""
    rings, polygon_of = shapely.get_rings(polygons, return_index=True)
    coordinates, ring_of = shapely.get_coordinates(rings, return_index=True)
    closes = np.append(ring_of[1:] != ring_of[:-1], True)[: len(ring_of)]  # rings repeat their first point at the end
    coordinates, ring_of = coordinates[~closes], ring_of[~closes]
    turning = turns(coordinates[:, 0], ring_of)
    thinned = shapely.linearrings(coordinates[turning], indices=ring_of[turning])
    return np.asarray(shapely.polygons(thinned, indices=polygon_of), np.object_)


def _join_aslant(tiles: Sequence[ObjectArray], crs: str) -> ObjectArray:
    """Unite polygons with edges in any direction, to within the rounding of the coordinates."""
    polygons, tile_of = _stack([_in_order(tile) for tile in tiles])
    united = shapely.transform(unite(polygons, tile_of), lambda vertices: round_coordinates(vertices, crs))
    valid = shapely.normalize(valid_polygons(united))
    return np.asarray(shapely.simplify(valid, SAME_PLACE_STEPS * step(crs)), np.object_)


def _stack(tiles: Sequence[ObjectArray]) -> tuple[ObjectArray, IntArray]:
    """All tiles' polygons, and the number of the tile that each comes from."""
    sizes = [len(tile) for tile in tiles]
    polygons = np.concatenate([np.empty(0, np.object_), *tiles])
    return polygons, np.repeat(np.arange(len(tiles)), sizes)


def _ranks(values: FloatArray, tolerance: float) -> tuple[IntArray, FloatArray]:
    """(n,) rank of each value, equal for values of one place, and the least value of each rank."""
    distinct, place = np.unique(values, return_inverse=True)
    starts = np.append(True, np.diff(distinct) > tolerance)
    return (np.cumsum(starts) - 1)[place], distinct[starts]


def _in_order(polygons: ObjectArray) -> ObjectArray:
    """The polygons normalised, in an order that depends on nothing but themselves."""
    normalised = shapely.normalize(polygons)
    return np.asarray(normalised[np.argsort(shapely.to_wkb(normalised))], np.object_)
