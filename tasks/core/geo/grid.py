"""Pixel grids on the ground: size, affine transform, CRS."""

import math
from dataclasses import dataclass

from tasks.core.record import Record

TRANSFORM_TERMS = 6


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
