"""Where a tile's pixels come to lie on a raster, window by window: copied one for one, or resampled."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.core.arrays import BoolMask, FloatArray, IntArray, UInt8Array
from tasks.core.geo.grid import Grid
from tasks.core.rasters.output_grid import MISFIT_PX

WINDOW_PX = 1024  # two of the blocks that the files are made of: none is written by halves
AROUND_PX = 2  # that interpolation looks beyond a window
EDGE_PX = 1e-6  # a centre on the seam of two tiles must not be missed by both, to the last bit


class Window(NamedTuple):
    """A part of a raster.

    Attributes:
        row: First row.
        column: First column.
        height_px: Rows.
        width_px: Columns.
    """

    row: int
    column: int
    height_px: int
    width_px: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, columns."""
        return self.height_px, self.width_px

    def grid(self, whole: Grid) -> Grid:
        """Its part of the raster's grid."""
        a, b, _, d, e, _ = whole.transform
        x, y = whole.xy(self.column, self.row)
        return Grid(self.width_px, self.height_px, (a, b, x, d, e, y), whole.crs)


def windows(grid: Grid, rows: tuple[int, int], columns: tuple[int, int]) -> Iterator[Window]:
    """The windows of a raster that reach into some rows and columns (first, end), in reading order."""
    starts = (
        range(max(first, 0) // WINDOW_PX * WINDOW_PX, min(end, size), WINDOW_PX)
        for (first, end), size in ((rows, grid.height_px), (columns, grid.width_px))
    )
    for row, column in product(*starts):
        yield Window(row, column, min(WINDOW_PX, grid.height_px - row), min(WINDOW_PX, grid.width_px - column))


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Pixels of a tile or of its picture on a raster.

    Attributes:
        source: Whose pixels they are.
        target: The raster's grid, in the same CRS.
    """

    source: Grid
    target: Grid

    @property
    def is_aligned(self) -> bool:
        """Whether its pixels are pixels of the raster; they may be in another order, as in a picture south up."""
        found = self._corners
        whole = np.rint(found)
        sides = np.abs(np.diff(whole, axis=0)[:2]).sum(axis=1).tolist()
        return bool((np.abs(found - whole) < MISFIT_PX).all()) and sides == [
            self.source.width_px,
            self.source.height_px,
        ]

    def windows(self) -> Iterator[Window]:
        """The raster's windows that it reaches into."""
        low, high = np.floor(self._corners.min(axis=0)).astype(int), np.ceil(self._corners.max(axis=0)).astype(int)
        return windows(self.target, (int(low[1]), int(high[1])), (int(low[0]), int(high[0])))

    def nearest(self, window: Window) -> "Nearest":
        """For each pixel of a window that of the source which its centre lies in."""
        to_source = _between(window.grid(self.target), self.source)
        columns, rows = np.arange(window.width_px) + 0.5, np.arange(window.height_px)[:, None] + 0.5
        x, y = (_sum(terms[0] * columns, terms[1] * rows, terms[2]) for terms in to_source)
        return Nearest.of(x, y, self.source)

    def linear(self, window: Window, image: UInt8Array) -> UInt8Array:
        """A window of the image (height, width, bands), interpolated between pixel centres."""
        to_source = _between(window.grid(self.target), self.source)
        edges = to_source @ np.array([[0, window.width_px] * 2, [0, 0] + [window.height_px] * 2, [1] * 4])
        low = np.maximum(np.floor(edges.min(axis=1)).astype(int) - AROUND_PX, 0)
        high = np.ceil(edges.max(axis=1)).astype(int) + AROUND_PX
        part = image[low[1] : max(high[1], 0), low[0] : max(high[0], 0)]
        if not part.size:
            return np.zeros((*window.shape, image.shape[2]), np.uint8)
        to_source[:, 2] += to_source[:, :2] @ (0.5, 0.5) - 0.5 - low  # OpenCV counts from pixel centres
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        found = cv2.warpAffine(part, to_source, window.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(found, np.uint8)

    @property
    def _corners(self) -> FloatArray:
        """(4, 2) the source's corners, column and row, in pixels of the raster."""
        corners = np.column_stack([np.array(self.source.corners), np.ones(4)])
        return np.asarray(corners @ _from_ground(self.target).T)


class Nearest(NamedTuple):
    """Pixels of a source by the pixels of a window, (height, width) or what spreads to it.

    Attributes:
        rows: Of the source, within it.
        columns: Likewise.
        inside: Where the window has a pixel of the source.
    """

    rows: IntArray
    columns: IntArray
    inside: BoolMask

    @classmethod
    def of(cls, x: FloatArray, y: FloatArray, source: Grid) -> "Nearest":
        """Of positions in the source's pixels, column and row, which may lie beyond it."""
        ends = (y, source.height_px), (x, source.width_px)
        down, across = ((axis > -EDGE_PX) & (axis < size + EDGE_PX) for axis, size in ends)
        rows, columns = (np.floor(axis).clip(0, size - 1).astype(np.int64) for axis, size in ends)
        return cls(rows, columns, np.asarray(down & across))

    def take(self, values: NDArray[Any]) -> NDArray[Any]:
        """The window of the source's values (height, width, ...); where there are none, any."""
        if self.rows.shape[1:] == (1,) and self.columns.ndim == 1:  # along the axes: four times as fast
            return values.take(self.rows[:, 0], axis=0).take(self.columns, axis=1)
        return np.asarray(values[self.rows, self.columns])


def _between(target: Grid, source: Grid) -> FloatArray:
    """Affine (2, 3) from pixel corners of one grid to those of another."""
    a, b, c, d, e, f = target.transform
    return np.asarray(_from_ground(source) @ np.array([[a, b, c], [d, e, f], [0.0, 0.0, 1.0]]))


def _from_ground(grid: Grid) -> FloatArray:
    """Affine (2, 3) from CRS coordinates to pixel corners. Terms that are zero stay so."""
    a, b, c, d, e, f = grid.transform
    area = a * e - b * d
    return np.array([[e, -b, b * f - c * e], [-d, a, c * d - a * f]]) / area


def _sum(across: FloatArray, down: FloatArray, start: float) -> FloatArray:
    """Of a row and a column of terms; where one of them is all zero, it keeps the other's shape."""
    if not across.any():
        return np.asarray(down + start)
    return np.asarray(across + start if not down.any() else across + down + start)
