"""True areas: on the ellipsoid of the CRS, along the straight lines of the CRS.

Vertices go to PROJ's cylindrical equal-area projection ``cea`` of the CRS's own datum, in which the area of a ring is
the plane one: Snyder, Map Projections - A Working Manual, USGS Professional Paper 1395 (1987), chapter 10.
"""

from functools import lru_cache

import numpy as np
import pyproj
import shapely
from pyproj.crs import ProjectedCRS
from pyproj.crs.coordinate_operation import LambertCylindricalEqualAreaConversion

from tasks.core.arrays import FloatArray, ObjectArray
from tasks.core.geo.crs import horizontal

M2_PER_HECTARE = 10_000
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
    parts, geometry_of = shapely.get_parts(np.asarray(geometries, np.object_), return_index=True)
    rings, part_of = shapely.get_rings(parts, return_index=True)
    if not len(rings):
        return np.zeros(len(geometries))
    is_hole = np.diff(part_of, prepend=-1) == 0
    areas = np.where(is_hole, -1.0, 1.0) * _ring_areas_m2(rings, crs)
    return np.asarray(np.bincount(geometry_of[part_of], areas, len(geometries)), np.float64)


def _ring_areas_m2(rings: ObjectArray, crs: str) -> FloatArray:
    """Areas enclosed by closed rings: the integral of y dx, y counted from each ring's start or from a pole.

    A ring around a pole comes back a full turn away from where it set out; what it encloses then reaches to the pole.
    """
    to_equal_area, longest, turn, pole = _projection(crs)
    coordinates, ring_of = shapely.get_coordinates(shapely.segmentize(rings, longest), return_index=True)
    x, y = to_equal_area.transform(*coordinates.T)
    starts = np.flatnonzero(np.diff(ring_of, prepend=-1))
    across = np.diff(x, append=x[:1])
    across -= turn * np.round(across / turn)  # over the antimeridian
    across[np.append(starts[1:], len(x)) - 1] = 0.0  # from one ring to the next
    around_pole = np.abs(np.add.reduceat(across, starts)) > turn / 2
    height = y - np.where(around_pole, np.copysign(pole, y[starts]), y[starts])[ring_of]
    return np.asarray(np.abs(np.add.reduceat((height + np.roll(height, -1)) / 2 * across, starts)), np.float64)


@lru_cache(maxsize=64)
def _projection(crs: str) -> tuple[pyproj.Transformer, float, float, float]:
    """The way to equal-area metres, without a datum shift; the longest edge, in units of the CRS; turn, north pole."""
    ground = horizontal(crs)
    base = ground.geodetic_crs
    if base is None or base.ellipsoid is None:
        raise ValueError(f"areas need a CRS that is tied to the Earth, not {crs}")
    equal_area = ProjectedCRS(LambertCylindricalEqualAreaConversion(), geodetic_crs=base)
    longest = MAX_EDGE_RADIANS if ground.is_geographic else MAX_EDGE_M
    half_turn, pole = pyproj.Proj(equal_area)(180, 90)
    return (
        pyproj.Transformer.from_crs(ground, equal_area, always_xy=True),
        longest / ground.axis_info[0].unit_conversion_factor,
        2 * abs(half_turn),
        pole,
    )
