"""Frames in which the pixels' edges of tiles run along the axes."""

import math
from dataclasses import dataclass

import numpy as np
import shapely

from tasks.core.arrays import FloatArray, ObjectArray
from tasks.core.geo.grid import Grid

DIRECTION_DECIMALS = 10  # grids of one flight agree to more; a kilometre along, this is 0.1 micrometres


@dataclass(frozen=True, slots=True, order=True)
class Frame:
    """Two directions of unit length, in units of the CRS.

    Attributes:
        across: (x, y) along the pixels' rows.
        down: (x, y) along the pixels' columns.
    """

    across: tuple[float, float] = (1.0, 0.0)
    down: tuple[float, float] = (0.0, 1.0)

    def enter(self, ground: FloatArray) -> FloatArray:
        """CRS coordinates (n, 2) in this frame."""
        return ground if self == ALONG_AXES else np.asarray(ground @ np.linalg.inv(self._rows))

    def leave(self, inside: FloatArray) -> FloatArray:
        """Coordinates (n, 2) of this frame in the CRS."""
        return inside if self == ALONG_AXES else np.asarray(inside @ self._rows)

    @property
    def _rows(self) -> FloatArray:
        return np.array([self.across, self.down])


ALONG_AXES = Frame()


def frame_of(grid: Grid | None) -> Frame:
    """The frame of a grid's pixels; the CRS's own axes where they run along them, or where there is no grid."""
    if grid is None or _is_along_axes(grid):
        return ALONG_AXES
    a, b, _, d, e, _ = grid.transform
    return Frame(_direction(a, d), _direction(b, e))


def on_lattice(polygons: ObjectArray, grid: Grid | None) -> ObjectArray:
    """Undo the rounding of polygons whose vertices are pixel corners of a rotated grid.

    Rounded vertices of a rotated edge are off its line by up to the rounding, so that neighbours would leave cracks.
    """
    if grid is None or _is_along_axes(grid):
        return polygons
    a, b, c, d, e, f = grid.transform
    terms, origin = np.array([[a, d], [b, e]]), np.array([c, f])
    inverse = np.linalg.inv(terms)
    return np.asarray(shapely.transform(polygons, lambda ground: np.rint((ground - origin) @ inverse) @ terms + origin))


def _is_along_axes(grid: Grid) -> bool:
    a, b, _, d, e, _ = grid.transform
    return b == d == 0 or a == e == 0


def _direction(x: float, y: float) -> tuple[float, float]:
    length = math.hypot(x, y)
    return round(x / length, DIRECTION_DECIMALS), round(y / length, DIRECTION_DECIMALS)
