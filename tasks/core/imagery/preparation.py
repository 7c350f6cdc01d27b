"""From a JPEG2000 tile to what the model needs (a small JPEG) and what the extent needs (a valid mask, a grid)."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from tasks.core.arrays import BoolMask, UInt8Array
from tasks.core.errors import FinalError, UnreadableImage
from tasks.core.geo.grid import Grid
from tasks.core.imagery.alpha import alpha_warnings, inside_share
from tasks.core.imagery.padding import BLACK, LARGE_SHARE, FlatArea, seek_padding
from tasks.core.jpeg2000.jpeg2000 import DecodedImage, decode, read_detail
from tasks.core.jpeg2000.no_data import Colour

VALID_FROM = 0.99  # share of a resized pixel that alpha must cover
DETAIL_PX = 64  # side of what is looked at in full resolution
# The noise of quality 95 alone moves two of a thousand labels where a scene is cut otherwise, of 100 a quarter of one.
JPEG_QUALITIES = (100, 95, 92, 90)  # below 90 the model's input suffers: quality 75 with 4:2:0 costs 2.4 points of IoU
MAX_JPEG_BYTES = 6_000_000  # SageMaker refuses a body above 6 MB
NEIGHBOURS = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """A tile ready to be predicted.

    Attributes:
        jpeg: 3-band JPEG (NRG in the places of red, green, blue), quality >= 90, 4:4:4, below 6 MB.
        valid: bool (height, width), True where observed.
        grid: Of the resized image: the same outer corners as the tile.
        warnings: For the run's record, naming the tile's file.
    """

    jpeg: bytes
    valid: BoolMask
    grid: Grid
    warnings: tuple[str, ...]

    def sent(self) -> UInt8Array:
        """The image as a model gets it, out of the JPEG: uint8 (height, width, 3), near infrared, red, green."""
        return np.asarray(cv2.imdecode(np.frombuffer(self.jpeg, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)


def prepare_image(
    path: Path, grid: Grid, width_px: int, height_px: int, *, max_pixels: int, nodata: Colour | None = None
) -> PreparedImage:
    """Decode a tile small, find its valid pixels and encode it for the model.

    Args:
        path: A local JP2 file.
        grid: Its full-resolution grid, as settled from its header.
        width_px: Columns wanted, at most the tile's own.
        height_px: Rows wanted, at most the tile's own.
        max_pixels: The most pixels that the tile may declare.
        nodata: Near infrared, red, green of what its metadata declare as NoData.

    Raises:
        UnreadableImage: The tile cannot be decoded whole, is not NRG, or is not the one that `grid` describes.
        FinalError: The JPEG cannot be made small enough.
    """
    image = decode(path, width_px, height_px, max_pixels)
    if (image.full_width_px, image.full_height_px) != (grid.width_px, grid.height_px):
        raise UnreadableImage(
            f"{path.name}: {image.full_width_px} x {image.full_height_px} px now, "
            f"{grid.width_px} x {grid.height_px} px when it was listed. Run again when nobody writes it"
        )
    valid, warnings = _valid_pixels(image, path, nodata)
    jpeg = encode_jpeg(image.nrg, path.name)
    return PreparedImage(jpeg, erode(valid), grid.resized(width_px, height_px), warnings)


def encode_jpeg(nrg: UInt8Array, name: str = "image") -> bytes:
    """Encode uint8 (height, width, 3) as JPEG at the best quality (>= 90, 4:4:4) that stays below 6 MB.

    Raises:
        FinalError: Even the lowest quality is too large.
    """
    for quality in JPEG_QUALITIES:
        settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR]
        bgr = cv2.cvtColor(nrg, cv2.COLOR_RGB2BGR)  # OpenCV writes BGR: near infrared goes where red goes
        written, jpeg = cv2.imencode(".jpg", bgr, [*settings, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444])
        if written and jpeg.size < MAX_JPEG_BYTES:
            return bytes(jpeg)
    raise FinalError(
        f"{name}: {nrg.shape[1]} x {nrg.shape[0]} px do not fit a JPEG of {MAX_JPEG_BYTES // 1_000_000} MB at quality "
        f"{JPEG_QUALITIES[-1]}. Run with a smaller width"
    )


def erode(valid: BoolMask) -> BoolMask:
    """Shrink a valid mask by one pixel, never at the tile's own border: neighbouring tiles must still join there."""
    shrunk = cv2.erode(valid.astype(np.uint8), NEIGHBOURS, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return shrunk.astype(bool)


def _valid_pixels(image: DecodedImage, path: Path, nodata: Colour | None) -> tuple[BoolMask, tuple[str, ...]]:
    """Alpha decides where there is one; else padding is sought. What takes much ground away is warned of."""
    if image.coverage is not None:
        valid = image.coverage >= VALID_FROM
        return valid, alpha_warnings(image.nrg, valid, image.unclear_alpha, path.name)
    height, width = image.nrg.shape[:2]
    is_full = (width, height) == (image.full_width_px, image.full_height_px)
    padding, flat_imagery = seek_padding(image.nrg, nodata, None if is_full else partial(_look, image, path))
    valid = np.ones((height, width), bool)
    for area in padding:
        valid &= ~area.mask
    warnings = [_padding_warning(area, path.name) for area in padding]
    warnings += [_flat_imagery_warning(area, path.name) for area in flat_imagery]
    return valid, tuple(warning for warning in warnings if warning)


def _look(image: DecodedImage, path: Path, column: int, row: int, reach_px: float) -> UInt8Array | None:
    """Full resolution around a pixel of the resized image, no farther than `reach_px` of its pixels."""
    height, width = image.nrg.shape[:2]
    across, down = image.full_width_px / width, image.full_height_px / height
    side = max(1, min(DETAIL_PX, int(2 * reach_px * min(across, down))))
    return read_detail(path, int((column + 0.5) * across), int((row + 0.5) * down), side)


def _padding_warning(area: FlatArea, name: str) -> str | None:
    """Of padding that nobody declared, and of declared NoData in the middle of a tile, if it is much."""
    share, value = float(area.mask.mean()), ", ".join(map(str, area.colour))
    if area.declared:
        inside = inside_share(area.mask)
        holes = f"{name}: NoData ({value}) leaves holes in the middle of it ({inside:.1%}, not connected to its border)"
        return f"{holes}: {share:.1%} of it counts as not observed" if inside > LARGE_SHARE else None
    colour = "black" if area.colour == BLACK else f"the flat value {value}"
    taken = f"{name}: no alpha band: {share:.1%} of it was taken for padding ({colour} up to the border)"
    return taken if share > LARGE_SHARE else None


def _flat_imagery_warning(area: FlatArea, name: str) -> str:
    share, value = float(area.mask.mean()), ", ".join(map(str, area.colour))
    return (
        f"{name}: no alpha band: {share:.1%} of it has the flat value {value}, which may be water or padding, and was "
        "taken for imagery. If it is padding, declare it as NoData (.aux.xml)"
    )
