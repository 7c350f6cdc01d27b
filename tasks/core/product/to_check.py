"""The layer ``to_check``: the places most worth a person's look, largest area times doubt first."""

from collections.abc import Iterator, Sequence
from typing import TypedDict

import numpy as np
import shapely

from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.geo.crs import is_geographic
from tasks.core.joining.uniting import as_multipolygons
from tasks.core.product.assessment import objects
from tasks.core.product.layer import Column, Layer
from tasks.core.product.places import Places, heaviest

TO_CHECK = "to_check"
DIGITS_OF_DEGREES = 6  # 0.1 m, as of coordinates in metres
TOLD = 10  # places that run.json, report, map and form name


class PlaceToCheck(TypedDict):
    """A row of the layer: ``x`` and ``y``, in units of ``crs``, are of a point in it."""

    reason: str
    doubt: float
    area_m2: float
    x: float
    y: float
    crs: str


class ToCheck(TypedDict):
    """How many places there are, also those beyond the layers' rows, and which to look at first, over all CRSs."""

    count: int
    first: list[PlaceToCheck]


def to_check_layer(kinds: Sequence[Places], crs: str, suffix: str) -> Layer:
    """Places of all kinds in one CRS, in order."""
    places = as_multipolygons(np.concatenate([np.empty(0, np.object_), *(kind.geometries for kind in kinds)]))
    reasons = objects([reason for kind in kinds for reason in kind.reasons])
    doubts, areas_m2 = np.concatenate([kind.doubts for kind in kinds]), ellipsoidal_area_m2(places, crs)
    weights_m2 = areas_m2 * doubts
    there = np.flatnonzero(weights_m2 > 0)
    chosen = there[heaviest(weights_m2[there])]
    columns: dict[str, Column] = {
        "rank": np.arange(1, len(chosen) + 1),
        "reason": reasons[chosen],
        "doubt": doubts[chosen],
        "area_m2": areas_m2[chosen],
        "weight_m2": weights_m2[chosen],
    }
    left_out = sum(kind.left_out for kind in kinds) + len(there) - len(chosen)
    return Layer(TO_CHECK, "MultiPolygon", crs or None, places[chosen], columns, suffix, left_out)


def to_check(layers: Sequence[Layer]) -> ToCheck:
    """What people are told of the places in these layers."""
    found = [layer for layer in layers if layer.base == TO_CHECK]
    weighted = [
        row for layer in found if len(layer) for row in zip(layer.columns["weight_m2"], _places(layer), strict=True)
    ]
    weighted.sort(key=lambda row: -row[0])
    return {
        "count": sum(len(layer) + layer.left_out for layer in found),
        "first": [place for _, place in weighted[:TOLD]],
    }


def _places(layer: Layer) -> Iterator[PlaceToCheck]:
    digits = DIGITS_OF_DEGREES if is_geographic(str(layer.crs)) else 1
    points = shapely.get_coordinates(shapely.point_on_surface(layer.geometries)).round(digits)
    columns = (layer.columns[name] for name in ("reason", "doubt", "area_m2"))
    for reason, doubt, area_m2, (x, y) in zip(*columns, points, strict=True):
        yield {
            "reason": str(reason),
            "doubt": round(float(doubt), 3),
            "area_m2": round(float(area_m2), 2),
            "x": float(x),
            "y": float(y),
            "crs": str(layer.crs),
        }
