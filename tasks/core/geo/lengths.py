"""True lengths: along geodesics of the CRS's own ellipsoid, between the vertices.

Source: Karney, Algorithms for geodesics, Journal of Geodesy 87 (2013), as PROJ has it.
"""

from functools import lru_cache

import numpy as np
import pyproj
import shapely

from tasks.core.arrays import FloatArray, ObjectArray
from tasks.core.geo.crs import horizontal


def lengths_m(geometries: ObjectArray, crs: str) -> FloatArray:
    """Lengths of lines, and of all rings of polygons, in metres.

    Args:
        geometries: (n,) geometries of any kind or None, in units of ``crs``.
        crs: Projected or geographic, in any unit, tied to the Earth.

    Returns:
        (n,) float64; 0 for None, for points and for empty geometries.
    """
    parts, geometry_of = shapely.get_parts(np.asarray(geometries, np.object_), return_index=True)
    parts, part_of = shapely.get_parts(parts, return_index=True)  # a collection may hold multipolygons
    geometry_of = geometry_of[part_of]
    is_area = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    rings, ring_of = shapely.get_rings(parts[is_area], return_index=True)
    lines = np.concatenate([parts[~is_area], rings])
    owner = np.concatenate([geometry_of[~is_area], geometry_of[is_area][ring_of]])
    coordinates, line_of = shapely.get_coordinates(lines, return_index=True)
    if len(coordinates) < 2:  # noqa: PLR2004 - a line has two ends
        return np.zeros(len(geometries))
    to_angles, radians, ellipsoid = _geodesy(crs)
    longitudes, latitudes = (np.asarray(angle) * radians for angle in to_angles.transform(*coordinates.T))
    _, _, steps_m = ellipsoid.inv(longitudes[:-1], latitudes[:-1], longitudes[1:], latitudes[1:], radians=True)
    follows = line_of[1:] == line_of[:-1]
    return np.asarray(np.bincount(owner[line_of[1:][follows]], np.asarray(steps_m)[follows], len(geometries)))


@lru_cache(maxsize=64)
def _geodesy(crs: str) -> tuple[pyproj.Transformer, float, pyproj.Geod]:
    """The way to longitude and latitude, without a datum shift; how many radians their unit has; the ellipsoid."""
    ground = horizontal(crs)
    geodetic, ellipsoid = ground.geodetic_crs, ground.get_geod()
    if geodetic is None or ellipsoid is None:
        raise ValueError(f"lengths need a CRS that is tied to the Earth, not {crs}")
    radians = geodetic.axis_info[0].unit_conversion_factor  # degrees, or grads
    return pyproj.Transformer.from_crs(ground, geodetic, always_xy=True), radians, ellipsoid
