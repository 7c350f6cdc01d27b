"""From a JPEG2000 tile to what the model needs (small JPEGs) and what the extent needs (a valid mask, a grid)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from tasks.core.arrays import BoolMask, UInt8Array
from tasks.core.chip_layout import Chip, ChipLayout
from tasks.core.errors import FinalError, UnreadableImage
from tasks.core.geo.grid import Grid
from tasks.core.imagery.chip_archive import pack, unpack
from tasks.core.imagery.valid_pixels import erode, valid_pixels
from tasks.core.jpeg2000.jpeg2000 import decode
from tasks.core.jpeg2000.no_data import Colour

# The noise of quality 95 alone moves two of a thousand labels where a scene is cut otherwise, of 100 a quarter of one.
JPEG_QUALITIES = (100, 95, 92, 90)  # below 90 the model's input suffers: quality 75 with 4:2:0 costs 2.4 points of IoU
MAX_JPEG_BYTES = 6_000_000  # SageMaker refuses a body above 6 MB
PREVIEW_PX, PREVIEW_QUALITY = 512, 85  # long side, at most

ChipSize = tuple[int, int]
"""Longest side and least overlap of chips, px."""


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """A tile ready to be predicted.

    Attributes:
        jpegs: 3-band JPEGs (NRG in the places of red, green, blue), quality >= 90, 4:4:4, each below 6 MB: one a chip,
            as ``chip_archive`` packs them.
        preview: A small JPEG of it, for maps.
        valid: bool (height, width), True where observed.
        grid: Of the resized image: the same outer corners as the tile.
        warnings: For the run's record, naming the tile's file.
        layout: Of the chips.
    """

    jpegs: bytes
    preview: bytes
    valid: BoolMask
    grid: Grid
    warnings: tuple[str, ...]
    layout: ChipLayout

    def sent(self) -> Iterator[tuple[Chip, UInt8Array]]:
        """Each chip as a model gets it, out of its JPEG: uint8 (height, width, 3), near infrared, red, green."""
        for chip, jpeg in unpack(self.jpegs, self.layout):
            nrg = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
            yield chip, np.asarray(nrg, np.uint8)


def prepare_image(
    path: Path,
    grid: Grid,
    width_px: int,
    height_px: int,
    *,
    max_pixels: int,
    nodata: Colour | None = None,
    chips: ChipSize | None = None,
) -> PreparedImage:
    """Decode a tile small, find its valid pixels and encode it for the model.

    Args:
        path: A local JP2 file.
        grid: Its full-resolution grid, as settled from its header.
        width_px: Columns wanted, at most the tile's own.
        height_px: Rows wanted, at most the tile's own.
        max_pixels: The most pixels that the tile may declare.
        nodata: Near infrared, red, green of what its metadata declare as NoData.
        chips: Size and overlap of the pieces that the model is sent; None: it is sent in one.

    Raises:
        UnreadableImage: The tile cannot be decoded whole, is not NRG, or is not the one that `grid` describes.
        FinalError: A JPEG cannot be made small enough.
    """
    image = decode(path, width_px, height_px, max_pixels)
    if (image.full_width_px, image.full_height_px) != (grid.width_px, grid.height_px):
        raise UnreadableImage(
            f"{path.name}: {image.full_width_px} x {image.full_height_px} px now, "
            f"{grid.width_px} x {grid.height_px} px when it was listed. Run again when nobody writes it"
        )
    valid, warnings = valid_pixels(image, path, nodata)
    nrg, layout = image.nrg, ChipLayout(width_px, height_px, *(chips or ()))
    del image
    preview, valid = _preview(nrg), erode(valid)
    waiting = np.packbits(valid)  # an eighth, while the chips take their room
    del valid
    jpegs = pack((encode_jpeg(nrg[chip.whole], path.name) for chip in layout), len(layout))
    del nrg
    valid = np.unpackbits(waiting, count=height_px * width_px).view(np.bool_).reshape(height_px, width_px)
    return PreparedImage(jpegs, preview, valid, grid.resized(width_px, height_px), warnings, layout)


def _preview(nrg: UInt8Array) -> bytes:
    factor = min(1.0, PREVIEW_PX / max(nrg.shape[:2]))
    small = cv2.resize(nrg, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)[..., ::-1]
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, PREVIEW_QUALITY])[1])


def encode_jpeg(nrg: UInt8Array, name: str = "image") -> bytes:
    """Encode uint8 (height, width, 3) as JPEG at the best quality (>= 90, 4:4:4) that stays below 6 MB.

    Raises:
        FinalError: Even the lowest quality is too large.
    """
    bgr = cv2.cvtColor(nrg, cv2.COLOR_RGB2BGR)  # OpenCV writes BGR: near infrared goes where red goes
    for quality in JPEG_QUALITIES:
        settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR]
        written, jpeg = cv2.imencode(".jpg", bgr, [*settings, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444])
        if written and jpeg.size < MAX_JPEG_BYTES:
            return bytes(jpeg)
    raise FinalError(
        f"{name}: {nrg.shape[1]} x {nrg.shape[0]} px do not fit a JPEG of {MAX_JPEG_BYTES // 1_000_000} MB at quality "
        f"{JPEG_QUALITIES[-1]}. Run with a smaller `width`, or with `chip_px`"
    )
