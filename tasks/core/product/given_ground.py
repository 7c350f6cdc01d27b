"""The given areas in one CRS, and the layers that there are only with them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from tasks.core.arrays import ObjectArray
from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.geo.grid import Grid
from tasks.core.geo.reprojection import metres_per_unit
from tasks.core.given_areas.given_areas import GivenArea, GivenAreas
from tasks.core.given_areas.mask import Mask, Parts
from tasks.core.given_areas.water_classes import Limits, WaterClasses, classify, clipped, traces
from tasks.core.product.assessment import objects
from tasks.core.product.layer import Column, Layer


@dataclass(frozen=True, slots=True, eq=False)
class GivenGround:
    """What was given, in one CRS, near its frames.

    Attributes:
        crs: That CRS.
        normal: Normal water; None where none was given.
        excluded: Excluded ground, with the number of the reason of each polygon; None likewise.
        reasons: The reasons by their number.
        area: The area of interest; None likewise.
        limits: What beside normal water is no flood of its own.
    """

    crs: str
    normal: Mask | None
    excluded: Parts | None
    reasons: Sequence[str]
    area: Mask | None
    limits: Limits

    @classmethod
    def of(
        cls, given: GivenAreas, crs: str, observed: ObjectArray, grids: Sequence[Grid], min_area_m2: float
    ) -> "GivenGround":
        """Bring it to the CRS; ``observed`` is the ground that the frames show, ``grids`` are of answered tiles."""
        normal, excluded, area = given.normal_water, given.excluded, given.area_of_interest
        tolerance_m = given.normal_water_tolerance_m
        if tolerance_m is None:
            tolerance_m = 0.0 if normal is None else largest_pixel_m(grids)
        limits = Limits(tolerance_m, min_area_m2)
        return cls(
            crs,
            None if normal is None else Mask(_near(normal, observed, crs).polygons, crs),
            None if excluded is None else _near(excluded, observed, crs),
            [] if excluded is None else excluded.reason_names,
            None if area is None else Mask(area.in_crs(crs).polygons if crs else objects([]), crs),
            limits,
        )

    def classify(self, water: ObjectArray) -> WaterClasses:
        """Tell water apart, and clip each class to the area of interest."""
        found = classify(water, self.normal, self.excluded, self.limits, self.crs)
        normal = clipped(Parts(found.normal, np.zeros(len(found.normal), np.int64)), self.area)
        return WaterClasses(clipped(found.flood, self.area), normal.polygons, clipped(found.excluded, self.area))

    def within(self, polygons: ObjectArray) -> ObjectArray:
        """What of polygons lies in the area of interest."""
        return clipped(Parts(polygons, np.arange(len(polygons))), self.area).polygons

    def layers(self, classes: WaterClasses, observed: ObjectArray, water: ObjectArray, suffix: str) -> list[Layer]:
        """``normal_water``, ``flood_trace`` and ``excluded``, as far as they were asked for.

        Args:
            classes: The water by class, within the area of interest.
            observed: Ground that was looked at, there or elsewhere.
            water: All water, likewise.
            suffix: Of the layers' names.
        """
        layers = []
        if self.normal is not None:
            dry = self.within(traces(self.normal, observed, water, self.crs))
            layers.append(_layer("normal_water", classes.normal, self.crs, suffix))
            layers.append(_layer("flood_trace", dry, self.crs, suffix))
        if self.excluded is not None:
            reasons = objects([self.reasons[number] for number in classes.excluded.owner])
            layers.append(_layer("excluded", classes.excluded.polygons, self.crs, suffix, reason=reasons))
        return layers


def largest_pixel_m(grids: Sequence[Grid]) -> float:
    """The longest side of a mapped pixel, metres on the ground, of grids of one CRS; 0 without grids."""
    if not grids:
        return 0.0
    centres = np.array([grid.xy(grid.width_px / 2, grid.height_px / 2) for grid in grids])
    scales = metres_per_unit(centres, grids[0].crs)
    terms = np.array([grid.transform for grid in grids])
    return float(max(np.hypot(*(terms[:, [first, first + 3]] * scales).T).max() for first in (0, 1)))


def _near(area: GivenArea, observed: ObjectArray, crs: str) -> Parts:
    if not len(observed):
        return Parts(objects([]), np.empty(0, np.int64))
    return area.in_crs(crs, tuple(shapely.total_bounds(observed).tolist()))


def _layer(name: str, polygons: ObjectArray, crs: str, suffix: str, **more: Column) -> Layer:
    columns: dict[str, Column] = {**more, "area_m2": ellipsoidal_area_m2(polygons, crs)}
    return Layer(name, "Polygon", crs or None, polygons, columns, suffix)
