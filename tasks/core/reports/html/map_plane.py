"""The plane of the page's map: whole steps from a corner, as long eastwards as northwards on the ground."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyproj

from tasks.core.arrays import FloatArray, IntArray
from tasks.core.geo.crs import horizontal

STEPS_PER_PIXEL = 8
STEPS_ACROSS = 20_000  # where no pixel is known
LATTICES = (5, 9, 17, 33)
NEAR_M = 0.2
DIGITS = 7


@dataclass(frozen=True, slots=True)
class MapPlane:
    """Positions on the map.

    Attributes:
        crs: Of the layers.
        bounds: West, south, east, north of all that is on the map, CRS units; (west, south) is position (0, 0).
        x_m: Metres that a CRS unit has eastwards, in the middle.
        y_m: Northwards; differs from ``x_m`` for degrees, which are shorter eastwards.
        step_m: Length of a step on the ground.
    """

    crs: str
    bounds: tuple[float, float, float, float]
    x_m: float
    y_m: float
    step_m: float

    @classmethod
    def around(cls, bounds: tuple[float, float, float, float], crs: str, pixel_m: float | None) -> "MapPlane":
        """The plane around bounds; its steps are small against a mapped pixel."""
        west, south, east, north = bounds
        x_m, y_m = _unit_m(crs, (south + north) / 2)
        across_m = max((east - west) * x_m, (north - south) * y_m, 1.0)
        # Rounded, so that a pixel of 5 m, which is 5.002 m on the ellipsoid, has whole steps.
        step_m = across_m / STEPS_ACROSS if pixel_m is None else float(f"{pixel_m:.3g}") / STEPS_PER_PIXEL
        return cls(crs, bounds, x_m, y_m, step_m)

    @property
    def pixel(self) -> float:
        """Side of a mapped pixel, CRS units."""
        return STEPS_PER_PIXEL * self.step_m / self.unit_m

    @property
    def unit_m(self) -> float:
        """Metres that a CRS unit has, the longer of both."""
        return max(self.x_m, self.y_m)

    def steps(self, coordinates: FloatArray) -> IntArray:
        """Positions (n, 2) on the map, x before y, of CRS coordinates (n, 2)."""
        scale = np.array([self.x_m, self.y_m]) / self.step_m
        return np.rint((coordinates - self.bounds[:2]) * scale).astype(np.int64)

    def to_dict(self) -> dict[str, Any]:
        """For the page's script: with it, positions become coordinates again."""
        crs = horizontal(self.crs)
        digits = max(0, math.ceil(-math.log10(self.step_m / self.unit_m)))
        return {
            "crs": crs_title(self.crs),
            "west": self.bounds[0],
            "south": self.bounds[1],
            "x_m": self.x_m,
            "y_m": self.y_m,
            "step_m": self.step_m,
            "pixel_m": STEPS_PER_PIXEL * self.step_m,
            "digits": digits,
            "bounds": self.steps(np.reshape(self.bounds, (2, 2))).ravel().tolist(),
            "degrees": None if crs.is_geographic else self._degrees(),
        }

    def _degrees(self) -> dict[str, Any] | None:
        """Longitudes and latitudes at the nodes of a lattice over the bounds, so close that between them lines do."""
        crs = horizontal(self.crs)
        if crs.geodetic_crs is None:
            return None
        to_degrees = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
        for nodes in LATTICES:
            fine = self._at_nodes(to_degrees, 2 * nodes - 1)
            if not np.isfinite(fine).all():
                return None
            if _error_m(fine) < NEAR_M:
                break
        lon, lat = (values.round(DIGITS).tolist() for values in fine[:, ::2, ::2])
        return {"name": crs.geodetic_crs.name, "nodes": nodes, "lon": lon, "lat": lat}

    def _at_nodes(self, to_degrees: pyproj.Transformer, nodes: int) -> FloatArray:
        """Longitude and latitude (2, rows from the south, columns from the west)."""
        west, south, east, north = self.bounds
        x, y = np.meshgrid(np.linspace(west, east, nodes), np.linspace(south, north, nodes))
        return np.array(to_degrees.transform(x, y))


def crs_title(crs: str) -> str:
    """Name and code of a CRS: ``GDA2020 / MGA zone 55 (EPSG:7855)``."""
    name = horizontal(crs).name
    return f"{name} ({crs})" if crs.upper().startswith("EPSG:") else name


def _error_m(fine: FloatArray) -> float:
    """The largest difference, in metres, at the nodes that are to be left out, from the means of those around them."""
    kept = fine[:, ::2, ::2]
    rows = (kept[:, 1:] + kept[:, :-1]) / 2 - fine[:, 1::2, ::2]
    columns = (kept[:, :, 1:] + kept[:, :, :-1]) / 2 - fine[:, ::2, 1::2]
    return float(max(np.abs(rows).max(), np.abs(columns).max()) * 111_320)


def _unit_m(crs: str, y: float) -> tuple[float, float]:
    """Metres that a CRS unit has eastwards and northwards, at northing or latitude ``y``."""
    system = horizontal(crs)
    factor = system.axis_info[0].unit_conversion_factor
    if not system.is_geographic:
        return factor, factor
    ellipsoid = system.get_geod() or pyproj.Geod(ellps="GRS80")
    latitude, step = max(-89.0, min(89.0, math.degrees(y * factor))), 1e-4
    _, _, east_m = ellipsoid.inv(0, latitude, step, latitude)
    _, _, north_m = ellipsoid.inv(0, latitude - step / 2, 0, latitude + step / 2)
    per_unit = math.degrees(factor) / step
    return east_m * per_unit, north_m * per_unit
