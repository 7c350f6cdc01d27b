"""The extent cut along a grid: what is too large to draw, edit or send in one piece, in pieces of one ``flood_id``.

Programs that read a river through a thousand tiles for a look at one bend of it are slow, and some refuse. The exact
extent stays as it is; this is a copy of it beside.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyproj
import shapely
from shapely import Polygon

from tasks.core.arrays import FloatArray, IntArray, ObjectArray
from tasks.core.errors import UnusableArgument
from tasks.core.geo.areas import M2_PER_HECTARE, ellipsoidal_area_m2
from tasks.core.geo.crs import is_geographic
from tasks.core.joining.uniting import polygon_parts
from tasks.core.product.assessment import objects
from tasks.core.product.layer import Column, Layer

CUT_EXTENT = "flood_extent_cut"
PART = "part"
METRES_PER_DEGREE = 6_378_137 * math.pi / 180  # along the equator
LEAST_GRID_M = 10.0


def cut_on_grid(layers: Sequence[Layer], cut_grid_m: float) -> list[Layer]:
    """Cut the extent, in the plane of its CRS, along lines at whole multiples of a distance.

    The lines do not depend on the extent, so that products cut alike fit together.

    Args:
        layers: Of the product, assembled or described; they stay as they are.
        cut_grid_m: Side of the grid's squares in metres of a projected CRS. In a geographic one their sides are as many
            degrees as that is along the equator, so that they are narrower on the ground elsewhere.

    Returns:
        For each layer ``flood_extent`` a layer ``flood_extent_cut``: a polygon for each part of one in a square, by
        ``flood_id``, then from the north, then from the west. ``part`` counts those of one from 1, ``area_m2`` and
        ``area_ha`` are the piece's own; all other columns are those of the whole polygon.

    Raises:
        UnusableArgument: The grid is finer than ten metres.
    """
    if not cut_grid_m >= LEAST_GRID_M or math.isinf(cut_grid_m):
        raise UnusableArgument(
            f"cut_grid_m: {cut_grid_m} m is no size of a grid. Give {LEAST_GRID_M:g} or more, or leave it out"
        )
    return [_cut_layer(layer, cut_grid_m) for layer in layers if layer.base == "flood_extent"]


def grid_side(cut_grid_m: float, crs: str) -> float:
    """The side of the grid's squares in units of a CRS."""
    if is_geographic(crs):
        degree: float = pyproj.CRS.from_user_input(crs).axis_info[0].unit_conversion_factor
        return cut_grid_m / METRES_PER_DEGREE * math.radians(1) / degree
    metres: float = pyproj.CRS.from_user_input(crs).axis_info[0].unit_conversion_factor
    return cut_grid_m / metres


def _cut_layer(extent: Layer, cut_grid_m: float) -> Layer:
    pieces, owner = extent.geometries, np.arange(len(extent))
    if extent.crs is not None and len(extent):
        pieces, owner = _pieces(extent.geometries, grid_side(cut_grid_m, extent.crs))
    area_m2 = _areas_m2(pieces, owner, extent)
    columns: dict[str, Column] = {}
    for name, values in extent.columns.items():
        columns[name] = values[owner]
        if name == "flood_id":
            columns[PART] = np.arange(len(owner)) - np.searchsorted(owner, owner) + 1
    columns["area_m2"] = area_m2
    if "area_ha" in columns:
        columns["area_ha"] = area_m2 / M2_PER_HECTARE
    return replace(extent, base=CUT_EXTENT, geometries=pieces, columns=columns)


def _areas_m2(pieces: ObjectArray, owner: IntArray, extent: Layer) -> FloatArray:
    """Areas that add up to the whole ones, which they miss by the rounding of PROJ's projections (some 1e-7)."""
    if extent.crs is None or not len(pieces):
        return np.zeros(len(pieces))
    found = ellipsoidal_area_m2(pieces, extent.crs)
    sums, whole = np.bincount(owner, found, len(extent)), np.asarray(extent.columns["area_m2"], np.float64)
    return np.asarray(found * (whole / sums)[owner], np.float64)


def _pieces(polygons: ObjectArray, side: float) -> tuple[ObjectArray, IntArray]:
    """Pieces sorted by polygon, from the north, from the west, and the number of the polygon of each."""
    squares = _squares(polygons, side)
    crossing = (squares[:, 1] - squares[:, 0]).max(axis=1) > 1
    found = [
        list(_in_squares(polygon, side)) if crosses else [polygon]
        for polygon, crosses in zip(polygons, crossing, strict=True)
    ]
    owner = np.repeat(np.arange(len(polygons)), [len(pieces) for pieces in found])
    pieces = shapely.normalize(objects([piece for pieces in found for piece in pieces]))
    west, _, _, north = shapely.bounds(pieces).T
    order = np.lexsort((shapely.to_wkb(pieces), west, -north, owner))
    return np.asarray(pieces[order], np.object_), owner[order]


def _squares(polygons: ObjectArray, side: float) -> IntArray:
    """(n, 2, 2) numbers of the lines, of x and of y, before each polygon and behind it."""
    bounds = shapely.bounds(polygons).reshape(-1, 2, 2) / side
    return np.stack([np.floor(bounds[:, 0]), np.ceil(bounds[:, 1])], axis=1).astype(np.int64)


def _in_squares(polygon: Polygon, side: float) -> Iterator[Polygon]:
    """Halve a polygon along the grid until each part lies in one square: a cut sees only what is near."""
    parts = [(polygon, _squares(objects([polygon]), side)[0])]
    while parts:
        part, (before, behind) = parts.pop()
        axis = int(np.argmax(behind - before))
        if behind[axis] - before[axis] <= 1:
            yield part
            continue
        middle = (before[axis] + behind[axis]) // 2
        for lines, half in zip(_halves(before, behind, axis, middle), _cut(part, axis, middle * side), strict=True):
            pieces = polygon_parts(half)[0]
            # By its bounds a part may reach beyond the line that it was cut at, by their rounding.
            reached = np.clip(_squares(pieces, side), lines[0], lines[1])
            parts += zip(pieces.tolist(), reached, strict=True)


def _halves(before: IntArray, behind: IntArray, axis: int, middle: int) -> list[IntArray]:
    halves = [np.stack([before, behind]), np.stack([before, behind])]
    halves[0][1, axis] = halves[1][0, axis] = middle
    return halves


def _cut(part: Polygon, axis: int, line: float) -> list[ObjectArray]:
    """What of it lies on either side of a line, (1,) geometries each."""
    low, high = np.array(part.bounds).reshape(2, 2)
    before, behind = high.copy(), low.copy()
    before[axis] = behind[axis] = line
    boxes = [shapely.box(*low, *before), shapely.box(*behind, *high)]
    return [np.asarray(shapely.intersection([part], box), np.object_) for box in boxes]
