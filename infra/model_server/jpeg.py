"""Reads the one image format that the server accepts, judged before it is decoded."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.core.imagery.jpeg_header import BANDS, declared, is_whole


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
    if not is_whole(body):
        raise NotNrgJpeg("not a whole JPEG: its start or end marker is missing")
    try:
        width_px, height_px, bands = declared(body)
    except ValueError as error:
        raise NotNrgJpeg(str(error)) from error
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
