"""Polygons cut into the square tiles of web maps, for each zoom level.

Places are in units of a level: from the north-west corner of the Web Mercator square, x to the east, y down, 4096 units
a tile. Source: OGC Two Dimensional Tile Matrix Set, WebMercatorQuad.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

from tasks.core.arrays import FloatArray, IntArray, ObjectArray
from tasks.core.formats.extents import Box, boxes
from tasks.core.formats.web.copies import only_polygons
from tasks.core.formats.web.tile_archive import TilePlace
from tasks.core.formats.web.vector_tiles import EXTENT

MOST_LATITUDE = 85.051128
EQUATOR_M = 2 * math.pi * 6_378_137.0
BUFFER = 64  # units beyond a tile's edge, so that outlines do not show there
FINEST_ZOOM = 18
UNITS_A_PIXEL = 2  # of the map: edges are off by a quarter of it at most
DEFAULT_PIXEL_M = 1.5  # where nothing was mapped
MOST_TILES = 1 << 14  # of the finest level, below which it is coarsened
DOT = 1 / 16  # of a tile: from the level on at which the map is that large
# Of all levels but the finest, in units of which a pixel of a screen has 8: how far outlines may be off, and the
# smallest area that is drawn.
TOLERANCE, LEAST_AREA = 4.0, 64.0
HALVED = 0.5  # from a level to the next coarser


def zoom_levels(bounds: Box, pixel_m: float | None) -> tuple[int, int]:
    """The coarsest and the finest level of a map.

    The finest has a unit of at most half the map's pixel, unless there were more than 16,384 tiles. On the
    coarsest the whole is a sixteenth of a tile, a few millimetres on a screen.

    Args:
        bounds: West, south, east, north, degrees.
        pixel_m: Side of the map's finest pixel on the ground, metres.
    """
    west, south, east, north = bounds
    (left, right), (bottom, top) = web_mercator(np.array([[west, south], [east, north]])).T
    across, down = max(right - left, 1e-9), max(bottom - top, 1e-9)
    scale = math.cos(math.radians((south + north) / 2))
    fine = math.log2(EQUATOR_M * scale / EXTENT * UNITS_A_PIXEL / (pixel_m or DEFAULT_PIXEL_M))
    few = math.log2(MOST_TILES / (across * down)) / 2
    finest = min(max(math.ceil(fine), 0), max(math.floor(few), 0), FINEST_ZOOM)
    return min(max(math.ceil(math.log2(DOT / max(across, down))), 0), finest), finest


def web_mercator(degrees: FloatArray) -> FloatArray:
    """Places (n, 2) of longitude and latitude as shares of the square, from its north-west corner, y down."""
    x, latitude = degrees[:, 0] / 360 + 0.5, np.clip(degrees[:, 1], -MOST_LATITUDE, MOST_LATITUDE)
    return np.column_stack((x, 0.5 - np.arcsinh(np.tan(np.radians(latitude))) / (2 * np.pi)))


def levels(polygons: ObjectArray, zooms: tuple[int, int]) -> Iterator[tuple[int, IntArray, ObjectArray]]:
    """Each level from the finest on: its number, and rows and shapes of the polygons that are still to be seen there.

    Args:
        polygons: (n,) polygons and multipolygons in degrees; None has no place.
        zooms: The coarsest and the finest level.
    """
    least, most = zooms
    size = float(EXTENT << most)
    rows = np.flatnonzero(~shapely.is_missing(polygons))
    shapes = shapely.transform(polygons[rows], lambda degrees: web_mercator(degrees) * size)
    for zoom in range(most, least - 1, -1):
        if zoom < most:
            drawn, shapes = simplified(shapes)
            rows = rows[drawn]
        seen, shapes = snapped(shapes, 1.0 if zoom == most else HALVED)
        rows = rows[seen]
        yield zoom, rows, shapes


def simplified(shapes: ObjectArray) -> tuple[npt.NDArray[np.intp], ObjectArray]:
    """Polygons for the next coarser level, in units of this one, and which of those given they are.

    Those that would be smaller than a pixel of the screen are put together: as often as their areas add up to a pixel
    the one at which they do is drawn as a pixel. So no area is lost from the picture. (Tippecanoe calls this tiny
    polygon reduction.)
    """
    areas, least = shapely.area(shapes), LEAST_AREA / HALVED**2
    is_small = areas < least
    pixels = np.floor(np.cumsum(np.where(is_small, areas, 0.0)) / least)
    drawn = np.flatnonzero(~is_small | (np.diff(pixels, prepend=0.0) > 0))
    small = is_small[drawn]
    simple = _fewer_points(shapes[drawn], TOLERANCE / HALVED)
    reach, half = boxes(shapes[drawn][small]), least**0.5 / 2
    x, y = ((reach[:, :2] + reach[:, 2:]) / 2).T
    simple[small] = shapely.box(x - half, y - half, x + half, y + half)
    return drawn, simple


def _fewer_points(shapes: ObjectArray, tolerance: float) -> ObjectArray:
    """Outlines within a tolerance; of what is so thin that it would be lost, with a dearer method that keeps it."""
    simple = np.asarray(shapely.simplify(shapes, tolerance, preserve_topology=False), np.object_)
    thin = shapely.area(simple) < shapely.area(shapes) / 2
    simple[thin] = shapely.simplify(shapes[thin], tolerance)
    return simple


def snapped(shapes: ObjectArray, scale: float = 1.0) -> tuple[npt.NDArray[np.intp], ObjectArray]:
    """Polygons scaled and then put on whole units, valid there, and which of those given they are: others vanish."""
    moved = np.asarray(shapely.transform(shapes, lambda places: np.rint(places * scale)), np.object_)
    broken = np.flatnonzero(~shapely.is_valid(moved) | (shapely.area(moved) == 0))
    scaled = shapely.transform(shapes[broken], lambda places: places * scale)
    scaled = shapely.make_valid(scaled, method="structure", keep_collapsed=False)
    moved[broken] = only_polygons(shapely.set_precision(scaled, 1.0))
    seen = np.flatnonzero(shapely.area(moved) > 0)
    return seen, np.asarray(shapely.remove_repeated_points(moved[seen]), np.object_)


def tiles_of(rows: IntArray, shapes: ObjectArray, zoom: int) -> Iterator[tuple[TilePlace, IntArray, ObjectArray]]:
    """Cut the shapes of a level to its tiles: each tile that has some, their rows, and what of the shapes is in it."""
    yield from _quarters(TilePlace(0, 0, 0), zoom, _Cut(rows, shapes, boxes(shapes)))


class _Cut(NamedTuple):
    """What of some rows' shapes is in a tile, and how far each reaches."""

    rows: IntArray
    shapes: ObjectArray
    reach: FloatArray


def _quarters(place: TilePlace, zoom: int, cut: _Cut) -> Iterator[tuple[TilePlace, IntArray, ObjectArray]]:
    """Cut the shapes to a tile, of whatever level, then to the four in it, down to the level that is wanted."""
    cut = _cut(cut, _box(place, zoom))
    if not len(cut.rows):
        return
    if place.zoom == zoom:
        yield place, cut.rows, cut.shapes
        return
    for x in (2 * place.x, 2 * place.x + 1):
        for y in (2 * place.y, 2 * place.y + 1):
            yield from _quarters(TilePlace(place.zoom + 1, x, y), zoom, cut)


def _box(place: TilePlace, zoom: int) -> Box:
    side = EXTENT << (zoom - place.zoom)
    left, top = place.x * side, place.y * side
    return left - BUFFER, top - BUFFER, left + side + BUFFER, top + side + BUFFER


def _cut(cut: _Cut, box: Box) -> _Cut:
    """What of the shapes lies in a box whose sides are whole numbers, on whole steps again."""
    meets = (cut.reach[:, :2] < box[2:]).all(axis=1) & (cut.reach[:, 2:] > box[:2]).all(axis=1)
    rows, shapes, reach = cut.rows[meets], cut.shapes[meets], cut.reach[meets]
    over = np.flatnonzero((reach[:, :2] < box[:2]).any(axis=1) | (reach[:, 2:] > box[2:]).any(axis=1))
    if not len(over):
        return _Cut(rows, shapes, reach)
    pieces = only_polygons(shapely.intersection(shapes[over], shapely.box(*box)))
    there = np.flatnonzero(~shapely.is_missing(pieces))
    seen, pieces = snapped(pieces[there])
    whole = np.setdiff1d(np.arange(len(rows)), over)
    order = np.concatenate((whole, over[there][seen]))
    return _Cut(rows[order], np.concatenate((shapes[whole], pieces)), np.concatenate((reach[whole], boxes(pieces))))
