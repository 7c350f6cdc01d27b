"""The layer ``to_check``: the places most worth a person's look, largest area times doubt first."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import shapely

from tasks.core.arrays import ObjectArray
from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.joining.uniting import as_multipolygons
from tasks.core.product.assessment import objects
from tasks.core.product.layer import Column, Layer
from tasks.core.product.places import Places, heaviest

TO_CHECK = "to_check"


class PlaceToCheck(NamedTuple):
    """A row of the layer, with where to look.

    Attributes:
        reason: What is doubted, a sentence.
        doubt: 0 to 1.
        area_m2: On the ellipsoid.
        x: East, or longitude, of a point in it, in units of ``crs``.
        y: North, or latitude.
        crs: Of the layer.
    """

    reason: str
    doubt: float
    area_m2: float
    x: float
    y: float
    crs: str


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


def number_to_check(layers: Sequence[Layer]) -> int:
    """How many places there are, also those beyond the layers' rows."""
    return sum(len(layer) + layer.left_out for layer in layers if layer.base == TO_CHECK)


def first_to_check(layers: Sequence[Layer], most: int) -> list[PlaceToCheck]:
    """The places to look at first, over all CRSs."""
    rows = [
        (float(weight), PlaceToCheck(str(reason), float(doubt), float(area), x, y, str(layer.crs)))
        for layer in layers
        if layer.base == TO_CHECK
        for weight, reason, doubt, area, (x, y) in zip(
            *(layer.columns[name] for name in ("weight_m2", "reason", "doubt", "area_m2")),
            _points(layer.geometries),
            strict=True,
        )
    ]
    return [place for _, place in sorted(rows, key=lambda row: -row[0])[:most]]


def _points(geometries: ObjectArray) -> list[list[float]]:
    points: list[list[float]] = shapely.get_coordinates(shapely.point_on_surface(geometries)).tolist()
    return points
