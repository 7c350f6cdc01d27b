"""Scoring an extent against reference polygons, by area on the ellipsoid."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

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
        """Intersection over union; for two classes it is the critical success index (CSI) of forecasters."""
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
        """Share of the reference's flood that was mapped: the probability of detection (POD)."""
        return _share(self.both_m2, self.reference_m2)

    @property
    def false_alarm_ratio(self) -> float:
        """Share of the mapped flood that the reference does not confirm (FAR)."""
        return 1 - self.precision

    @property
    def bias(self) -> float:
        """Mapped over expected: above 1 too much was mapped; infinite where nothing was to be."""
        return _share(self.extent_m2, self.reference_m2) if self.reference_m2 or not self.extent_m2 else math.inf

    def to_dict(self) -> dict[str, float]:
        """Measures and areas by the names that files have for them; areas in m² on the ellipsoid."""
        return {
            "iou": self.iou,
            "f1": self.f1,
            "precision": self.precision,
            "recall": self.recall,
            "csi": self.iou,
            "pod": self.recall,
            "far": self.false_alarm_ratio,
            "bias": self.bias,
            "hit_m2": self.both_m2,
            "false_alarm_m2": self.extent_m2 - self.both_m2,
            "miss_m2": self.reference_m2 - self.both_m2,
            "reference_outside_m2": self.reference_outside_m2,
        }

    @property
    def reference_outside_share(self) -> float:
        """Share of all the reference's flood that lies outside the observed area."""
        everything = self.reference_m2 + self.reference_outside_m2
        return self.reference_outside_m2 / everything if everything else 0.0


@dataclass(frozen=True, slots=True)
class Regions:
    """Ground as a comparison needs it, in one CRS.

    Attributes:
        mapped: Mapped as flood, within the observed area.
        expected: Flood by the reference, within the observed area.
        outside: Flood by the reference outside it.
        observed: Ground to which the comparison is limited; None for no limit.
    """

    mapped: BaseGeometry
    expected: BaseGeometry
    outside: BaseGeometry
    observed: BaseGeometry | None

    def score(self, crs: str) -> Score:
        """The areas; ``crs`` is that of the regions."""
        both = shapely.intersection(self.mapped, self.expected)
        regions = np.array([self.mapped, self.expected, both, self.outside], np.object_)
        mapped, expected, common, outside = ellipsoidal_area_m2(regions, crs).tolist()
        return Score(mapped, expected, min(common, mapped, expected), outside)

    def scores(self, grounds: Mapping[str, BaseGeometry], crs: str) -> dict[str, Score]:
        """The score on each of some grounds, such as the tiles'."""
        mapped, expected, outside = (_Parts.of(area) for area in (self.mapped, self.expected, self.outside))
        found = {}
        for name, ground in grounds.items():
            parts = Regions(mapped.within(ground), expected.within(ground), outside.within(ground), None)
            found[name] = parts.score(crs)
        return found


class _Parts(NamedTuple):
    """The disjoint polygons of an area, to be found by where they are."""

    polygons: ObjectArray
    tree: shapely.STRtree

    @classmethod
    def of(cls, area: BaseGeometry) -> "_Parts":
        polygons = shapely.get_parts(area)
        return cls(polygons, shapely.STRtree(polygons))

    def within(self, ground: BaseGeometry) -> BaseGeometry:
        met = self.polygons[self.tree.query(ground, predicate="intersects")]
        return shapely.multipolygons(shapely.get_parts(as_multipolygons(shapely.intersection(met, ground))))


def score(extent: Areas, reference: Areas, observed: Areas | None, crs: str) -> Score:
    """Compare an extent with a reference; ``crs`` is that of all.

    Nothing mapped where nothing is to be mapped is right: where a measure's denominator is zero (no flood in both; for
    precision, none mapped; for recall, none to map) it is 1.0.
    """
    return regions_of(extent, reference, observed).score(crs)


def regions_of(extent: Areas, reference: Areas, observed: Areas | None) -> Regions:
    """Make ready for comparison.

    Args:
        extent: Mapped flood: one geometry or many, which may overlap.
        reference: The flood by the reference, likewise. Invalid polygons are made valid.
        observed: Ground to which the comparison is limited; None for no limit.
    """
    mapped, expected = dissolved(extent), dissolved(reference)
    if observed is None:
        return Regions(mapped, expected, shapely.Polygon(), None)
    limit = dissolved(observed)
    outside = shapely.difference(expected, limit)
    # As areas: where outlines meet, an intersection also holds lines, and GEOS cannot intersect such mixtures.
    mapped, expected = as_multipolygons(shapely.intersection([mapped, expected], limit))
    return Regions(mapped, expected, outside, limit)


def dissolved(areas: Areas) -> BaseGeometry:
    """One valid geometry of many, which may overlap or be invalid."""
    geometries = np.atleast_1d(np.asarray(areas, np.object_))
    valid = shapely.make_valid(shapely.force_2d(geometries), method="structure", keep_collapsed=False)
    return shapely.disjoint_subset_union_all(as_multipolygons(valid))


def _share(part: float, whole: float) -> float:
    return 1.0 if whole == 0 else part / whole
