"""What is held against a product: features of one layer of a file that somebody gave."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np
import shapely

from tasks.core.arrays import BoolMask, IntArray, ObjectArray
from tasks.core.product.layer import Column


class Kind(StrEnum):
    """What a feature is measured by: number, length or area."""

    POINT = "point"
    LINE = "line"
    POLYGON = "polygon"

    @property
    def dimension(self) -> int:
        """0, 1 or 2."""
        return list(Kind).index(self)

    @property
    def unit(self) -> str | None:
        """Of its measures, as the columns' names end; None of points, which are counted."""
        return {Kind.POINT: None, Kind.LINE: "m", Kind.POLYGON: "m2"}[self]

    @property
    def whole(self) -> str:
        """What columns call the measure of all of a feature."""
        return {Kind.POINT: "number", Kind.LINE: "length_m", Kind.POLYGON: "area_m2"}[self]


@dataclass(frozen=True, slots=True, eq=False)
class Exposed:
    """Features that somebody wants to know the flooded share of.

    Attributes:
        name: Of the layer, for people: ``buildings``.
        source: The file, and its layer where it has several; without folders and credentials.
        crs: Of the geometries, as ``crs_name`` has it.
        geometries: (n,) valid, 2D, of one dimension each; None where a feature has none that is any use.
        columns: The file's own, by name; (n,) each.
        class_column: The one by which the summary is to be broken down; None for none.
        unread: How many more features the file has, which lie elsewhere.
        repaired: How many were not valid, and are now.
        notes: What a reader must know of how it was read, a sentence each.
    """

    name: str
    source: str
    crs: str
    geometries: ObjectArray
    columns: dict[str, Column]
    class_column: str | None = None
    unread: int = 0
    repaired: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lengths = {name: len(values) for name, values in self.columns.items()}
        if set(lengths.values()) - {len(self.geometries)}:
            raise ValueError(f"{self.source}: {len(self.geometries)} geometries, but columns of {lengths}")
        if self.class_column is not None and self.class_column not in self.columns:
            raise ValueError(f"{self.source}: has no column {self.class_column}")

    @classmethod
    def of(cls, name: str, source: str, crs: str, geometries: ObjectArray, columns: dict[str, Column]) -> Self:
        """Of geometries as they come: any, also invalid ones, with heights, and collections."""
        usable, repaired = _usable(geometries)
        return cls(name, source, crs, usable, columns, repaired=repaired)

    def __len__(self) -> int:
        return len(self.geometries)

    @property
    def kinds(self) -> dict[Kind, IntArray]:
        """Numbers of the features of each kind that there is; those without geometry are of the first one."""
        dimensions = shapely.get_dimensions(self.geometries)
        there = [kind for kind in Kind if (dimensions == kind.dimension).any()] or [Kind.POINT]
        dimensions = np.where(shapely.is_missing(self.geometries), there[0].dimension, dimensions)
        return {kind: np.flatnonzero(dimensions == kind.dimension) for kind in there}


def _usable(geometries: ObjectArray) -> tuple[ObjectArray, int]:
    """Valid geometries of one dimension each, None where nothing is left; and how many were made valid."""
    with np.errstate(invalid="ignore"):  # of coordinates that are no numbers
        flat = np.asarray(shapely.force_2d(geometries), np.object_)
    known = ~shapely.is_missing(flat) & np.isfinite(shapely.bounds(flat)).all(axis=1)  # empty ones have no bounds
    flat[~known] = None
    broken = known & ~shapely.is_valid(flat)
    wanted = shapely.get_dimensions(flat)
    flat[broken] = shapely.make_valid(flat[broken], method="structure", keep_collapsed=False)
    flat = _of_one_dimension(flat)
    flat[(shapely.get_dimensions(flat) != wanted) | shapely.is_empty(flat) | _has_no_extent(flat, wanted)] = None
    return flat, int((broken & ~shapely.is_missing(flat)).sum())


def _has_no_extent(geometries: ObjectArray, dimensions: IntArray) -> BoolMask:
    """Lines without length and polygons without area: nothing of them can be flooded in part."""
    flat_line = (dimensions == Kind.LINE.dimension) & (shapely.length(geometries) == 0)
    return np.asarray(flat_line | ((dimensions == Kind.POLYGON.dimension) & (shapely.area(geometries) == 0)), np.bool_)


def _of_one_dimension(geometries: ObjectArray) -> ObjectArray:
    """Collections as the multi-geometry of their parts of the highest dimension."""
    is_mixed = shapely.get_type_id(geometries) == shapely.GeometryType.GEOMETRYCOLLECTION
    for number in np.flatnonzero(is_mixed):
        geometries[number] = _highest(geometries[number])
    return geometries


def _highest(collection: shapely.GeometryCollection) -> object:
    parts = np.array([collection, None], np.object_)[:1]
    while (shapely.get_type_id(parts) > shapely.GeometryType.POLYGON).any():
        parts = shapely.get_parts(parts)
    dimensions = shapely.get_dimensions(parts)
    chosen = parts[dimensions == dimensions.max(initial=-1)]
    make = {0: shapely.multipoints, 1: shapely.multilinestrings, 2: shapely.union_all}
    return make[int(dimensions.max())](chosen) if len(chosen) else None
