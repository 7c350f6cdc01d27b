"""How sure the labels of a tile's regions are: its connected parts, wet and dry, each with a histogram of confidence.

Polygons are joined, filled and dropped later, over many tiles. What a polygon's pixels are sure of is the sum over the
regions in it, so that no image has to be read again for it.
"""

import struct
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from tasks.core.arrays import BoolMask, FloatArray, IntArray, UInt8Array
from tasks.core.geo.grid import Grid

# Steps of 2 %: 255 is five times 51, so that sure and toss-up keep their values.
STEP, SURE_LEVEL = 5, 51
LEVELS = SURE_LEVEL + 1
ROWS_AT_ONCE, MOST_PIXELS = 64, 8_000_000

_HEAD = struct.Struct("<III")
_REGION, _CELL = np.dtype([("pixel", "<u4"), ("cells", "u1")]), np.dtype([("level", "u1"), ("count", "<u4")])


@dataclass(frozen=True, slots=True, eq=False)
class LabelRegions:
    """The 4-connected parts of a tile's flood, then those of its observed ground without flood.

    Attributes:
        wet: How many of them are flood; these come first.
        pixels: (n,) first pixel of each in reading order, row * width + column.
        region_of: (m,) the region of each cell of the histograms, in order; no cell is empty.
        levels: (m,) confidence of each cell's pixels, 0 (a toss-up) to ``SURE_LEVEL``.
        counts: (m,) pixels of each cell.
    """

    wet: int
    pixels: IntArray
    region_of: IntArray
    levels: IntArray
    counts: IntArray

    @property
    def is_wet(self) -> BoolMask:
        """(n,) whether each is flood."""
        return np.arange(len(self.pixels)) < self.wet

    @property
    def wet_px(self) -> int:
        """Pixels of flood."""
        return int(self.counts[self.region_of < self.wet].sum())

    def centres(self, grid: Grid) -> FloatArray:
        """(n, 2) x, y of the centre of each one's first pixel, in units of the grid's CRS."""
        rows, columns = np.divmod(self.pixels, grid.width_px)
        return np.stack(grid.xy(columns + 0.5, rows + 0.5), axis=1)  # type: ignore[arg-type] # of arrays, too

    def to_bytes(self) -> bytes:
        """Three counts, then a row a region, then a row a cell, little-endian."""
        regions, cells = np.empty(len(self.pixels), _REGION), np.empty(len(self.counts), _CELL)
        regions["pixel"], regions["cells"] = self.pixels, np.bincount(self.region_of, minlength=len(regions))
        cells["level"], cells["count"] = self.levels, self.counts
        return _HEAD.pack(self.wet, len(regions), len(cells)) + regions.tobytes() + cells.tobytes()

    @classmethod
    def from_bytes(cls, content: memoryview, pixels: int) -> Self:
        """Rebuild from ``to_bytes``, for a tile of so many pixels.

        Raises:
            ValueError: The content is damaged, or is something else.
        """
        if len(content) < _HEAD.size:
            raise ValueError("the table of its regions ends too early")
        wet, number, cell_number = _HEAD.unpack(content[: _HEAD.size])
        cells_at = _HEAD.size + number * _REGION.itemsize
        if len(content) != cells_at + cell_number * _CELL.itemsize or wet > number:
            raise ValueError("the table of its regions is of another size than it says")
        regions = np.frombuffer(content[_HEAD.size : cells_at], _REGION)
        cells = np.frombuffer(content[cells_at:], _CELL)
        sizes = regions["cells"].astype(np.int64)
        if sizes.sum() != cell_number or not sizes.all() or (regions["pixel"] >= pixels).any():
            raise ValueError("its regions have no place in it")
        if (cells["level"] > SURE_LEVEL).any() or cells["count"].sum(dtype=np.int64) > pixels:
            raise ValueError("its regions are sure of more than there is")
        levels, counts = cells["level"].astype(np.int64), cells["count"].astype(np.int64)
        return cls(wet, regions["pixel"].astype(np.int64), np.repeat(np.arange(number), sizes), levels, counts)


def regions_of(
    flood: BoolMask, observed: BoolMask, confidence: UInt8Array, most_pixels: int = MOST_PIXELS
) -> LabelRegions:
    """Take a tile apart: masks and confidence (height, width), 0 a toss-up, 255 sure.

    A large tile is cut into strips of at most so many pixels first, for labelling its parts takes four bytes a pixel.
    """
    rows = max(1, most_pixels // flood.shape[1])
    strips = [slice(top, top + rows) for top in range(0, len(flood), rows)]
    wet = [_parts(flood[strip], confidence[strip], strip.start) for strip in strips]
    dry = [_parts(observed[strip] & ~flood[strip], confidence[strip], strip.start) for strip in strips]
    pixels, histogram = (np.concatenate(parts) for parts in zip(*wet, *dry, strict=True))
    cells = np.flatnonzero(histogram)
    counts = histogram.ravel()[cells]
    return LabelRegions(sum(len(first) for first, _ in wet), pixels, cells // LEVELS, cells % LEVELS, counts)


def _parts(mask: BoolMask, confidence: UInt8Array, top: int) -> tuple[IntArray, IntArray]:
    """First pixel (n,) and histogram (n, LEVELS) of each connected part of a strip that begins at a row."""
    number, part_of = cv2.connectedComponents(mask.view(np.uint8), connectivity=4)
    width = mask.shape[1]
    first, histogram = np.zeros(number, np.int64), np.zeros(number * LEVELS, np.int64)
    for start in reversed(range(0, len(mask), ROWS_AT_ONCE)):
        rows = slice(start, start + ROWS_AT_ONCE)
        here = part_of[rows].ravel().astype(np.int64)
        # Of several values the last one stays.
        first[here[::-1]] = (top + start) * width + np.arange(here.size)[::-1]
        np.add.at(histogram, here * LEVELS + (confidence[rows].ravel() + np.int64(STEP // 2)) // STEP, 1)
    return first[1:], histogram.reshape(-1, LEVELS)[1:]  # 0 is what is in no part
