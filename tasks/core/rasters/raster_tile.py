"""A tile as the rasters need it: its grid, and what reads its pixels when their turn comes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from tasks.core.arrays import BoolMask, UInt8Array
from tasks.core.chip_layout import Chip
from tasks.core.errors import UnreadableImage
from tasks.core.geo.grid import Grid
from tasks.core.masks.answers import Answer


class Picture(NamedTuple):
    """Imagery of a tile, or of a part of it.

    Attributes:
        grid: Where its pixels lie.
        nrg: uint8 (height, width, 3): near infrared, red, green.
    """

    grid: Grid
    nrg: UInt8Array


@dataclass(frozen=True, slots=True, eq=False)
class RasterTile:
    """A tile that was prepared. Each function reads when it is called, and may raise ``FloodExtentError``.

    Attributes:
        id: Path below the dataset.
        grid: The resized grid.
        valid: Gives the valid mask, (height, width) bool.
        pictures: Gives its imagery, part after part; coarser than ``grid`` where only the preview is left.
        answer: Gives labels and confidence; None of a tile without an answer, which is in the mosaic alone.
    """

    id: str
    grid: Grid
    valid: Callable[[], BoolMask]
    pictures: Callable[[], Iterable[Picture]]
    answer: Callable[[], Answer] | None = None


def pictures_of(grid: Grid, jpegs: Iterable[tuple[Chip, bytes]]) -> Iterator[Picture]:
    """The tile in the JPEGs that the endpoint is sent: of each chip the part where it has the say.

    Raises:
        UnreadableImage: A JPEG cannot be decoded.
    """
    for chip, jpeg in jpegs:
        yield Picture(_part(grid, *chip.own), _decoded(jpeg)[chip.own_inside])


def preview_of(grid: Grid, jpeg: bytes) -> Picture:
    """The tile in small.

    Raises:
        UnreadableImage: The JPEG cannot be decoded.
    """
    nrg = _decoded(jpeg)
    return Picture(grid.resized(nrg.shape[1], nrg.shape[0]), nrg)


def _decoded(jpeg: bytes) -> UInt8Array:
    found = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB) if jpeg else None
    if found is None:
        raise UnreadableImage(f"a JPEG of {len(jpeg)} bytes cannot be decoded")
    return np.asarray(found, np.uint8)


def _part(grid: Grid, rows: slice, columns: slice) -> Grid:
    a, b, _, d, e, _ = grid.transform
    x, y = grid.xy(columns.start, rows.start)
    return Grid(columns.stop - columns.start, rows.stop - rows.start, (a, b, x, d, e, y), grid.crs)
