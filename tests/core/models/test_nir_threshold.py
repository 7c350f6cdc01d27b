"""Where near infrared parts water from land: on histograms made here, and on real scenes exposed and cut otherwise."""

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from prairie import YEARS, PrairieScene, prairie

from tasks.core.arrays import IntArray
from tasks.core.models import water_index
from tasks.core.models.nir_threshold import BRIGHTEST, STEP, Threshold, calibrate, threshold_of

scene = cache(prairie)
DRY, WET = 0, 1


def ground(*humps: tuple[float, float, int, int]) -> IntArray:
    """A histogram of normal humps: mean, standard deviation, pixels, and whether they are wet."""
    counts, levels = np.zeros((2, 256)), np.arange(256)
    for mean, sigma, pixels, kind in humps:
        shape = np.exp(-0.5 * ((levels - mean) / sigma) ** 2)
        counts[kind] += pixels * shape / shape.sum()
    return counts.round().astype(np.int64)


WATER, CROPS, SOIL = (25, 6, 20_000, WET), (180, 15, 60_000, DRY), (110, 10, 30_000, DRY)
BOTH = ground(WATER, CROPS, SOIL)


def histogram(part: PrairieScene) -> IntArray:
    return water_index.histogram(part.sent(), part.valid)


def mapped(parts: Sequence[PrairieScene]) -> tuple[list[NDArray[np.bool_]], tuple[Threshold, ...]]:
    """Water of each tile, calibrated together; and the calibration."""
    calibration = calibrate({f"{number:03}": histogram(part) for number, part in enumerate(parts)})
    told = {tile: water_index.attributes(threshold.split) for threshold in calibration for tile in threshold.tiles}
    found = [water_index.predict(part.sent(), told[f"{number:03}"]) == 1 for number, part in enumerate(parts)]
    return found, calibration


def test_the_threshold_is_between_water_and_land() -> None:
    """A quarter of the way, between their medians."""
    found = threshold_of([BOTH])
    assert (found.water, found.problem) == (25, None)
    assert found.land is not None
    assert found.nir == pytest.approx(25 + (found.land - 25) / 4, abs=STEP)


def test_the_rarest_kind_of_ground_is_not_lost_among_others() -> None:
    """Bare soil is land, though it is nearer to water than crops are; two hundredths of water are enough."""
    found = threshold_of([ground((25, 6, 2_000, WET), CROPS, SOIL)])
    assert 45 <= found.nir <= 80
    assert found.problem is None


@pytest.mark.parametrize("dark", [(20, 3, 500, DRY), (45, 4, 1_500, DRY)], ids=["roofs", "shade"])
def test_dark_dry_ground_does_not_hide_water(dark: tuple[float, float, int, int]) -> None:
    """A hump that is dark and not wet stands in nobody's way."""
    assert threshold_of([ground(dark, (30, 6, 20_000, WET), CROPS)]).problem is None


@pytest.mark.parametrize(
    ("counts", "share", "problem"),
    [(ground(CROPS, SOIL), 0.0, "no water"), (ground(WATER), 1.0, "no land"), (BOTH * 0, 0.0, "no pixel")],
    ids=["land alone", "water alone", "nothing valid"],
)
def test_one_kind_of_ground_is_said_to_be_no_calibration(counts: IntArray, share: float, problem: str) -> None:
    """It is all water or none, and whoever reads the map is told why."""
    found = threshold_of([counts])
    pixels = counts.sum(axis=0)
    assert pixels[: found.nir].sum() == pytest.approx(share * pixels.sum())
    assert found.problem is not None
    assert found.problem.startswith(problem)


@given(st.lists(st.lists(st.integers(0, 10**6), min_size=512, max_size=512), min_size=1, max_size=4))
def test_any_dataset_is_calibrated(values: list[list[int]]) -> None:
    """Every tile gets one threshold between 0 and 255, whatever its histogram."""
    tiles = {str(number): np.array(one, np.int64).reshape(2, 256) for number, one in enumerate(values)}
    found = calibrate(tiles)
    assert sorted(tile for threshold in found for tile in threshold.tiles) == sorted(tiles)
    assert all(0 <= threshold.nir <= BRIGHTEST for threshold in found)


@given(st.integers(-5, 25))
def test_a_shift_of_all_levels_shifts_the_threshold(offset: int) -> None:
    """What parts water from land lies on the image's own scale."""
    assert abs(threshold_of([np.roll(BOTH, offset, axis=1)]).nir - threshold_of([BOTH]).nir - offset) <= STEP


def test_one_more_tile_seldom_moves_the_threshold() -> None:
    """Of a hundred tiles, one of another make-up leaves it where it was: what is cached stays."""
    tiles = {f"{number:03}": BOTH for number in range(100)}
    more = calibrate(tiles | {"more": ground((30, 8, 50_000, WET), SOIL)})
    assert [threshold.nir for threshold in more] == [threshold.nir for threshold in calibrate(tiles)]


def test_another_exposure_is_another_group() -> None:
    """Tiles whose land is as dark as the others' water get a threshold of their own; a lake goes with water like it."""
    dark = ground((12, 4, 20_000, WET), (60, 8, 60_000, DRY))
    bright = ground((60, 8, 20_000, WET), CROPS)
    tiles = {"a": bright, "b": bright, "c": dark, "d": dark, "lake": ground((12, 4, 90_000, WET))}
    found = {threshold.tiles: threshold for threshold in calibrate(tiles)}
    assert sorted(found) == [("a", "b"), ("c", "d", "lake")]
    assert [found[tiles].nir for tiles in sorted(found)] == pytest.approx(
        [threshold_of([bright]).nir, threshold_of([dark]).nir], abs=STEP
    )


@pytest.mark.parametrize("year", YEARS)
def test_real_dates_agree_with_their_reference(year: int) -> None:
    """With one set of constants: IoU of 0.95 and more with the polygons that people drew."""
    (found,), calibration = mapped([scene(year)])
    assert scene(year).iou(found) >= 0.95
    assert [threshold.problem for threshold in calibration] == [None]


EXPOSURES = [
    *((gain, 1.0, 0.0) for gain in (0.6, 0.8, 1.2, 1.4, 1.6)),
    *((1.0, gamma, 0.0) for gamma in (0.7, 0.85, 1.2, 1.4)),
    *((1.0, 1.0, offset) for offset in (-20.0, -8.0, 10.0, 20.0)),
    *((gain, gamma, offset) for gain in (0.6, 1.2) for gamma in (0.7, 1.4) for offset in (-5.0, 20.0)),
]


@pytest.mark.parametrize("year", YEARS)
def test_exposure_does_not_matter_much(year: int) -> None:
    """Where less than 2 % of the values are clipped, IoU stays at 0.93 and more."""
    scenes = [scene(year).exposed(*exposure) for exposure in EXPOSURES]
    whole = [one for one, clipped in scenes if clipped < 0.02]
    assert len(whole) >= 8
    assert min(one.iou(mapped([one])[0][0]) for one in whole) >= 0.93


@pytest.mark.parametrize("year", YEARS)
def test_no_exposure_loses_the_water_in_silence(year: int) -> None:
    """However much is clipped: most of the water is found, or the run says what is wrong."""
    for exposure in EXPOSURES:
        one, _ = scene(year).exposed(*exposure)
        (found,), (threshold,) = mapped([one])
        assert threshold.problem is not None or one.iou(found) >= 0.5, exposure


@pytest.mark.parametrize("side", [2, 4, 8])
@pytest.mark.parametrize("year", YEARS)
def test_how_a_scene_is_cut_does_not_matter(year: int, side: int) -> None:
    """Labels of the tiles differ from those of the uncut scene in less than 0.1 % of the pixels."""
    uncut, parts = scene(year), list(scene(year).cut(side))
    found, _ = mapped(parts)
    rows = [np.hstack(found[start : start + side]) for start in range(0, side * side, side)]
    differing = (np.vstack(rows) != mapped([uncut])[0][0]) & uncut.valid
    assert differing.sum() < 0.001 * uncut.valid.sum()


@pytest.mark.parametrize(("kind", "share"), [("water", 1.0), ("land", 0.0)])
@pytest.mark.parametrize("year", YEARS)
def test_a_tile_of_one_kind_in_a_dataset_is_all_of_it(year: int, kind: str, share: float) -> None:
    """With its scene, a tile of water alone is water everywhere, and one of land alone nowhere."""
    whole = scene(year)
    drawn = whole.water if kind == "water" else ~whole.water
    row, column = _inside(drawn & whole.valid, 40)
    part = np.s_[row : row + 40, column : column + 40]
    tile = PrairieScene(whole.nrg[part], whole.valid[part], whole.water[part])
    assert mapped([tile, whole])[0][0].mean() == share
    assert mapped([tile])[0][0].mean() == share


def _inside(mask: NDArray[np.bool_], side: int) -> tuple[int, int]:
    """Upper left corner of a square that is all set, as far from its edge as can be."""
    distance = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_C, 3)[1:-1, 1:-1]
    row, column = np.unravel_index(int(distance.argmax()), mask.shape)
    return int(row) - side // 2, int(column) - side // 2


def test_exposures_mixed_in_one_dataset_are_mapped_each_by_its_own() -> None:
    """Two frames of four at 0.6 of the exposure: as good as each by itself."""
    parts = [one.exposed(0.6, 1, 0)[0] if number > 1 else one for number, one in enumerate(scene(2016).cut(2))]
    found, calibration = mapped(parts)
    assert sorted(threshold.tiles for threshold in calibration) == [("000", "001"), ("002", "003")]
    assert min(part.iou(one) for part, one in zip(parts, found, strict=True)) >= 0.95
