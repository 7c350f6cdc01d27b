"""Footprint of a product in longitude and latitude: what was observed of it.

Geometry and box follow RFC 7946: outer rings run counter-clockwise (section 3.1.6), what crosses the antimeridian is
cut there (3.1.9), and the box of such a footprint has its west end east of its east end (5.2).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pyproj
import shapely
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from tasks.core.arrays import FloatArray
from tasks.core.geo.crs import horizontal
from tasks.core.product.layer import Layer

WGS84 = "EPSG:4326"
MOST_VERTICES = 1000
FIRST_TOLERANCE_M = 1.0
# Straight lines of a projection are curved in degrees: by 2 m at this length, where meridians converge most.
LONGEST_EDGE_M = 10_000.0
STEP_DEGREES = 1e-7  # 1 cm
DECIMALS = 7
HALF_TURN, TURN = 180.0, 360.0

Box = tuple[float, float, float, float]


class Footprint(NamedTuple):
    """Where a product is.

    Attributes:
        geometry: Degrees of WGS 84, longitude first; valid.
        bbox: West, south, east, north; west is the greater one where the antimeridian is crossed.
        tolerance_m: By how much its outline may differ from what was observed, metres on the ground; 0: not at all.
    """

    geometry: Polygon | MultiPolygon
    bbox: Box
    tolerance_m: float


def footprint(layers: Sequence[Layer]) -> Footprint | None:
    """The footprint of what was observed, over all CRSs; None where nothing was.

    It has at most about 1,000 vertices a CRS: more are simplified (Douglas and Peucker), with a tolerance that doubles.
    """
    observed = [one for layer in layers if layer.base == "area_observed" and layer.crs and (one := _observed(layer))]
    if not observed:
        return None
    degrees = _united([geometry for geometry, _ in observed])
    west, east = _cut_at_antimeridian(degrees)
    parts = shapely.union_all([west, east])
    geometry = shapely.orient_polygons(shapely.normalize(_rounded(parts)))
    return Footprint(geometry, _box(west, east), max(tolerance for _, tolerance in observed))


def wgs84_bounds(layers: Sequence[Layer]) -> Box | None:
    """West, south, east, north of what was observed, degrees of WGS 84; None where nothing was."""
    found = footprint(layers)
    return None if found is None else found.bbox


def metres_per_unit(crs: str) -> float:
    """Length of a unit of a CRS on the ground, metres; of a degree that along a meridian, about."""
    axis = horizontal(crs).axis_info[0]
    factor = float(axis.unit_conversion_factor)
    return factor * 6_371_000.0 if horizontal(crs).is_geographic else factor


def simplified(geometry: BaseGeometry, unit_m: float) -> tuple[BaseGeometry, float]:
    """A polygonal geometry of at most ``MOST_VERTICES`` vertices where that can be; and the tolerance, metres."""
    tolerance_m, simple = 0.0, geometry
    while shapely.get_num_coordinates(simple) > MOST_VERTICES:
        tolerance_m = max(FIRST_TOLERANCE_M, 2 * tolerance_m)
        coarse = _polygons(shapely.simplify(geometry, tolerance_m / unit_m, preserve_topology=False))
        if coarse.is_empty:  # only specks, all of them smaller than the tolerance
            return shapely.convex_hull(geometry), tolerance_m
        simple = coarse
    return simple, tolerance_m


def _observed(layer: Layer) -> tuple[BaseGeometry, float] | None:
    """What a layer observed, in degrees; and the tolerance, metres."""
    if not len(layer) or layer.crs is None:
        return None
    unit_m = metres_per_unit(layer.crs)
    ground, tolerance_m = simplified(shapely.union_all(layer.geometries), unit_m)
    if ground.is_empty:
        return None
    dense = shapely.segmentize(ground, LONGEST_EDGE_M / unit_m)
    return shapely.transform(dense, _to_degrees(layer.crs).transform, interleaved=False), tolerance_m


@lru_cache(maxsize=64)
def _to_degrees(crs: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(horizontal(crs), WGS84, always_xy=True)


def _united(geometries: Sequence[BaseGeometry]) -> BaseGeometry:
    """All of it, valid; from west of 180 on, with longitudes beyond that where it crosses the antimeridian."""
    longitudes = shapely.get_coordinates(geometries)[:, 0]
    if np.ptp(longitudes) > HALF_TURN:
        geometries = [shapely.transform(one, _eastwards) for one in geometries]
    whole = shapely.union_all([_polygons(one) for one in geometries])
    turns = np.floor((whole.bounds[0] + HALF_TURN) / TURN)  # frames in degrees may count them from 0 to 360
    return shapely.transform(whole, lambda points: points - [turns * TURN, 0.0])


def _eastwards(coordinates: FloatArray) -> FloatArray:
    return np.column_stack([coordinates[:, 0] % TURN, coordinates[:, 1]])


def _cut_at_antimeridian(geometry: BaseGeometry) -> tuple[BaseGeometry, BaseGeometry]:
    """What lies west of 180 degrees, and what lies east of it with longitudes from -180."""
    west = shapely.intersection(geometry, shapely.box(-HALF_TURN, -90, HALF_TURN, 90))
    east = shapely.intersection(geometry, shapely.box(HALF_TURN, -90, HALF_TURN + TURN, 90))
    return _polygons(west), shapely.transform(_polygons(east), lambda points: points - [TURN, 0.0])


def _box(west: BaseGeometry, east: BaseGeometry) -> Box:
    ends = [part.bounds for part in (west, east) if not part.is_empty]
    box = (ends[0][0], min(end[1] for end in ends), ends[-1][2], max(end[3] for end in ends))
    return tuple(round(float(degrees), DECIMALS) for degrees in box)  # type: ignore[return-value] # four of them


def _rounded(geometry: BaseGeometry) -> BaseGeometry:
    """Coordinates of a few decimals; still valid."""
    on_grid = _polygons(shapely.set_precision(geometry, STEP_DEGREES))
    return shapely.transform(on_grid, lambda points: np.round(points, DECIMALS))


def _polygons(geometry: BaseGeometry) -> BaseGeometry:
    """The polygons of a geometry, without the lines and points that cutting and mending leave."""
    parts = shapely.get_parts(shapely.make_valid(geometry))
    flat = shapely.get_parts(parts)
    return shapely.union_all(flat[shapely.get_type_id(flat) == shapely.GeometryType.POLYGON])
