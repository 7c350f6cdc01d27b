"""How an image is cut into overlapping chips, each a request to the endpoint, and which chip has the say where.

Chips begin at multiples of JPEG's block of eight pixels. So the blocks of a chip are those of the whole image, and a
model that looks at single pixels sees the same ones in both.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product, starmap
from math import ceil
from typing import NamedTuple

BLOCK_PX = 8  # of JPEG without chroma subsampling: ITU-T T.81


class Span(NamedTuple):
    """A chip along one axis.

    Attributes:
        whole: Its pixels in the image.
        own: Those of them that are nearer to its middle than to that of another chip.
    """

    whole: slice
    own: slice

    @property
    def own_inside(self) -> slice:
        """Its own pixels, counted from its first."""
        return slice(self.own.start - self.whole.start, self.own.stop - self.whole.start)

    @property
    def length(self) -> int:
        """Pixels along the axis."""
        return int(self.whole.stop - self.whole.start)


class Chip(NamedTuple):
    """A chip: rows and columns."""

    rows: Span
    columns: Span

    @property
    def whole(self) -> tuple[slice, slice]:
        """Its part of the image."""
        return self.rows.whole, self.columns.whole

    @property
    def own(self) -> tuple[slice, slice]:
        """The part of the image where it has the say."""
        return self.rows.own, self.columns.own

    @property
    def own_inside(self) -> tuple[slice, slice]:
        """The same, within the chip."""
        return self.rows.own_inside, self.columns.own_inside


@dataclass(frozen=True, slots=True)
class ChipLayout:
    """The chips of an image, row by row; a single one where the image is no larger.

    Attributes:
        width_px: Of the image.
        height_px: Of the image.
        chip_px: Longest side of a chip, a multiple of 8; None: the image is not cut.
        overlap_px: That neighbours share, or more; at most half of a chip.
    """

    width_px: int
    height_px: int
    chip_px: int | None = None
    overlap_px: int = 0

    @property
    def rows(self) -> list[Span]:
        """From the top."""
        return _spans(self.height_px, self.chip_px, self.overlap_px)

    @property
    def columns(self) -> list[Span]:
        """From the left."""
        return _spans(self.width_px, self.chip_px, self.overlap_px)

    @property
    def sent_px(self) -> int:
        """Pixels of all chips: where they overlap, several times."""
        return sum(row.length for row in self.rows) * sum(column.length for column in self.columns)

    def __iter__(self) -> Iterator[Chip]:
        """Row by row."""
        return starmap(Chip, product(self.rows, self.columns))

    def __len__(self) -> int:
        """How many chips."""
        return len(self.rows) * len(self.columns)


def _spans(length: int, chip_px: int | None, overlap_px: int) -> list[Span]:
    """Evenly spread; the last may be up to seven pixels shorter."""
    if chip_px is None or length <= chip_px:
        return [Span(slice(0, length), slice(0, length))]
    shared = overlap_px + BLOCK_PX  # of which rounding the starts takes less than a block
    steps = ceil((length - chip_px) / (chip_px - shared))
    starts = [BLOCK_PX * ceil((length - chip_px) * step / steps / BLOCK_PX) for step in range(steps + 1)]
    ends = [min(start + chip_px, length) for start in starts]
    bounds = [0, *((start + end) // 2 for start, end in zip(starts[1:], ends, strict=False)), length]
    wholes = [slice(start, end) for start, end in zip(starts, ends, strict=True)]
    return [Span(whole, slice(*own)) for whole, own in zip(wholes, pairwise(bounds), strict=True)]
