"""Areas as people give them: polygons in a CRS of their own, and the same polygons where the imagery is."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely

from tasks.core.arrays import IntArray, ObjectArray
from tasks.core.errors import UnusableArgument
from tasks.core.geo.precision import round_coordinates, step
from tasks.core.geo.reprojection import TOLERANCE_M, bounds_in, reproject
from tasks.core.given_areas.mask import Parts, solid
from tasks.core.joining.uniting import unite

Bounds = tuple[float, float, float, float]
"""West, south, east, north in units of a CRS."""


@dataclass(frozen=True, eq=False)
class GivenArea:
    """Polygons of one file.

    Attributes:
        parameter: What it was given as: ``normal_water``, ``exclude`` or ``area_of_interest``.
        name: URI or path of the file, for people, without credentials.
        content_hash: SHA-256 of the file; of several that belong together, over all of them.
        polygons: (n,) valid polygons in units of ``crs``; they may overlap.
        crs: As ``crs_name`` has it; its datum is known.
        reasons: (n,) why, where it is given to exclude; else empty texts.
        left_out: Features of the layer that are no polygons.
    """

    parameter: str
    name: str
    content_hash: str
    polygons: ObjectArray
    crs: str
    reasons: ObjectArray
    left_out: int = 0

    def in_crs(self, crs: str, near: Bounds | None = None, tolerance_m: float = TOLERANCE_M) -> Parts:
        """Its ground in another CRS: polygons that overlap nowhere, valid, on the lattice of that CRS.

        Args:
            crs: The CRS wanted. In its own, edges stay as they are; in another they are followed to the tolerance.
            near: In units of ``crs``: what lies elsewhere may be left out; None for all of it.
            tolerance_m: How far an edge may leave its line, metres.

        Returns:
            Polygons, and the number of the reason (in ``reason_names``) of each. Ground with two reasons has the first.

        Raises:
            UnusableArgument: It has no place in that CRS.
        """
        polygons, kinds = self._near(near, crs), self._kinds
        chosen, kind = self.polygons[polygons], kinds[polygons]
        try:
            moved = reproject(chosen, self.crs, crs, tolerance_m)
        except ValueError as error:
            raise UnusableArgument(f"{self.name}: {error} ({crs}). Check its CRS") from error
        rounded = _on_lattice(moved, crs)
        kind = kind[rounded.owner]
        # One union a reason, group by group: one of everything takes more than its share of time.
        united = [_united(rounded.polygons[kind == number], crs) for number in np.unique(kind)]
        owner = np.repeat(np.unique(kind), [len(some) for some in united])
        return _once(Parts(np.concatenate([rounded.polygons[:0], *united]), owner), crs)

    @property
    def reason_names(self) -> list[str]:
        """Its reasons, each once, in the order of the file."""
        return list(dict.fromkeys(self.reasons.tolist()))

    @cached_property
    def _kinds(self) -> IntArray:
        numbers = {reason: number for number, reason in enumerate(self.reason_names)}
        return np.array([numbers[reason] for reason in self.reasons], np.int64)

    def _near(self, near: Bounds | None, crs: str) -> IntArray:
        """Numbers of the polygons that may reach into bounds; of all where those have no place in its CRS."""
        everything = np.arange(len(self.polygons))
        bounds = None if near is None else bounds_in(near, crs, self.crs)
        if bounds is None or not np.isfinite(bounds).all() or bounds[0] > bounds[2]:
            return everything
        west, south, east, north = bounds
        margin = max(east - west, north - south) / 100
        box = shapely.box(west - margin, south - margin, east + margin, north + margin)
        return np.asarray(everything[shapely.intersects(shapely.box(*shapely.bounds(self.polygons).T), box)])


def _on_lattice(geometries: ObjectArray, crs: str) -> Parts:
    """The polygons in geometries of any kind, valid, on the lattice of their CRS."""
    rounded = shapely.transform(geometries, lambda points: round_coordinates(points, crs))
    broken = ~shapely.is_valid(rounded)
    mended = shapely.make_valid(rounded[broken], method="structure", keep_collapsed=False)
    rounded[broken] = shapely.set_precision(mended, step(crs))
    return solid(rounded, crs)


def _united(polygons: ObjectArray, crs: str) -> ObjectArray:
    """Polygons on the lattice that overlap nowhere."""
    return solid(unite(polygons, np.arange(len(polygons)), step(crs)), crs).polygons


def _once(found: Parts, crs: str) -> Parts:
    """The parts, each without the ground of those of a smaller number."""
    if len(found.polygons) < 2 or found.owner[0] == found.owner[-1]:  # noqa: PLR2004 - it takes two
        return found
    first, second = shapely.STRtree(found.polygons).query(found.polygons, predicate="intersects")
    later = found.owner[first] > found.owner[second]
    first, second = first[later], second[later]
    rest = found.polygons.copy()
    for number in np.unique(first):
        before = shapely.union_all(found.polygons[second[first == number]])
        rest[number] = shapely.difference(found.polygons[number], before, grid_size=step(crs))
    parts = solid(rest, crs)
    return Parts(parts.polygons, found.owner[parts.owner])


@dataclass(frozen=True, eq=False)
class GivenAreas:
    """What people gave besides the frames; None where they did not.

    Attributes:
        normal_water: Permanent water, or that before the flood.
        excluded: Ground on which nothing may be called flood.
        area_of_interest: What the product is clipped to.
        normal_water_tolerance_m: Pieces of flood beside normal water that are no wider count as normal water; metres on
            the ground. None: as wide as a mapped pixel.
    """

    normal_water: GivenArea | None = None
    excluded: GivenArea | None = None
    area_of_interest: GivenArea | None = None
    normal_water_tolerance_m: float | None = None

    @property
    def files(self) -> tuple[GivenArea, ...]:
        """Those that were given."""
        return tuple(one for one in (self.normal_water, self.excluded, self.area_of_interest) if one is not None)


NOTHING_GIVEN = GivenAreas()
