"""How much of each feature is flooded, dry, not assessed, and outside: by number, length or area."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import shapely

from tasks.core.arrays import BoolMask, FloatArray, ObjectArray
from tasks.core.exposure.equal_area_plane import dense
from tasks.core.exposure.exposed import Kind
from tasks.core.exposure.ground import Ground
from tasks.core.exposure.pieces import Pieces, united_by
from tasks.core.exposure.window import clipped
from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.geo.lengths import lengths_m
from tasks.core.geo.precision import STEP_M
from tasks.core.product.assessment import objects

# Shorter parts of a line, and strips of a polygon as thin as coordinates are rounded, are no parts.
LEAST_LENGTH_M = 1e-3
LEAST_WIDTH_M = STEP_M
# To which flood is looked for around what has none.
FURTHEST_M = 25.0


class Status(StrEnum):
    """What may be said of a feature: never more than was seen of it."""

    FLOODED = "flooded"
    PARTLY_FLOODED = "partly flooded"
    DRY = "dry"
    PARTLY_NOT_ASSESSED = "partly not assessed"
    NOT_ASSESSED = "not assessed"
    OUTSIDE = "outside"
    NO_GEOMETRY = "no geometry"


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """Of n features of one kind: square metres on the ellipsoid, metres on it, or numbers of points.

    The four parts add up to the whole; NaN where a feature has no geometry.

    Attributes:
        whole: (n,) all of it.
        flood: (n,) flooded.
        dry: (n,) observed, and no flood found.
        not_assessed: (n,) in a frame, but without an answer.
        outside: (n,) in no frame, or outside the area of interest.
        distance_m: (n,) to the nearest flood; 0 where they touch, NaN where it is further than ``FURTHEST_M``.
    """

    whole: FloatArray
    flood: FloatArray
    dry: FloatArray
    not_assessed: FloatArray
    outside: FloatArray
    distance_m: FloatArray

    def __len__(self) -> int:
        return len(self.whole)

    @property
    def parts(self) -> dict[str, FloatArray]:
        """Parts of the whole, as columns call them before the unit."""
        return {"flood": self.flood, "dry": self.dry, "notass": self.not_assessed, "out": self.outside}

    @property
    def unseen(self) -> FloatArray:
        """(n,) what nobody knows of."""
        return self.not_assessed + self.outside

    def of(self, rows: BoolMask) -> "Measures":
        """Of some of the features."""
        return Measures(*(values[rows] for values in (self.whole, *self.parts.values(), self.distance_m)))

    @property
    def statuses(self) -> ObjectArray:
        """(n,) in words."""
        rules = [
            (np.isnan(self.whole), Status.NO_GEOMETRY),
            ((self.flood > 0) & (self.flood == self.whole), Status.FLOODED),
            (self.flood > 0, Status.PARTLY_FLOODED),
            (self.dry == self.whole, Status.DRY),
            (self.dry > 0, Status.PARTLY_NOT_ASSESSED),
            (self.not_assessed > 0, Status.NOT_ASSESSED),
        ]
        words = objects([*(str(status) for _, status in rules), str(Status.OUTSIDE)])
        chosen = np.select([rule for rule, _ in rules], range(len(rules)), len(rules))
        return np.asarray(words[chosen], np.object_)


def measure(features: ObjectArray, crs: str, kind: Kind, ground: Ground | None) -> Measures:
    """Measure features against a product's ground.

    Args:
        features: (n,) valid geometries of one kind, or None. Of lines, what is drawn twice counts once.
        crs: Of the features.
        kind: Of all of them.
        ground: What was found, seen and not assessed; None where the product has no place: all is outside.
    """
    features = _once(features) if kind is Kind.LINE else features
    if ground is None:
        whole = np.where(shapely.is_missing(features), np.nan, _amount(features, kind, crs))
        return _of_parts(whole, _parts(np.zeros((3, len(features))), whole), np.full(len(features), np.nan))
    near, is_clipped = clipped(features, ground.window(crs))
    placed = ground.plane.project(near, crs)
    amount = shapely.area(placed) if kind is Kind.POLYGON else _amount(placed, kind, ground.plane.crs)
    whole = amount.copy()
    whole[is_clipped] = _amount(features[is_clipped], kind, crs)
    whole[shapely.is_missing(placed)] = np.nan
    flood, seen, unassessed = (
        _within(placed, amount, kind, area, ground.plane.crs)
        for area in (ground.flood, ground.seen, ground.not_assessed)
    )
    parts = _parts(np.stack([flood, np.maximum(seen - flood, 0.0), unassessed]), whole, _least(placed, kind))
    return _of_parts(whole, parts, _distances_m(placed, parts[0] > 0, ground.flood))


def _once(lines: ObjectArray) -> ObjectArray:
    """Lines without what is drawn twice."""
    crossing = ~shapely.is_simple(lines) & ~shapely.is_missing(lines)
    lines = lines.copy()
    lines[crossing] = shapely.union_all(lines[crossing][:, None], axis=1)
    return lines


def _amount(features: ObjectArray, kind: Kind, crs: str) -> FloatArray:
    if kind is Kind.POINT:
        return np.asarray(shapely.get_num_geometries(features), np.float64)
    # A geodesic between vertices far apart is not the straight line of the CRS.
    return lengths_m(dense(features, crs), crs) if kind is Kind.LINE else ellipsoidal_area_m2(features, crs)


def _within(features: ObjectArray, amount: FloatArray, kind: Kind, area: Pieces, crs: str) -> FloatArray:
    """How much of each feature lies in an area, its border included."""
    if kind is Kind.POINT:
        return _points_within(features, area)
    feature_of, piece_of = area.tree.query(features, predicate="intersects")
    inside = feature_of[shapely.covers(area.polygons[piece_of], features[feature_of])]
    found = np.zeros(len(features))
    found[inside] = amount[inside]
    is_crossing = np.ones(len(features), np.bool_)
    is_crossing[inside] = False
    chosen = is_crossing[feature_of]
    feature_of, piece_of = feature_of[chosen], piece_of[chosen]
    cut = shapely.intersection(features[feature_of], area.polygons[piece_of])
    if kind is Kind.POLYGON:
        return found + np.bincount(feature_of, shapely.area(cut), len(features))
    numbers, lines = united_by(feature_of, cut)  # a line along the border of two pieces lies in both
    found[numbers] = lengths_m(lines, crs)
    return found


def _points_within(features: ObjectArray, area: Pieces) -> FloatArray:
    points, feature_of = shapely.get_parts(features, return_index=True)
    met = np.unique(area.tree.query(points, predicate="intersects")[0])
    return np.asarray(np.bincount(feature_of[met], minlength=len(features)), np.float64)


def _least(features: ObjectArray, kind: Kind) -> FloatArray:
    """(n,) the largest amount that is no part."""
    if kind is Kind.POLYGON:
        return np.asarray(LEAST_WIDTH_M * np.nan_to_num(shapely.length(features)), np.float64)
    return np.full(len(features), LEAST_LENGTH_M if kind is Kind.LINE else 0.0)


def _of_parts(whole: FloatArray, parts: FloatArray, distance_m: FloatArray) -> Measures:
    flood, dry, not_assessed, outside = parts
    return Measures(whole, flood, dry, not_assessed, outside, distance_m)


def _distances_m(features: ObjectArray, is_flooded: BoolMask, flood: Pieces) -> FloatArray:
    """(n,) in the plane, whose scale is true around the product."""
    distances = np.where(is_flooded, 0.0, np.nan)
    free = np.flatnonzero(~is_flooded)
    if len(flood.polygons):
        near = {"max_distance": FURTHEST_M, "return_distance": True, "all_matches": False}
        (feature_of, _), found = flood.tree.query_nearest(features[free], **near)
        distances[free[feature_of]] = found
    return distances


def _parts(parts: FloatArray, whole: FloatArray, least: FloatArray | float = 0.0) -> FloatArray:
    """(4, n) parts that add up to the whole; what is no part goes to the largest one.

    Args:
        parts: (3, n) flood, dry, not assessed.
        whole: (n,) NaN where there is none.
        least: (n,) the largest amount that is no part.
    """
    parts = np.concatenate([parts, [whole - parts.sum(axis=0)]])
    parts = np.where(parts > least, parts, 0.0)
    largest = np.argmax(parts, axis=0), np.arange(len(whole))
    parts[largest] = 0.0
    parts[largest] = whole - parts.sum(axis=0)
    return np.where(np.isnan(whole), np.nan, parts)
