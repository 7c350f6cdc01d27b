"""A tile's valid mask as a file: PNG, one channel of 8 bit, 255 where the tile holds imagery, else 0."""

import cv2
import numpy as np

from tasks.core.errors import UnreadableImage
from tasks.core.labels import BoolMask, encode_mask

VALID = 255
# How every whole PNG ends; what is cut before it decodes "fine", with the rest invalid.
END = b"IEND\xaeB`\x82"


def encode_valid(valid: BoolMask) -> bytes:
    """Encode a mask (height, width) bool."""
    return encode_mask(valid.astype(np.uint8) * VALID)


def decode_valid(png: bytes, width_px: int, height_px: int, name: str) -> BoolMask:
    """Decode a mask (height, width) bool.

    Raises:
        UnreadableImage: Not a whole mask of that size.
    """
    mask = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE) if png.endswith(END) else None
    if mask is None or mask.shape != (height_px, width_px):
        raise UnreadableImage(f"{name}: the valid mask is damaged. Remove the file and run again")
    return np.asarray(mask == VALID)
