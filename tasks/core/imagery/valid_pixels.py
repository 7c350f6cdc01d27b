"""Which pixels of a tile hold imagery: alpha decides where there is one, else padding is sought.

Of images of many megapixels padding is sought in a smaller copy, as it is in every tile that is made smaller, and taken
a pixel of that copy wider: a metre of ground that is not mapped is better than padding that is. A strip of padding that
is less than four pixels wide in that copy is not seen, as in every tile that is made smaller.
"""

from functools import partial
from math import ceil, sqrt
from pathlib import Path

import cv2
import numpy as np

from tasks.core.arrays import BoolMask, UInt8Array
from tasks.core.imagery.alpha import alpha_warnings, inside_share
from tasks.core.imagery.padding import BLACK, LARGE_SHARE, NEIGHBOURS, FlatArea, seek_padding
from tasks.core.jpeg2000.jpeg2000 import DecodedImage, read_detail
from tasks.core.jpeg2000.no_data import Colour
from tasks.core.jpeg2000.resampling import area_average

VALID_FROM = 0.99  # share of a resized pixel that alpha must cover
DETAIL_PX = 64  # side of what is looked at in full resolution
MANY_PIXELS = 16_000_000  # 14 bytes a pixel are needed to seek padding


def valid_pixels(
    image: DecodedImage, path: Path, nodata: Colour | None, many_pixels: int = MANY_PIXELS
) -> tuple[BoolMask, tuple[str, ...]]:
    """Valid pixels, bool (height, width), and warnings of what takes much ground away, naming the tile's file.

    Args:
        image: The tile.
        path: Its local file, to look at in detail.
        nodata: Near infrared, red, green of what its metadata declare as NoData.
        many_pixels: From which on padding is sought in a smaller copy.
    """
    height, width = image.nrg.shape[:2]
    factor = ceil(sqrt(height * width / many_pixels))
    size = (ceil(width / factor), ceil(height / factor))
    small = np.asarray(area_average(image.nrg, size), np.uint8)
    if image.coverage is not None:
        valid = image.coverage if image.coverage.dtype == np.bool_ else image.coverage >= VALID_FROM
        of_small = cv2.resize(valid.view(np.uint8), size, interpolation=cv2.INTER_NEAREST).view(np.bool_)
        return np.asarray(valid, np.bool_), alpha_warnings(small, of_small, image.unclear_alpha, path.name)
    is_full = size == (image.full_width_px, image.full_height_px)
    padding, flat_imagery = seek_padding(small, nodata, None if is_full else partial(_look, image, path, size))
    found = [_padding_warning(area, path.name) for area in padding]
    found += [_flat_imagery_warning(area, path.name) for area in flat_imagery]
    is_padding = np.zeros(small.shape[:2], np.bool_)
    for area in padding:
        is_padding |= area.mask
    return ~_enlarged(is_padding, (width, height), factor), tuple(warning for warning in found if warning)


def _enlarged(mask: BoolMask, size: tuple[int, int], factor: int) -> BoolMask:
    """A mask on an image so many times as large, and grown by as many pixels."""
    if factor == 1:
        return mask
    large = cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    grown = cv2.dilate(large, np.ones((2 * factor + 1, 2 * factor + 1), np.uint8))
    return np.asarray(grown, np.uint8).view(np.bool_)


def _look(
    image: DecodedImage, path: Path, size: tuple[int, int], column: int, row: int, reach_px: float
) -> UInt8Array | None:
    """Full resolution around a pixel of an image of a size, no farther than `reach_px` of its pixels."""
    across, down = image.full_width_px / size[0], image.full_height_px / size[1]
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


def erode(valid: BoolMask) -> BoolMask:
    """Shrink a valid mask in place by one pixel; not at the tile's own border: neighbouring tiles must join there."""
    samples = valid.view(np.uint8)
    cv2.erode(samples, NEIGHBOURS, dst=samples, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return valid
