"""Frozen records that carry their georeference and check themselves when made.

Tile-level tasks exchange them as plain dictionaries (``to_dict``) and rebuild them with ``from_dict``, so that a record
read from a cache passes the same checks as a fresh one.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, TypeAdapter

TRANSFORM_TERMS = 6


class Record:
    """A dataclass that goes through JSON and back; what comes back has the types of its fields and no other keys."""

    __slots__ = ()
    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as JSON holds them."""
        plain: dict[str, Any] = asdict(self)  # type: ignore[call-overload] # what derives from it is a dataclass
        return plain

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild from ``to_dict`` or JSON.

        Raises:
            ValueError: They are of no such record.
        """
        rebuilt: Self = _adapter(cls).validate_python(values)  # type: ignore[arg-type] # classes are hashable
        return rebuilt


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@dataclass(frozen=True, slots=True)
class Grid(Record):
    """A georeferenced pixel grid.

    Attributes:
        width_px: Columns.
        height_px: Rows.
        transform: Affine terms (a, b, c, d, e, f): x = a * column + b * row + c, y = d * column + e * row + f, with
            (column, row) at pixel corners, (0, 0) the outer corner of the first pixel; in units of the CRS.
        crs: ``EPSG:7855`` where the CRS has a code, else WKT2.
    """

    width_px: int
    height_px: int
    transform: tuple[float, float, float, float, float, float]
    crs: str

    def __post_init__(self) -> None:
        if self.width_px < 1 or self.height_px < 1:
            raise ValueError(f"a grid of {self.width_px} x {self.height_px} px has no pixels")
        if len(self.transform) != TRANSFORM_TERMS or not all(math.isfinite(term) for term in self.transform):
            raise ValueError(f"a transform has six finite terms, not {self.transform}")
        if self.pixel_area == 0:
            raise ValueError(f"the transform {self.transform} is degenerate: its pixels have no area")
        if not self.crs:
            raise ValueError("a grid needs a CRS")

    @property
    def pixel_area(self) -> float:
        """Planar area of a pixel in squared units of the CRS: the determinant's magnitude."""
        a, b, _, d, e, _ = self.transform
        return abs(a * e - b * d)

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """The four outer corners (x, y), from pixel corner (0, 0) along the first row."""
        pixels = ((0, 0), (self.width_px, 0), (self.width_px, self.height_px), (0, self.height_px))
        return tuple(self.xy(column, row) for column, row in pixels)

    def xy(self, column: float, row: float) -> tuple[float, float]:
        """CRS coordinates of a pixel-corner position."""
        a, b, c, d, e, f = self.transform
        return a * column + b * row + c, d * column + e * row + f

    def resized(self, width_px: int, height_px: int) -> "Grid":
        """The same ground in another number of pixels: the outer corners stay where they are."""
        a, b, c, d, e, f = self.transform
        across, down = self.width_px / width_px, self.height_px / height_px
        return Grid(width_px, height_px, (a * across, b * down, c, d * across, e * down, f), self.crs)


@dataclass(frozen=True, slots=True)
class Tile(Record):
    """One image of the dataset, as listed and as its header describes it.

    Attributes:
        id: Path below the dataset, ``/``-separated, extension kept.
        uri: Where the image is: an absolute local path or ``s3://bucket/key``.
        size_bytes: Of the image alone.
        content_hash: Changes when the image does; sidecars have no part in it.
        sidecars: URIs of ``.j2w``, ``.wld``, ``.aux.xml`` files that belong to it: what they say is in grid and nodata.
        bands: Number of bands, where the header could be read.
        grid: Full-resolution grid, where header and georeference could be read.
        problem: What the header probe found wrong, for a person; None where nothing.
        nodata: Near infrared, red, green of what metadata declare as NoData; None where they do not.
    """

    id: str
    uri: str
    size_bytes: int
    content_hash: str
    sidecars: tuple[str, ...] = ()
    bands: int | None = None
    grid: Grid | None = None
    problem: str | None = None
    nodata: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        if not self.id or self.id.startswith("/") or ".." in self.id.split("/"):
            raise ValueError(f"a tile id is a path below the dataset, not {self.id!r}")
        if self.problem is None and self.grid is None:
            raise ValueError(f"tile {self.id}: neither a grid nor a problem")
