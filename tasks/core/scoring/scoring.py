"""Scoring an extent against reference polygons, by area on the ellipsoid."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from tasks.core.arrays import ObjectArray
from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.joining.uniting import as_multipolygons

Areas: TypeAlias = BaseGeometry | Sequence[BaseGeometry] | ObjectArray


@dataclass(frozen=True, slots=True)
class Score:
    """How an extent compares with a reference, within the observed area.

    Attributes:
        extent_m2: Mapped as flood.
        reference_m2: Flood by the reference.
        both_m2: Flood by both.
        reference_outside_m2: Flood by the reference outside the observed area: not scored.
    """

    extent_m2: float
    reference_m2: float
    both_m2: float
    reference_outside_m2: float

    @property
    def iou(self) -> float:
        """Intersection over union."""
        return _share(self.both_m2, self.extent_m2 + self.reference_m2 - self.both_m2)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall (the Dice coefficient)."""
        return _share(2 * self.both_m2, self.extent_m2 + self.reference_m2)

    @property
    def precision(self) -> float:
        """Share of the mapped flood that the reference confirms."""
        return _share(self.both_m2, self.extent_m2)

    @property
    def recall(self) -> float:
        """Share of the reference's flood that was mapped."""
        return _share(self.both_m2, self.reference_m2)

    @property
    def reference_outside_share(self) -> float:
        """Share of all the reference's flood that lies outside the observed area."""
        everything = self.reference_m2 + self.reference_outside_m2
        return self.reference_outside_m2 / everything if everything else 0.0


def score(extent: Areas, reference: Areas, observed: Areas | None, crs: str) -> Score:
    """Compare an extent with a reference.

    Nothing mapped where nothing is to be mapped is right: where a measure's denominator is zero (no flood in both; for
    precision, none mapped; for recall, none to map) it is 1.0.

    Args:
        extent: Mapped flood: one geometry or many, which may overlap.
        reference: The flood by the reference, likewise. Invalid polygons are made valid.
        observed: Ground to which the comparison is limited; None for no limit.
        crs: Of all three.
    """
    mapped, expected = _dissolved(extent), _dissolved(reference)
    outside = shapely.Polygon()
    if observed is not None:
        limit = _dissolved(observed)
        outside = shapely.difference(expected, limit)
        # As areas: where outlines meet, an intersection also holds lines, and GEOS cannot intersect such mixtures.
        mapped, expected = as_multipolygons(shapely.intersection([mapped, expected], limit))
    both = shapely.intersection(mapped, expected)
    regions = np.array([mapped, expected, both, outside], np.object_)
    return Score(*ellipsoidal_area_m2(regions, crs).tolist())


def _dissolved(areas: Areas) -> BaseGeometry:
    geometries = np.atleast_1d(np.asarray(areas, np.object_))
    valid = shapely.make_valid(shapely.force_2d(geometries), method="structure", keep_collapsed=False)
    return shapely.disjoint_subset_union_all(as_multipolygons(valid))


def _share(part: float, whole: float) -> float:
    return 1.0 if whole == 0 else part / whole
