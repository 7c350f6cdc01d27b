"""Cutting the joined extent back to its tiles."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import MultiPolygon

from tasks.core.arrays import IntArray, ObjectArray
from tasks.core.geo.precision import step
from tasks.core.joining.uniting import as_multipolygons

FEW_TILES = 4  # below, cutting a polygon once a tile is as fast as halving the tiles first


@dataclass(frozen=True, slots=True)
class Pieces:
    """Parts of polygons in areas, sorted by polygon, then by area.

    Attributes:
        geometries: (m,) multipolygons.
        polygon_of: (m,) number of the polygon that each comes from.
        tile_of: (m,) number of the area that it was cut to.
    """

    geometries: ObjectArray
    polygon_of: IntArray
    tile_of: IntArray


def cut(polygons: ObjectArray, areas: Sequence[MultiPolygon], crs: str) -> Pieces:
    """Cut polygons to each area that they reach into.

    Args:
        polygons: (n,) valid polygons, in units of ``crs``.
        areas: Valid multipolygons, one a tile.
        crs: Of both.

    Returns:
        A piece for each polygon in each area that it reaches into. Slivers as thin as the rounding of coordinates are
        left out.
    """
    if not len(polygons) or not len(areas):
        return Pieces(np.empty(0, np.object_), np.empty(0, np.int64), np.empty(0, np.int64))
    tiles = np.array([*areas, None], np.object_)[:-1]
    polygon_of, tile_of = shapely.STRtree(tiles).query(polygons)
    shapely.prepare(tiles)
    whole = shapely.covers(tiles[tile_of], polygons[polygon_of])
    pieces = list(zip(polygons[polygon_of[whole]], polygon_of[whole], tile_of[whole], strict=True))
    order = np.argsort(polygon_of[~whole], kind="stable")
    crossing, reached = polygon_of[~whole][order], tile_of[~whole][order]
    for start, end in _runs(crossing):
        number = crossing[start]
        pieces += [(piece, number, tile) for tile, piece in _pieces(polygons[number], reached[start:end], tiles)]
    return _solid(pieces, crs)


def _runs(values: IntArray) -> Iterator[tuple[int, int]]:
    bounds = np.flatnonzero(np.diff(values, prepend=-1, append=-1))
    return zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)


def _pieces(polygon: object, reached: IntArray, tiles: ObjectArray) -> Iterator[tuple[int, object]]:
    """Halve the tiles and clip the polygon to each half, down to a few tiles: each clip sees only what is near."""
    if len(reached) <= FEW_TILES:
        yield from zip(reached.tolist(), shapely.intersection(polygon, tiles[reached]), strict=True)
        return
    bounds = shapely.bounds(tiles[reached])
    centres = bounds[:, :2] + bounds[:, 2:]
    axis = int(np.argmax(np.ptp(centres, axis=0)))
    order = np.argsort(centres[:, axis], kind="stable")
    for half in np.array_split(order, 2):
        around = shapely.box(*bounds[half, :2].min(axis=0), *bounds[half, 2:].max(axis=0))
        near = as_multipolygons(shapely.intersection([polygon], around))  # edges along the box also give lines
        yield from _pieces(near[0], reached[half], tiles)


def _solid(pieces: list[tuple[object, int, int]], crs: str) -> Pieces:
    """Pieces as multipolygons of solid parts, in order."""
    numbers = np.array([piece[1:] for piece in pieces], np.int64).reshape(-1, 2)
    order = np.lexsort((numbers[:, 1], numbers[:, 0]))
    geometries = np.array([*(piece[0] for piece in pieces), None], np.object_)[:-1][order]
    multipolygons = as_multipolygons(geometries, sliver=step(crs))
    solid = ~shapely.is_empty(multipolygons)
    return Pieces(multipolygons[solid], *numbers[order][solid].T)
