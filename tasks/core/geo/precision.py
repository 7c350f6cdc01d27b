"""How finely coordinates are kept: 0.1 mm on the ground in a projected CRS, 1e-9 degrees in a geographic one."""

import math
from functools import lru_cache

import numpy as np
import pyproj

from tasks.core.arrays import FloatArray
from tasks.core.geo.crs import is_geographic

STEP_M = 1e-4
STEP_DEGREES = 1e-9

# Where halves round up, floats that mean the same place can fall on either side: pixel edges at multiples of 1500 m /
# 1024 hit halves of 0.1 mm exactly. Nothing measured lies at this odd place.
_ROUND_UP_FROM = 0.5 - 0.0137


@lru_cache(maxsize=64)
def decimals(crs: str) -> int:
    """Decimal places kept in the CRS's own unit: the power of ten next below the step."""
    axis = pyproj.CRS.from_user_input(crs).axis_info[0]
    step_si = math.radians(STEP_DEGREES) if is_geographic(crs) else STEP_M
    # A degree is pi / 180 by its definition, not by the digits stored: 1e-9 must stay 1e-9.
    return math.ceil(-math.log10(step_si / axis.unit_conversion_factor) - 1e-6)


def step(crs: str) -> float:
    """The rounding step in units of the CRS."""
    return float(10.0 ** -decimals(crs))


def round_coordinates(coordinates: FloatArray, crs: str) -> FloatArray:
    """Round coordinates, of any shape and in units of the CRS, to its step.

    The same place reached by different sums rounds to the same number, also where it lies half-way between two.
    """
    scale = 10.0 ** decimals(crs)
    return np.asarray(np.floor(coordinates * scale + (1 - _ROUND_UP_FROM)) / scale, np.float64)
