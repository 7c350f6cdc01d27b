"""``water-index``: open water from near infrared and green. A spectral baseline, not a trained model.

Method. Water absorbs near infrared, so its NIR is low and the NIR histogram of a scene that holds water has two humps.
1. NIR and green are smoothed by a 5 x 5 median, which removes speckle (waves, stubble, JPEG noise) and keeps edges.
2. The NIR threshold is the valley of the tile's own histogram (Prewitt and Mendelsohn 1966,
   doi:10.1111/j.1749-6632.1965.tb11715.x) inside a sane range; pixels near black in every band, as padding is, do not
   count.
   Otsu's threshold (1979, doi:10.1109/TSMC.1979.4310076) was tried and is less steady here: it moves between crops and
   bare soil where water is scarce. A tile of water or land alone has no valley: its threshold is then in the empty part
   of the range, on the right side of its only hump.
3. Water is where NIR is below the threshold and NDWI = (G - NIR) / (G + NIR) (McFeeters 1996,
   doi:10.1080/01431169608948714) is above a small gate, which keeps out dark soil, burnt ground and most shadows.

Measured on three years of aerial frames of 5 m, each frame alone, JPEG quality 92 at 4:4:4, against polygons drawn from
the same frames: IoU 0.973 (2009), 0.982 (2016), 0.987 (2020), and at least 0.95 at exposures from 0.75 to 1.3 times the
original. Constants chosen on the demo's scenes and two of the years give 0.973, 0.980, 0.989 on the third. Most of the
gain over the same rule without the median (0.92 on 2009) is the median's: the polygons are generalised about as much.
Scenes of the demo from fourteen seeds, at 60 cm: at least 0.99.

Limits. It answers 0 (other) and 1 (flood), never 2 (flood with cloud). It cannot tell flood from permanent water. It
misses water under canopy, under dense cloud or in sun glint, and water less than 3 px wide; very turbid water that is
bright in NIR too. It takes deep shadow on vegetation-free ground and dark roofs or asphalt for water where they are
bluish. It knows nothing of radiometry: 8-bit imagery with an extreme stretch needs a trained model.
"""

import hashlib
from dataclasses import astuple, dataclass

import cv2
import numpy as np

from tasks.core.arrays import IntArray, UInt8Array

VERSION = 1
NIR, RED, GREEN = range(3)
OTHER, FLOOD = 0, 1
GREY_LEVELS = 256


@dataclass(frozen=True, slots=True)
class Constants:
    """One set for every scene.

    Attributes:
        median_px: Side of the smoothing window; odd.
        near_black: Pixels with every band below this stay out of the histogram.
        lowest, highest: Range of the NIR threshold, in grey levels of 0..255.
        sigma: Standard deviation of the histogram's smoothing, in grey levels.
        flatness: The threshold is the middle of a stretch of levels at most this many times as frequent as the rarest.
        ndwi_gate: Water's NDWI is above this.
    """

    median_px: int = 5
    near_black: int = 16
    lowest: int = 50
    highest: int = 90
    sigma: float = 3.0
    flatness: float = 1.5
    ndwi_gate: float = 0.05


CONSTANTS = Constants()


def identity(constants: Constants = CONSTANTS) -> str:
    """Changes with the method's version and with every constant: part of the predictions' cache key."""
    digest = hashlib.sha256(repr(astuple(constants)).encode()).hexdigest()
    return f"water-index-{VERSION}-{digest[:12]}"


def predict(nrg: UInt8Array, constants: Constants = CONSTANTS) -> UInt8Array:
    """Labels of one tile.

    Args:
        nrg: uint8 (height, width, 3): near infrared, red, green.
        constants: Of the method.

    Returns:
        uint8 (height, width): 0 other, 1 flood.

    Raises:
        ValueError: Another shape or type.
    """
    if nrg.ndim != 3 or nrg.shape[2] != 3 or nrg.dtype != np.uint8:  # noqa: PLR2004 - axes; bands
        raise ValueError(f"expected uint8 (height, width, 3), not {nrg.dtype} {nrg.shape}")
    nir, green = (_smoothed(nrg[..., band], constants.median_px) for band in (NIR, GREEN))
    seen = nrg.max(axis=2) >= constants.near_black
    threshold = valley(np.bincount(nir[seen], minlength=GREY_LEVELS), constants)
    # One table look-up and one comparison, in bytes: an image of 10,000 x 10,000 px must not need gigabytes.
    limit = cv2.LUT(green, np.minimum(_water_limit(constants.ndwi_gate), threshold).astype(np.uint8))
    labels: UInt8Array = np.where(nir < limit, np.uint8(FLOOD), np.uint8(OTHER))
    return labels


def valley(histogram: IntArray, constants: Constants = CONSTANTS) -> int:
    """The NIR threshold: the middle of the smoothed histogram's lowest stretch (the brightest of several).

    Args:
        histogram: Pixels at each of the 256 grey levels; all zero gives the middle of the range.
        constants: Of the method.
    """
    reach = int(3 * constants.sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / constants.sigma) ** 2)
    smooth = np.convolve(histogram, kernel / kernel.sum(), "same")[constants.lowest : constants.highest + 1]
    rare = np.flatnonzero(smooth <= smooth.min() * constants.flatness + 1e-9)
    # The hump of bright water alone leaves empty levels on both of its sides: the upper side is meant.
    last_stretch = np.split(rare, np.flatnonzero(np.diff(rare) > 1) + 1)[-1]
    return constants.lowest + round(float(last_stretch.mean()))


def _smoothed(band: UInt8Array, side_px: int) -> UInt8Array:
    smooth: UInt8Array = cv2.medianBlur(np.ascontiguousarray(band), side_px).astype(np.uint8, copy=False)
    return smooth


def _water_limit(gate: float) -> UInt8Array:
    """For each green level the NIR below which NDWI > gate: NIR < G (1 - gate) / (1 + gate); black is never water."""
    table: UInt8Array = np.ceil(np.arange(GREY_LEVELS) * (1 - gate) / (1 + gate)).astype(np.uint8)
    return table
