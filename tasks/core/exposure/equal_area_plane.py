"""One plane for a whole product, whatever its zones and the CRSs of what is held against it.

It is the cylindrical equal-area projection of the product's datum, around the product's middle: a piece has in it the
area that it has on the ellipsoid, so pieces add up; and ground that was seen in two zones is the same ground in it.
Source: Snyder, Map Projections - A Working Manual, USGS Professional Paper 1395 (1987), chapter 10.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyproj
import shapely
from pyproj.crs import ProjectedCRS
from pyproj.crs.coordinate_operation import LambertCylindricalEqualAreaConversion

from tasks.core.arrays import BoolMask, FloatArray, ObjectArray
from tasks.core.geo.crs import horizontal

# Lines that are straight in one CRS are bent in another. In pieces of this length they part by 0.02 mm at most.
MAX_EDGE_M = 25.0
METRES_A_RADIAN = 6.4e6
STEEPEST = 85.0  # degrees of latitude; nearer to a pole the plane's true scale would vanish


@dataclass(frozen=True, slots=True)
class Plane:
    """An equal-area plane with its true scale at a place.

    Attributes:
        crs: As WKT2.
    """

    crs: str

    def project(self, geometries: ObjectArray, crs: str) -> ObjectArray:
        """(n,) geometries of a CRS in this plane, along the straight lines of theirs; None where any point has none.

        Polygons that rounding makes invalid are made valid: where rings touch, it may move one over the other.
        """
        if not len(geometries):
            return geometries
        way = transformer_between(crs, self.crs)
        projected = shapely.transform(dense(geometries, crs), lambda xy: np.stack(way.transform(*xy.T), axis=1))
        projected[~_is_finite(projected)] = None
        broken = ~shapely.is_valid(projected) & ~shapely.is_missing(projected)
        projected[broken] = shapely.make_valid(projected[broken], method="structure", keep_collapsed=False)
        return np.asarray(projected, np.object_)


def plane_around(crs: str, bounds: FloatArray) -> Plane:
    """The plane for ground within bounds: (4,) west, south, east, north in units of ``crs``, whose datum is kept."""
    ground = horizontal(crs)
    base = ground.geodetic_crs
    if base is None:
        raise ValueError(f"a plane needs a CRS that is tied to the Earth, not {crs}")
    middle = (bounds[:2] + bounds[2:]) / 2
    longitude, latitude = transformer_between(crs, "EPSG:4326").transform(*middle)
    conversion = LambertCylindricalEqualAreaConversion(
        latitude_first_parallel=float(np.clip(latitude, -STEEPEST, STEEPEST)),
        longitude_natural_origin=float(longitude),
    )
    return Plane(ProjectedCRS(conversion, geodetic_crs=base).to_wkt())


def _is_finite(geometries: ObjectArray) -> BoolMask:
    """Whether a geometry has no point that a CRS has no place for; True of None and of empty ones."""
    has_bounds = ~shapely.is_missing(geometries) & ~shapely.is_empty(geometries)
    return np.asarray(np.isfinite(shapely.bounds(geometries)).all(axis=1) | ~has_bounds, np.bool_)


def dense(geometries: ObjectArray, crs: str) -> ObjectArray:
    """(n,) geometries with a vertex at least every ``MAX_EDGE_M``."""
    ground = horizontal(crs)
    longest = MAX_EDGE_M / METRES_A_RADIAN if ground.is_geographic else MAX_EDGE_M
    edge = longest / ground.axis_info[0].unit_conversion_factor
    return np.asarray(shapely.segmentize(shapely.force_2d(geometries), edge), np.object_)


@lru_cache(maxsize=64)
def transformer_between(source: str, target: str) -> pyproj.Transformer:
    """From one CRS to another, x before y; made once, for that takes milliseconds."""
    return pyproj.Transformer.from_crs(horizontal(source), horizontal(target), always_xy=True)
