"""True areas: on the ellipsoid of the CRS, along the straight lines of the CRS.

Vertices go to longitude and latitude on the CRS's own datum, then to the ellipsoid's cylindrical equal-area
coordinates, in which the area of a ring is that of a plane one: Snyder, Map Projections - A Working Manual, USGS
Professional Paper 1395 (1987), equations 3-12 and 10-14 to 10-17.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from tasks.core.precision import is_geographic

FloatArray = npt.NDArray[np.float64]
ObjectArray = npt.NDArray[np.object_]

# A straight line of the projection and the straight line between its ends in equal-area coordinates differ by a sliver
# that grows with the cube of its length; at this length it is 1e-7 of a tile's area and less.
MAX_EDGE_M = 200.0
MAX_EDGE_RADIANS = MAX_EDGE_M / 6.4e6


def ellipsoidal_area_m2(geometries: ObjectArray, crs: str) -> FloatArray:
    """Areas on the ellipsoid, in square metres.

    Args:
        geometries: (n,) polygons, multipolygons or None, valid, in units of ``crs``. Holes are subtracted. Lines and
            points have no area. Polygons may cross the antimeridian or contain a pole.
        crs: Projected or geographic, in any unit.

    Returns:
        (n,) float64; 0 for None and for empty geometries.
    """
    geometries = np.asarray(geometries, np.object_)
    parts, part_owner = shapely.get_parts(geometries, return_index=True)
    is_polygon = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    parts, part_owner = parts[is_polygon], part_owner[is_polygon]
    rings, ring_owner = shapely.get_rings(parts, return_index=True)
    if not len(rings):
        return np.zeros(len(geometries))
    is_hole = np.diff(ring_owner, prepend=-1) == 0
    areas = np.where(is_hole, -1.0, 1.0) * _ring_areas_m2(_densified(rings, crs), crs)
    return np.asarray(np.bincount(part_owner[ring_owner], areas, len(geometries)), np.float64)


def area_m2(geometry: object, crs: str) -> float:
    """The area of one geometry on the ellipsoid, in square metres."""
    return float(ellipsoidal_area_m2(np.array([geometry], np.object_), crs)[0])


def _densified(rings: ObjectArray, crs: str) -> ObjectArray:
    horizontal = _horizontal(crs)
    longest = MAX_EDGE_RADIANS if is_geographic(crs) else MAX_EDGE_M
    return np.asarray(shapely.segmentize(rings, longest / horizontal.axis_info[0].unit_conversion_factor), np.object_)


def _ring_areas_m2(rings: ObjectArray, crs: str) -> FloatArray:
    """Areas enclosed by closed rings: the integral of y dx, y counted from each ring's start or from a pole.

    A ring around a pole comes back a full turn away from where it set out; what it encloses then reaches to the pole.
    """
    coordinates, ring_of = shapely.get_coordinates(rings, return_index=True)
    longitude, northing, pole_northing, radius = _equal_area(coordinates, crs)
    starts = np.flatnonzero(np.diff(ring_of, prepend=-1))
    local = northing - northing[starts][ring_of]
    turn = np.diff(longitude, append=longitude[:1])
    turn -= 2 * math.pi * np.round(turn / (2 * math.pi))
    turn[np.append(starts[1:], len(ring_of)) - 1] = 0.0
    enclosed = np.add.reduceat((local + np.roll(local, -1)) / 2 * turn, starts)
    turned = np.add.reduceat(turn, starts)
    around_pole = np.abs(turned) > math.pi
    to_pole = np.copysign(pole_northing, northing[starts]) - northing[starts]
    return np.asarray(radius * np.abs(enclosed - np.where(around_pole, to_pole * turned, 0.0)), np.float64)


def _equal_area(coordinates: FloatArray, crs: str) -> tuple[FloatArray, FloatArray, float, float]:
    """Longitudes in radians, northings in metres, the pole's northing, and the radius that longitudes go with."""
    base, to_base = _base(crs)
    ellipsoid = base.ellipsoid
    assert ellipsoid is not None  # noqa: S101 - every geographic CRS has one
    longitude, latitude = to_base.transform(coordinates[:, 0], coordinates[:, 1])
    unit = base.axis_info[0].unit_conversion_factor
    radius = ellipsoid.semi_major_metre
    eccentricity = math.sqrt(max(0.0, 1 - (ellipsoid.semi_minor_metre / radius) ** 2))
    sines = np.sin(np.asarray(latitude, np.float64) * unit)
    pole = float(_q(np.array([1.0]), eccentricity)[0])
    return np.asarray(longitude) * unit, radius / 2 * _q(sines, eccentricity), radius / 2 * pole, radius


def _q(sines: FloatArray, eccentricity: float) -> FloatArray:
    """Snyder's q (3-12) of the sines of latitudes."""
    if eccentricity == 0:
        return 2 * sines
    scaled = eccentricity * sines
    return np.asarray((1 - eccentricity**2) * (sines / (1 - scaled**2) + np.arctanh(scaled) / eccentricity))


@lru_cache(maxsize=64)
def _horizontal(crs: str) -> pyproj.CRS:
    """The CRS without its heights and without a transformation bound to it."""
    parsed = pyproj.CRS.from_user_input(crs)
    if parsed.is_bound and parsed.source_crs is not None:
        parsed = parsed.source_crs
    return parsed.to_2d()


@lru_cache(maxsize=64)
def _base(crs: str) -> tuple[pyproj.CRS, pyproj.Transformer]:
    """The geographic CRS of the same datum, and the way to it: longitude first, no datum shift."""
    horizontal = _horizontal(crs)
    base = horizontal.geodetic_crs
    if base is None or base.ellipsoid is None:
        raise ValueError(f"areas need a CRS that is tied to the Earth, not {crs}")
    return base, pyproj.Transformer.from_crs(horizontal, base, always_xy=True)
