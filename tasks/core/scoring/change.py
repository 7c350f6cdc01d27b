"""What became of a flood between two maps of it: kept, gained, lost, and what only one of them could see.

Ground that one map did not observe is neither gained nor lost: nobody knows. So the classes are disjoint, and the first
map is exactly what was kept, lost, and seen by it alone; the second what was kept, gained, and seen by it alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from tasks.core.arrays import ObjectArray
from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.joining.uniting import as_multipolygons

KEPT, GAINED, LOST, FIRST_ALONE, SECOND_ALONE = CLASSES = ("kept", "gained", "lost", "first_alone", "second_alone")


class Mapped(NamedTuple):
    """A map in one CRS, each as one valid geometry.

    Attributes:
        flood: What is flooded.
        observed: Ground that was looked at; flood outside it counts as looked at, too.
    """

    flood: BaseGeometry
    observed: BaseGeometry


@dataclass(frozen=True, slots=True)
class Change:
    """The difference of two maps, in one CRS.

    Attributes:
        crs: Of the areas.
        areas: (5,) multipolygons, in the order of ``CLASSES``.
        peak: Flooded in the first map, in the second, or in both: the peak, as far as two maps show it.
        ground: What either of them observed.
    """

    crs: str
    areas: ObjectArray
    peak: BaseGeometry
    ground: BaseGeometry

    def square_metres(self) -> dict[str, float]:
        """Areas on the ellipsoid: of each class, of the maps ``first`` and ``second``, and of their ``peak``."""
        found: dict[str, float] = dict(zip(CLASSES, ellipsoidal_area_m2(self.areas, self.crs).tolist(), strict=True))
        first = found[KEPT] + found[LOST] + found[FIRST_ALONE]
        second = found[KEPT] + found[GAINED] + found[SECOND_ALONE]
        return {**found, "first": first, "second": second, "peak": sum(found.values())}


def change(first: Mapped, second: Mapped, crs: str) -> Change:
    """Compare two maps; ``crs`` is that of both."""
    seen_first, seen_second = (shapely.union(one.flood, one.observed) for one in (first, second))
    lost, gained = first.flood.difference(second.flood), second.flood.difference(first.flood)
    areas: Mapping[str, BaseGeometry] = {
        KEPT: first.flood.intersection(second.flood),
        GAINED: gained.intersection(seen_first),
        LOST: lost.intersection(seen_second),
        FIRST_ALONE: first.flood.difference(seen_second),
        SECOND_ALONE: second.flood.difference(seen_first),
    }
    multipolygons = as_multipolygons(np.array([areas[name] for name in CLASSES], np.object_))
    return Change(crs, multipolygons, shapely.union(first.flood, second.flood), shapely.union(seen_first, seen_second))
