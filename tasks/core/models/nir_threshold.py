"""Where near infrared (NIR) parts water from land: a threshold for a dataset, from the pooled histograms of its tiles.

Method. Water absorbs NIR and reflects green, so over a dataset the histogram of NIR has a dark hump whose pixels are
wet, that is, have an NDWI = (G - NIR) / (G + NIR) above 0.1 (McFeeters 1996, doi:10.1080/01431169608948714, takes 0;
bare soil and shade are just above it), and brighter humps of land. They are told apart at the valley that leaves most
wet pixels below it and most dry ones above. The threshold lies on that valley's floor, as near as it can to a quarter
of the way from the median of water to that of land: with linear mixing a pixel is water while at most a quarter of it
is land, as people draw a waterline. The valley's lowest level alone would be a matter of chance, for the floor is wide
and flat. Medians and humps move as the image does when it is exposed longer or shifted.

Where there are not two humps, the one that is there decides: water alone is all water; of land alone what is darker
than a third of its median. Both come with a sentence for whoever reads the map: one kind of ground is no calibration.

Tiles of another radiometry (flight line, exposure, sensor) have a threshold of their own where their land lies apart
from that of the others and the common threshold would label much of their water otherwise; each group must show both
humps itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np

from tasks.core.arrays import BoolMask, FloatArray, IntArray, UInt8Array
from tasks.core.models.humps import GREY_LEVELS, Humps, humps_of
from tasks.core.record import Record

DRY, WET = 0, 1
WET_NDWI = 0.1
WATERLINE = 0.25  # of the way from water to land
FLOOR_RATIO = 1.5  # the valley's floor: levels at most so many times as high as its lowest
FLOOR_SHARE = 0.05  # or at most this share of the lower hump's height
CONTRAST_STEP = 16  # and contrasts of it; they change no label
STEP = 2  # thresholds are multiples of it, so that one more tile seldom moves them
BRIGHTEST = GREY_LEVELS - 1
PIXELS_AT_ONCE = 1 << 20  # numpy counts in 8 bytes a pixel
LAND_SHARE = 1 / 3  # of land's median, where no water is known
LEAST_LAND = 0.05  # share of a tile that is dry where its land can be compared with others'
MISSED_SHARE = 0.05  # of a group's water, which one threshold for all may label otherwise
MAD_TO_SIGMA = 1.4826  # of a normal distribution
# By NIR level, the green above which a pixel is wet.
WET_ABOVE = np.minimum(np.arange(GREY_LEVELS) * (1 + WET_NDWI) / (1 - WET_NDWI), BRIGHTEST).astype(np.uint8)


def histogram(nir: UInt8Array, green: UInt8Array, valid: BoolMask) -> IntArray:
    """Count valid pixels by NIR level.

    Args:
        nir: (height, width) uint8, smoothed as the model smooths it.
        green: Likewise.
        valid: Which pixels count.

    Returns:
        (2, 256) int64: dry pixels, and wet ones.
    """
    counts = np.zeros((2, GREY_LEVELS), np.int64)
    rows = max(1, PIXELS_AT_ONCE // nir.shape[1])
    for start in range(0, nir.shape[0], rows):
        part = slice(start, start + rows)
        wet = green[part] > cv2.LUT(nir[part], WET_ABOVE)
        # A pixel's level, and 256 more where it is wet.
        levels = nir[part].astype(np.int16) + wet * np.int16(GREY_LEVELS)
        counts += np.bincount(levels[valid[part]], minlength=2 * GREY_LEVELS).reshape(2, GREY_LEVELS)
    return counts


class Split(NamedTuple):
    """What a model is told of near infrared in the dataset.

    Attributes:
        nir: Water is darker than this, 0..255.
        contrast: Between the medians of land and water, in grey levels: what a distance to the threshold is worth.
    """

    nir: int
    contrast: int


@dataclass(frozen=True, slots=True)
class Threshold(Record):
    """What parts water from land in tiles of one radiometry.

    Attributes:
        nir: Water is darker than this, 0..255.
        tiles: Ids of the tiles that it is for.
        water: Median NIR of water; None where none was found.
        land: Median NIR of land; None where none was found.
        floor: First and last level of the valley's floor; None where there is no valley.
        problem: Why it is no calibration; None where it is one.
    """

    nir: int
    tiles: tuple[str, ...] = ()
    water: int | None = None
    land: int | None = None
    floor: tuple[int, int] | None = None
    problem: str | None = None

    @property
    def split(self) -> Split:
        """What a model is told; the contrast, where it is not known, as if water were black."""
        known = self.water is not None and self.land is not None
        contrast = (self.land or 0) - (self.water or 0) if known else self.nir / WATERLINE
        steps = min(max(1, round(contrast / CONTRAST_STEP)), BRIGHTEST // CONTRAST_STEP)
        return Split(self.nir, CONTRAST_STEP * steps)


def calibrate(histograms: Mapping[str, IntArray]) -> tuple[Threshold, ...]:
    """The thresholds of a dataset: one, unless its tiles differ in radiometry.

    Args:
        histograms: Of each tile by its id, as ``histogram`` makes them.
    """
    common, sides = threshold_of(histograms.values()), _sides(histograms)
    if all(sides) and _apart(common, *sides):
        return tuple(threshold for side in sides for threshold in calibrate(side))
    return (replace(common, tiles=tuple(sorted(histograms))),)


def threshold_of(histograms: Iterable[IntArray]) -> Threshold:
    """The threshold of tiles of one radiometry, of which there may be any number."""
    counts = _pooled(histograms)
    pooled: FloatArray = counts.sum(axis=0).astype(float)
    if not pooled.any():
        return Threshold(0, problem="no pixel of them is valid")
    humps = humps_of(pooled)
    wet_less_dry = np.r_[0, np.cumsum(counts[WET] - counts[DRY])]
    part = int(np.argmax(wet_less_dry[list(humps.bounds)]))
    bound = humps.bounds[part]
    if bound == 0:
        land = _median(pooled)
        problem = f"no water was found: what is darker than a third of land ({land}) is taken for it"
        return Threshold(_stepped(land * LAND_SHARE), land=land, problem=problem)
    if bound == GREY_LEVELS:
        problem = "no land was found: what is greener than it is infrared is taken for water"
        return Threshold(BRIGHTEST, water=_median(pooled), problem=problem)
    water, land = _median(pooled[:bound]), bound + _median(pooled[bound:])
    first, last = floor = _floor(humps, part)
    return Threshold(_stepped(np.clip(water + WATERLINE * (land - water), first, last)), (), water, land, floor)


def _pooled(histograms: Iterable[IntArray]) -> IntArray:
    """Their sum, one at a time: there may be hundreds of thousands."""
    counts = np.zeros((2, GREY_LEVELS), np.int64)
    for one in histograms:
        counts += one
    return counts


def _floor(humps: Humps, part: int) -> tuple[int, int]:
    """The levels around a valley's lowest that are about as low: the first and the last of them."""
    heights, (low, high), bottom = humps.heights, humps.peaks[part - 1 : part + 1], humps.bounds[part]
    limit = max(FLOOR_RATIO * heights[bottom], FLOOR_SHARE * min(heights[low], heights[high]))
    left, right = (np.flatnonzero(side > limit) for side in (heights[:bottom], heights[bottom + 1 :]))
    return int(left[-1]) + 1, bottom + int(right[0])


def _sides(histograms: Mapping[str, IntArray]) -> tuple[dict[str, IntArray], dict[str, IntArray]]:
    """The tiles with darker and with brighter land, parted where that parts them best (Otsu 1979).

    A tile of water alone goes where its water is more alike.
    """
    land = {tile: _median(counts[DRY]) for tile, counts in histograms.items() if _has_land(counts)}
    levels = sorted(set(land.values()))
    if len(levels) < 2:  # noqa: PLR2004 - two sides
        return dict(histograms), {}
    values = np.array(list(land.values()))
    bound = max(levels[1:], key=lambda level: _between(values[values < level], values[values >= level]))
    dark, bright = ({tile: histograms[tile] for tile in land if (land[tile] < bound) is side} for side in (True, False))
    waters = [threshold_of(side.values()).water or 0 for side in (dark, bright)]
    for tile in histograms.keys() - land.keys():
        own = _median(histograms[tile].sum(axis=0))
        (dark if abs(own - waters[0]) <= abs(own - waters[1]) else bright)[tile] = histograms[tile]
    return dark, bright


def _has_land(counts: IntArray) -> bool:
    return bool(counts[DRY].sum() > LEAST_LAND * counts.sum())


def _between(low: IntArray, high: IntArray) -> float:
    """Variance between two classes, but for a factor."""
    return float(low.size * high.size * (low.mean() - high.mean()) ** 2)


def _apart(common: Threshold, dark: Mapping[str, IntArray], bright: Mapping[str, IntArray]) -> bool:
    """Whether two groups of tiles are two calibrations: each by itself, on other land, and not served by one."""
    alone = [threshold_of(side.values()) for side in (dark, bright)]
    if any(own.floor is None for own in alone):
        return False
    if not any(_misses(common, own, side.values()) for own, side in zip(alone, (dark, bright), strict=True)):
        return False
    (low, low_spread), (high, high_spread) = (_land(side.values()) for side in (dark, bright))
    return high - low > low_spread + high_spread


def _misses(common: Threshold, own: Threshold, histograms: Iterable[IntArray]) -> bool:
    """Whether much of a group's water would be labelled otherwise than by its own threshold."""
    low, high = sorted((own.nir, common.nir))
    pooled = _pooled(histograms).sum(axis=0)
    return bool(pooled[low:high].sum() > MISSED_SHARE * pooled[: own.nir].sum())


def _land(histograms: Iterable[IntArray]) -> tuple[float, float]:
    """Median and robust standard deviation of dry ground's NIR."""
    dry = _pooled(histograms)[DRY]
    median = _median(dry)
    distances = np.bincount(np.abs(np.arange(GREY_LEVELS) - median), weights=dry, minlength=GREY_LEVELS)
    return median, MAD_TO_SIGMA * _median(distances)


def _stepped(level: float) -> int:
    return STEP * round(level / STEP)


def _median(heights: FloatArray | IntArray) -> int:
    return int(np.searchsorted(np.cumsum(heights), heights.sum() / 2))
