"""Where a product lies, in the CRS of what is held against it: what lies elsewhere need not be read or cut."""

from collections.abc import Sequence

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from tasks.core.arrays import BoolMask, FloatArray, ObjectArray
from tasks.core.exposure.equal_area_plane import METRES_A_RADIAN, transformer_between
from tasks.core.geo.crs import horizontal

# A margin for the bend of edges and for the shift between datums.
MARGIN_SHARE = 0.01
MARGIN_M = 200.0
HALF_TURN_DEGREES = 180.0


def window_of(places: Sequence[tuple[str, FloatArray]], crs: str) -> BaseGeometry | None:
    """Boxes around the places, with a margin, in units of ``crs``; None where that CRS has no such place.

    Args:
        places: CRSs, each with (4,) west, south, east, north in its units.
        crs: Of the window. Across the antimeridian of a geographic one there are two boxes.
    """
    boxes = [box for place, bounds in places for box in _boxes(place, bounds, crs)]
    return shapely.union_all(boxes) if boxes else None


def is_box(window: BaseGeometry) -> bool:
    """Whether it is one rectangle along the axes."""
    return bool(shapely.equals(window, shapely.box(*window.bounds)))


def clipped(features: ObjectArray, window: BaseGeometry | None) -> tuple[ObjectArray, BoolMask]:
    """Features as far as they lie in a window, and (n,) whether something of each lies outside.

    One that spans a continent would have to be followed all the way, over edges where projections tear.

    Args:
        features: (n,) valid geometries of one dimension each, or None.
        window: None for nowhere.
    """
    area = shapely.Polygon() if window is None else window
    shapely.prepare(area)
    reaches_out = ~shapely.covers(area, features) & ~shapely.is_missing(features)
    near = features.copy()
    near[reaches_out] = shapely.intersection(features[reaches_out], area)
    return near, np.asarray(reaches_out, np.bool_)


def _boxes(place: str, bounds: FloatArray, crs: str) -> list[BaseGeometry]:
    west, south, east, north = transformer_between(place, crs).transform_bounds(*bounds)
    if not np.isfinite([west, south, east, north]).all():
        return []
    ground = horizontal(crs)
    metres = ground.axis_info[0].unit_conversion_factor * (METRES_A_RADIAN if ground.is_geographic else 1.0)
    margin = MARGIN_M / metres + MARGIN_SHARE * max(abs(east - west), north - south)
    if west <= east:
        return [shapely.box(west - margin, south - margin, east + margin, north + margin)]
    half_turn = np.radians(HALF_TURN_DEGREES) / ground.axis_info[0].unit_conversion_factor
    return [
        shapely.box(west - margin, south - margin, half_turn, north + margin),
        shapely.box(-half_turn, south - margin, east + margin, north + margin),
    ]
