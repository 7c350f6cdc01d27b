"""``water-index``: open water from near infrared and green. A spectral baseline, not a trained model.

Method. NIR and green are smoothed by a 5 x 5 median, which removes speckle (waves, stubble, JPEG noise) and keeps
edges. Water is where NIR is below a threshold and below green: NDWI = (G - NIR) / (G + NIR) is above 0 (McFeeters 1996,
doi:10.1080/01431169608948714). The threshold is that of the dataset (``nir_threshold``), and comes with each request;
where it does not, the image's own histogram has to do.

What it reaches on real frames, and where it fails, is in ``docs/model.md``.
"""

import re

import cv2
import numpy as np

from tasks.core.arrays import BoolMask, IntArray, UInt8Array
from tasks.core.errors import EndpointRefused
from tasks.core.models import nir_threshold

VERSION = 2
NIR, RED, GREEN = range(3)
OTHER, FLOOD = 0, 1
MEDIAN_PX = 5
NEAR_BLACK = 16  # pixels with every band below this are padding, where nobody says what is
ATTRIBUTES = re.compile(r"nir-threshold=(\d{1,3})")


def identity() -> str:
    """Changes with the method: part of the predictions' cache key, as the threshold is."""
    return f"water-index-{VERSION}"


def attributes(threshold: int) -> str:
    """How a request says the threshold: SageMaker's ``X-Amzn-SageMaker-Custom-Attributes``."""
    return f"nir-threshold={threshold}"


def answer(nrg: UInt8Array, attributes: str) -> UInt8Array:
    """As ``predict``, with the threshold that the request says, if it says one.

    Raises:
        EndpointRefused: It says something else.
    """
    if not attributes:
        return predict(nrg)
    found = ATTRIBUTES.fullmatch(attributes)
    if found is None or int(found[1]) > nir_threshold.BRIGHTEST:
        raise EndpointRefused(f"water-index takes the attribute nir-threshold=0 to 255, not {attributes!r}")
    return predict(nrg, int(found[1]))


def predict(nrg: UInt8Array, threshold: int | None = None) -> UInt8Array:
    """Labels of one tile.

    Args:
        nrg: uint8 (height, width, 3): near infrared, red, green.
        threshold: Water's NIR is below this, 0..255; None: as the image itself has it.

    Returns:
        uint8 (height, width): 0 other, 1 flood.

    Raises:
        ValueError: Another shape or type.
    """
    nir, green = _smoothed(nrg)
    if threshold is None:
        seen = nrg.max(axis=2) >= NEAR_BLACK
        threshold = nir_threshold.threshold_of([nir_threshold.histogram(nir, green, seen)]).nir
    labels: UInt8Array = np.where(nir < np.minimum(green, np.uint8(threshold)), np.uint8(FLOOD), np.uint8(OTHER))
    return labels


def histogram(nrg: UInt8Array, valid: BoolMask) -> IntArray:
    """What a tile adds to the dataset's calibration, as ``nir_threshold.histogram``.

    Args:
        nrg: uint8 (height, width, 3), as the model is sent it.
        valid: bool (height, width), True where observed.
    """
    return nir_threshold.histogram(*_smoothed(nrg), valid)


def _smoothed(nrg: UInt8Array) -> tuple[UInt8Array, UInt8Array]:
    """NIR and green."""
    if nrg.ndim != 3 or nrg.shape[2] != 3 or nrg.dtype != np.uint8:  # noqa: PLR2004 - axes; bands
        raise ValueError(f"expected uint8 (height, width, 3), not {nrg.dtype} {nrg.shape}")
    nir, green = (np.asarray(cv2.medianBlur(cv2.extractChannel(nrg, band), MEDIAN_PX)) for band in (NIR, GREEN))
    return nir.astype(np.uint8, copy=False), green.astype(np.uint8, copy=False)
