"""Where the samples of a reduced-resolution decode belong, and averages over pixel areas."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.core.arrays import Float32Array, UInt8Array

LANCZOS = 4  # half the taps of the shift

# Tiles run side by side: threads within one would only contend with those of the others. Set here, where tiles are
# resampled, and not for all of the core: the demo's landscape, made with the threads of the machine, would be another.
cv2.setNumThreads(1)


def align(coarse: UInt8Array, width_px: int, height_px: int, step: int) -> UInt8Array:
    """Resample a reduced-resolution decode onto pixels that cover exactly the full-resolution image.

    Sample k lies in the middle of full-resolution pixel step * k, that is (step - 1) / 2 pixels before the middle of
    its block. That shift is the same everywhere and is undone by a windowed sinc (Lanczos, 8 taps), because linear
    interpolation near half a sample blurs: on fine texture it lost two to four points of IoU of an NDWI mask. Where
    the step does not divide the size, the last block reaches beyond the image, and the blocks are squeezed to fit.

    Args:
        coarse: (ceil(height / step), ceil(width / step), bands).
        width_px: Columns at full resolution.
        height_px: Rows at full resolution.
        step: 2^r for r discarded resolutions.

    Returns:
        An array of the same shape whose outer edges are the image's.
    """
    if step == 1:
        return coarse
    rows, columns = coarse.shape[:2]
    kernel = _shift_kernel((step - 1) / 2 / step)
    anchor = (LANCZOS - 1, LANCZOS - 1)
    aligned = cv2.sepFilter2D(coarse, -1, kernel, kernel, anchor=anchor, borderType=cv2.BORDER_REPLICATE)
    if width_px % step or height_px % step:
        across, down = width_px / columns / step, height_px / rows / step
        inverse = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2]])
        flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
        aligned = cv2.warpAffine(aligned, inverse, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(aligned, dtype=np.uint8)


def _shift_kernel(shift: float) -> Float32Array:
    """Taps that read a signal `shift` samples further on: a sinc under a Lanczos window, scaled to a sum of 1."""
    distance = np.arange(1 - LANCZOS, LANCZOS + 1) - shift
    taps = np.sinc(distance) * np.sinc(distance / LANCZOS)
    return np.asarray(taps / taps.sum(), dtype=np.float32)


def area_average(pixels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Average over the areas of fewer pixels: (height, width[, bands]) to `size` = (width, height)."""
    if pixels.shape[1::-1] == size:
        return pixels
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
