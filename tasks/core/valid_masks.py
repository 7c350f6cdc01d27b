"""A tile's valid mask as a file: PNG, one channel of 8 bit, 255 where the tile holds imagery, else 0."""

import struct

import cv2
import numpy as np

from tasks.core.errors import UnreadableImage
from tasks.core.labels import BoolMask, encode_mask

VALID = 255
# How every whole PNG ends; what is cut before it decodes "fine", with the rest invalid.
END = b"IEND\xaeB`\x82"
# Signature, length and type of the first chunk, width, height, bit depth, colour type (PNG specification, 11.2.2).
HEADER = struct.Struct(">8sI4sIIBB")
GREY_OF_8_BIT = (8, 0)


def encode_valid(valid: BoolMask) -> bytes:
    """Encode a mask (height, width) bool."""
    return encode_mask(valid.astype(np.uint8) * VALID)


def decode_valid(png: bytes, width_px: int, height_px: int, name: str) -> BoolMask:
    """Decode a mask (height, width) bool; its header is judged first, for a small PNG can declare gigabytes of pixels.

    Raises:
        UnreadableImage: Not a whole mask of that size.
    """
    mask = None
    if _is_declared(png, width_px, height_px) and png.endswith(END):
        mask = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    if mask is None or mask.shape != (height_px, width_px):
        raise UnreadableImage(f"{name}: the valid mask is damaged. Remove the file and run again")
    return np.asarray(mask == VALID)


def _is_declared(png: bytes, width_px: int, height_px: int) -> bool:
    """Whether the header is that of a mask of this size."""
    if len(png) < HEADER.size:
        return False
    signature, _, chunk, *about = HEADER.unpack_from(png)
    return (signature, chunk) == (b"\x89PNG\r\n\x1a\n", b"IHDR") and tuple(about) == (
        width_px,
        height_px,
        *GREY_OF_8_BIT,
    )
