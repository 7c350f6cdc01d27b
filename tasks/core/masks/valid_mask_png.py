"""A tile's valid mask as a file: PNG, one channel of 8 bit, 255 where the tile holds imagery, else 0."""

import numpy as np

from tasks.core.arrays import BoolMask
from tasks.core.errors import UnreadableImage, WrongMask
from tasks.core.masks import png_masks

VALID = 255


def encode_valid(valid: BoolMask) -> bytes:
    """Encode a mask (height, width) bool."""
    return png_masks.encode(valid.astype(np.uint8) * VALID)


def decode_valid(png: bytes, width_px: int, height_px: int, name: str) -> BoolMask:
    """Decode a mask (height, width) bool.

    Raises:
        UnreadableImage: Not a whole mask of that size.
    """
    try:
        return np.asarray(png_masks.decode_grey(png, width_px, height_px, name) == VALID)
    except WrongMask as error:
        raise UnreadableImage(f"{name}: the valid mask is damaged. Remove the file and run again") from error
