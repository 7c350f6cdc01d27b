"""The humps of a histogram of grey levels, and the valleys that part them.

A hump counts where the valley beside it is at most half as high as the lower of the two: what is shallower is one hump
with a dent (peaks by their relative prominence, as topography has it).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tasks.core.arrays import FloatArray

GREY_LEVELS = 256
SIGMA = 3.0  # standard deviation of the smoothing, in grey levels
DEEPEST_DENT = 0.5  # of the lower hump's height
SMALLEST_SHARE = 1e-3  # of all pixels; less is no hump


@dataclass(frozen=True, slots=True)
class Humps:
    """A smoothed histogram and its humps, from dark to bright.

    Attributes:
        heights: (256,) smoothed pixels a level.
        peaks: Level of each hump's peak.
        bounds: First level of each hump, and 256: one more than peaks.
    """

    heights: FloatArray
    peaks: tuple[int, ...]
    bounds: tuple[int, ...]


def _smooth(histogram: FloatArray) -> FloatArray:
    """The histogram under a Gaussian; what would leave the range stays in it."""
    reach = int(4 * SIGMA)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SIGMA) ** 2)
    return np.asarray(np.convolve(np.pad(histogram, reach, mode="symmetric"), kernel / kernel.sum(), "valid"))


def humps_of(histogram: FloatArray) -> Humps:
    """Find the humps.

    Args:
        histogram: (256,) pixels a level; not all zero.
    """
    heights = _smooth(histogram)
    peaks = _local_maxima(heights)
    while len(peaks) > 1 and (spare := _least_hump(histogram, heights, peaks)) is not None:
        peaks.pop(spare)
    return Humps(heights, tuple(peaks), (0, *_valleys(heights, peaks), GREY_LEVELS))


def _local_maxima(heights: FloatArray) -> list[int]:
    before, after = np.r_[-1.0, heights[:-1]], np.r_[heights[1:], -1.0]
    return [int(level) for level in np.flatnonzero((heights > before) & (heights >= after) & (heights > 0))]


def _valleys(heights: FloatArray, peaks: list[int]) -> list[int]:
    """The lowest level between each two neighbours; of an empty stretch its middle."""
    between = [(low, heights[low : high + 1]) for low, high in pairwise(peaks)]
    return [low + int(np.median(np.flatnonzero(part <= part.min()))) for low, part in between]


def _least_hump(histogram: FloatArray, heights: FloatArray, peaks: list[int]) -> int | None:
    """Which peak is none: that of the shallowest valley, or of too few pixels; None where all are."""
    valleys = _valleys(heights, peaks)
    lower = [min(heights[one], heights[other]) for one, other in pairwise(peaks)]
    dents = [heights[valley] / height for valley, height in zip(valleys, lower, strict=True)]
    at = int(np.argmax(dents))
    if dents[at] > DEEPEST_DENT:
        return at if heights[peaks[at]] < heights[peaks[at + 1]] else at + 1
    pixels = np.add.reduceat(histogram, [0, *valleys])
    smallest = int(np.argmin(pixels))
    return smallest if pixels[smallest] < SMALLEST_SHARE * histogram.sum() else None
