"""Where ground lies on a picture: the frame of the overview map."""

import math
from dataclasses import dataclass

import numpy as np
import pyproj
import shapely

from tasks.core.arrays import FloatArray, Int32Array, ObjectArray
from tasks.core.geo.grid import Grid

Bounds = tuple[float, float, float, float]
"""West, south, east, north."""

MARGIN = 0.01
LEAST_M = 1.0  # a map of less would be of nothing
SUBPIXEL_BITS = 4
ROUND_LENGTHS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the paper, mm."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.top + self.height

    @property
    def outline(self) -> FloatArray:
        """Its corners (4, 2)."""
        left, top, right, bottom = self.left, self.top, self.right, self.bottom
        return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


@dataclass(frozen=True, slots=True)
class MapFrame:
    """A picture with grid north up.

    Attributes:
        width_px: Columns.
        height_px: Rows.
        west: x of the picture's left edge, CRS units.
        north: y of its upper edge, CRS units.
        x_scale: Pixels a CRS unit eastwards.
        y_scale: Pixels a CRS unit northwards; differs from ``x_scale`` for degrees, which are shorter eastwards.
        metres_per_px: On the ground, at the middle of the picture.
    """

    width_px: int
    height_px: int
    west: float
    north: float
    x_scale: float
    y_scale: float
    metres_per_px: float

    @classmethod
    def around(cls, bounds: Bounds, crs: str, long_side_px: int) -> "MapFrame":
        """The frame around bounds (west, south, east, north) whose longer side has so many pixels."""
        west, south, east, north = bounds
        margin = MARGIN * max(east - west, north - south)
        west, south, east, north = west - margin, south - margin, east + margin, north + margin
        x_m, y_m = _unit_m(crs, (south + north) / 2)
        metres_per_px = max((east - west) * x_m, (north - south) * y_m) / long_side_px
        x_scale, y_scale = x_m / metres_per_px, y_m / metres_per_px
        width_px, height_px = (max(1, round(size)) for size in ((east - west) * x_scale, (north - south) * y_scale))
        return cls(width_px, height_px, west, north, x_scale, y_scale, metres_per_px)

    @classmethod
    def filling(cls, bounds: Bounds, crs: str, width_px: int, height_px: int) -> "MapFrame":
        """The frame of a given size with bounds in its middle, as large as they fit."""
        west, south, east, north = bounds
        x_m, y_m = _unit_m(crs, (south + north) / 2)
        across_m, down_m = max((east - west) * x_m, LEAST_M), max((north - south) * y_m, LEAST_M)
        metres_per_px = max(across_m / width_px, down_m / height_px) * (1 + 2 * MARGIN)
        x_scale, y_scale = x_m / metres_per_px, y_m / metres_per_px
        left, top = (west + east) / 2 - width_px / 2 / x_scale, (south + north) / 2 + height_px / 2 / y_scale
        return cls(width_px, height_px, left, top, x_scale, y_scale, metres_per_px)

    @property
    def bounds(self) -> Bounds:
        """What ground it shows: west, south, east, north, CRS units."""
        east, south = self.west + self.width_px / self.x_scale, self.north - self.height_px / self.y_scale
        return self.west, south, east, self.north

    def pixels(self, ground: FloatArray) -> FloatArray:
        """Positions (n, 2) on the picture, column first, (0, 0) its outer corner, of CRS coordinates (n, 2)."""
        return np.column_stack([(ground[:, 0] - self.west) * self.x_scale, (self.north - ground[:, 1]) * self.y_scale])

    def on_paper(self, ground: FloatArray, box: Box) -> FloatArray:
        """Positions (n, 2) on the paper, mm, where the map fills ``box``, of CRS coordinates (n, 2)."""
        scale = (box.width / self.width_px, box.height / self.height_px)
        return np.asarray(self.pixels(ground) * scale + (box.left, box.top))

    def from_grid(self, grid: Grid) -> FloatArray:
        """Affine (2, 3) from the grid's pixel centres to the picture's, as ``cv2.warpAffine`` counts them."""
        a, b, c, d, e, f = grid.transform
        to_map = np.array([[self.x_scale, 0, -self.west * self.x_scale], [0, -self.y_scale, self.north * self.y_scale]])
        corners = to_map @ np.array([[a, b, c], [d, e, f], [0, 0, 1]])
        corners[:, 2] += corners[:, :2] @ (0.5, 0.5) - 0.5
        return np.asarray(corners)

    def rings(self, geometries: ObjectArray) -> list[Int32Array]:
        """All rings of polygons as cv2 takes them: int32 (n, 2) in 1/16 px from pixel centres."""
        parts = shapely.get_parts(geometries[~shapely.is_missing(geometries)])
        return self.fixed(shapely.get_rings(parts))

    def fixed(self, lines: ObjectArray) -> list[Int32Array]:
        """Lines, rings or points likewise."""
        coordinates, owner = shapely.get_coordinates(lines, return_index=True)
        fixed = np.rint((self.pixels(coordinates) - 0.5) * (1 << SUBPIXEL_BITS)).astype(np.int32)
        return np.split(fixed, np.flatnonzero(np.diff(owner)) + 1) if len(fixed) else []

    def scale_bar(self, most_px: float) -> tuple[float, str]:
        """Length in pixels and label of the longest bar of round length that fits."""
        most_m = most_px * self.metres_per_px
        power = 10.0 ** math.floor(math.log10(most_m))
        length_m = power * max(length for length in ROUND_LENGTHS if length * power <= most_m)
        label = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"  # noqa: PLR2004 - metres
        return length_m / self.metres_per_px, label


def _unit_m(crs: str, y: float) -> tuple[float, float]:
    """Metres that a CRS unit has eastwards and northwards, at northing or latitude ``y``."""
    system = pyproj.CRS.from_user_input(crs)
    factor = system.axis_info[0].unit_conversion_factor
    if not system.is_geographic:
        return factor, factor
    ellipsoid = system.get_geod() or pyproj.Geod(ellps="GRS80")
    latitude = max(-89.0, min(89.0, math.degrees(y * factor)))
    step = 1e-4
    _, _, east_m = ellipsoid.inv(0, latitude, step, latitude)
    _, _, north_m = ellipsoid.inv(0, latitude - step / 2, 0, latitude + step / 2)
    per_unit = math.degrees(factor) / step
    return east_m * per_unit, north_m * per_unit
