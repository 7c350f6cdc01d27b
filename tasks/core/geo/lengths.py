"""True lengths: along the straight lines of the CRS, measured on the ellipsoid.

Lines are cut into short pieces, and each counts as the geodesic between its ends: Karney, Algorithms for geodesics,
Journal of Geodesy 87 (2013), as PROJ has it.
"""

from functools import lru_cache

import numpy as np
import pyproj
import shapely

from tasks.core.arrays import FloatArray, ObjectArray
from tasks.core.geo.crs import horizontal

# A geodesic of this length and the straight line of a projection between its ends differ by 1e-8 m.
MAX_EDGE_M = 200.0
MAX_EDGE_RADIANS = MAX_EDGE_M / 6.4e6
DEGREES = {
    "subtype": "ellipsoidal",
    "axis": [
        {"name": "Longitude", "abbreviation": "lon", "direction": "east", "unit": "degree"},
        {"name": "Latitude", "abbreviation": "lat", "direction": "north", "unit": "degree"},
    ],
}


def ellipsoidal_length_m(lines: ObjectArray, crs: str) -> FloatArray:
    """Lengths on the ellipsoid, in metres.

    Args:
        lines: (n,) lines, multilines, collections of them, or None, in units of ``crs``. Points have no length.
        crs: Projected or geographic, in any unit.

    Returns:
        (n,) float64; 0 for None and for empty geometries.
    """
    parts, line_of = shapely.get_parts(np.asarray(lines, np.object_), return_index=True)
    to_degrees, geod, longest = _ground(crs)
    coordinates, part_of = shapely.get_coordinates(shapely.segmentize(parts, longest), return_index=True)
    if not len(coordinates):
        return np.zeros(len(lines))
    x, y = to_degrees.transform(*coordinates.T)
    is_edge = part_of[1:] == part_of[:-1]
    _, _, lengths = geod.inv(*(values[is_edge] for values in (x[:-1], y[:-1], x[1:], y[1:])))
    return np.asarray(np.bincount(line_of[part_of[1:][is_edge]], lengths, len(lines)), np.float64)


@lru_cache(maxsize=64)
def _ground(crs: str) -> tuple[pyproj.Transformer, pyproj.Geod, float]:
    """The way to degrees without a datum shift; the ellipsoid; the longest edge in units of the CRS."""
    ground = horizontal(crs)
    base, geod = ground.geodetic_crs, ground.get_geod()
    if base is None or geod is None:
        raise ValueError(f"lengths need a CRS that is tied to the Earth, not {crs}")
    degrees = pyproj.CRS.from_json_dict(base.to_json_dict() | {"coordinate_system": DEGREES})
    longest = MAX_EDGE_RADIANS if ground.is_geographic else MAX_EDGE_M
    return (
        pyproj.Transformer.from_crs(ground, degrees, always_xy=True),
        geod,
        longest / ground.axis_info[0].unit_conversion_factor,
    )
