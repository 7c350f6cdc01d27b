"""Reads the one image format that the server accepts, judged before it is decoded."""

import cv2
import numpy as np
from numpy.typing import NDArray

START, END = b"\xff\xd8", b"\xff\xd9"
# ITU-T T.81 table B.1: a frame header is any of SOF0..SOF15; C4, C8 and CC in between are other things.
FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
START_OF_SCAN = 0xDA
BANDS = 3


class NotNrgJpeg(ValueError):
    """The bytes are not a whole 8-bit JPEG of three bands."""


class TooManyPixels(ValueError):
    """The JPEG declares more pixels than the limit."""


def decode(body: bytes, max_pixels: int) -> NDArray[np.uint8]:
    """The three bands of a JPEG, in the order they were encoded: uint8 (height, width, 3).

    An EXIF orientation is not applied: the answer must lie on the same pixels as the question.

    Raises:
        NotNrgJpeg: Not a JPEG, cut short, damaged, or not of three 8-bit bands.
        TooManyPixels: More than ``max_pixels`` are declared.
    """
    if not body.startswith(START) or not body.rstrip(b"\0").endswith(END):
        raise NotNrgJpeg("not a whole JPEG: its start or end marker is missing")
    width_px, height_px, bands = _declared(body)
    if bands != BANDS:
        raise NotNrgJpeg(f"a JPEG of {bands} bands: near infrared, red and green are needed")
    if width_px * height_px > max_pixels:
        raise TooManyPixels(f"{width_px} x {height_px} px are more than the limit of {max_pixels} px")
    try:
        image = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise NotNrgJpeg("the JPEG cannot be decoded") from error
    if image is None or image.shape != (height_px, width_px, BANDS):
        raise NotNrgJpeg("the JPEG cannot be decoded")
    return image.astype(np.uint8, copy=False)


def _declared(body: bytes) -> tuple[int, int, int]:
    """Width, height and bands of the frame header (ITU-T T.81, B.2.2)."""
    at = len(START)
    while at + 9 < len(body) and body[at] == END[0]:
        marker = body[at + 1]
        if marker in FRAME_HEADERS and body[at + 4] == 8:  # noqa: PLR2004 - bits a sample
            height_px, width_px = (int.from_bytes(body[at + 5 + i : at + 7 + i], "big") for i in (0, 2))
            return width_px, height_px, body[at + 9]
        if marker == START_OF_SCAN:
            break
        at += 2 if marker in STANDALONE else 1 if marker == END[0] else 2 + int.from_bytes(body[at + 2 : at + 4], "big")
    raise NotNrgJpeg("the JPEG has no 8-bit frame header before its data")
