"""``water-index``: open water from near infrared and green. A spectral baseline, not a trained model.

Method. NIR and green are smoothed by a 5 x 5 median, which removes speckle (waves, stubble, JPEG noise) and keeps
edges. Water is where NIR is below a threshold and below green: NDWI = (G - NIR) / (G + NIR) is above 0 (McFeeters 1996,
doi:10.1080/01431169608948714). The threshold is that of the dataset (``nir_threshold``), and comes with each request;
where it does not, the image's own histogram has to do.

What it reaches on real frames, and where it fails, is in ``docs/model.md``.
"""

import re
from collections.abc import Iterable

import cv2
import numpy as np

from tasks.core.arrays import BoolMask, Float32Array, IntArray, UInt8Array
from tasks.core.chip_layout import Chip
from tasks.core.class_map import FLOOD, OTHER
from tasks.core.errors import EndpointRefused
from tasks.core.models import nir_threshold
from tasks.core.models.humps import GREY_LEVELS
from tasks.core.models.nir_threshold import WATERLINE, Split, Threshold

VERSION = 2
NIR, RED, GREEN = range(3)
MEDIAN_PX = 5
LIMIT = np.float32(0.5)  # water is below the threshold, land at it: what parts them is between two levels
NEAR_BLACK = 16  # pixels with every band below this are padding, where nobody says what is
ATTRIBUTES = re.compile(r"nir-threshold=(\d{1,3})(?:;nir-contrast=([1-9]\d{0,2}))?")


def identity() -> str:
    """Changes with the method: part of the predictions' cache key, as what the model is told is."""
    return f"water-index-{VERSION}"


def attributes(split: Split) -> str:
    """How a request says what the dataset is like: SageMaker's ``X-Amzn-SageMaker-Custom-Attributes``."""
    return f"nir-threshold={split.nir};nir-contrast={split.contrast}"


def predict(nrg: UInt8Array, attributes: str = "") -> UInt8Array:
    """Labels of one image.

    Args:
        nrg: uint8 (height, width, 3): near infrared, red, green.
        attributes: Of the request; without any the image's own histogram decides.

    Returns:
        uint8 (height, width): 0 other, 1 flood.

    Raises:
        EndpointRefused: The attributes say something else.
        ValueError: Another shape or type.
    """
    nir, green = _smoothed(nrg)
    threshold = np.uint8(_split(nrg, nir, green, attributes).nir)
    labels: UInt8Array = np.where(nir < np.minimum(green, threshold), np.uint8(FLOOD), np.uint8(OTHER))
    return labels


def probabilities(nrg: UInt8Array, attributes: str = "") -> Float32Array:
    """How sure the labels are: float32 (2, height, width), of other and of flood; arguments as of ``predict``.

    They are sure, 1 and 0, where near infrared is as far from the threshold as the median of water or land, and even on
    the threshold, or where green is as bright as it: no frequencies, but in their order.
    """
    nir, green = _smoothed(nrg)
    split = _split(nrg, nir, green, attributes)
    to_water, to_land = split.contrast * WATERLINE, split.contrast * (1 - WATERLINE)
    below = split.nir - LIMIT - np.arange(GREY_LEVELS, dtype=np.float32)
    darker = np.where(below > 0, below / to_water, below / to_land).clip(-1, 1)
    greener = (cv2.subtract(green, nir, dtype=cv2.CV_32F) - LIMIT) / np.float32(to_water)
    flood = np.minimum(cv2.LUT(nir, darker.astype(np.float32)), greener).clip(-1, 1) / 2 + np.float32(0.5)
    return np.stack([1 - flood, flood]).astype(np.float32, copy=False)


def _split(nrg: UInt8Array, nir: UInt8Array, green: UInt8Array, attributes: str) -> Split:
    """As the request says, else as the image itself has it."""
    if not attributes:
        seen = nrg.max(axis=2) >= NEAR_BLACK
        return nir_threshold.threshold_of([nir_threshold.histogram(nir, green, seen)]).split
    found = ATTRIBUTES.fullmatch(attributes)
    if found is None or int(found[1]) > nir_threshold.BRIGHTEST:
        raise EndpointRefused(
            f"water-index takes the attribute nir-threshold=0 to 255, perhaps with ;nir-contrast=, not {attributes!r}"
        )
    split = Threshold(int(found[1])).split
    return split if found[2] is None else split._replace(contrast=int(found[2]))


def histogram(nrg: UInt8Array, valid: BoolMask) -> IntArray:
    """What a tile adds to the dataset's calibration, as ``nir_threshold.histogram``.

    Args:
        nrg: uint8 (height, width, 3), as the model is sent it.
        valid: bool (height, width), True where observed.
    """
    return nir_threshold.histogram(*_smoothed(nrg), valid)


def histogram_of_chips(chips: Iterable[tuple[Chip, UInt8Array]], valid: BoolMask) -> IntArray:
    """The same of an image that is sent in chips: each pixel counts once, in the chip that has the say.

    Args:
        chips: Of the image; one at a time.
        valid: Of the whole image.
    """
    counts = np.zeros((2, GREY_LEVELS), np.int64)
    for chip, nrg in chips:
        own = np.zeros(nrg.shape[:2], np.bool_)
        own[chip.own_inside] = valid[chip.own]
        counts += histogram(nrg, own)
    return counts


def _smoothed(nrg: UInt8Array) -> tuple[UInt8Array, UInt8Array]:
    """NIR and green."""
    if nrg.ndim != 3 or nrg.shape[2] != 3 or nrg.dtype != np.uint8:  # noqa: PLR2004 - axes; bands
        raise ValueError(f"expected uint8 (height, width, 3), not {nrg.dtype} {nrg.shape}")
    nir, green = (np.asarray(cv2.medianBlur(cv2.extractChannel(nrg, band), MEDIAN_PX)) for band in (NIR, GREEN))
    return nir.astype(np.uint8, copy=False), green.astype(np.uint8, copy=False)
