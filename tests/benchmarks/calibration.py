"""How well ``water-index`` labels, over dates, exposures and cuts; and what its calibration costs a tile.

The figures of ``docs/model.md``. The scenes are the handed ones; where they are absent only the cost is measured.
"""

import itertools
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import rasterio
from big_tile import big_tile
from prairie import YEARS, PrairieScene, prairie

from tasks.core.arrays import BoolMask
from tasks.core.geo.grid import Grid
from tasks.core.imagery.preparation import prepare_image
from tasks.core.models import water_index
from tasks.core.models.nir_threshold import Threshold, calibrate, threshold_of

GAINS, GAMMAS, OFFSETS = np.linspace(0.6, 1.6, 6), (0.7, 0.85, 1.0, 1.2, 1.4), (-20, -10, 0, 10, 20)
MOST_CLIPPED = 0.02
WIDTH_PX, REPEATS = 1000, 20


def run() -> None:
    """Print the tables."""
    try:
        scenes = {year: prairie(year) for year in YEARS}
    except pytest.skip.Exception as error:
        print(error)
    else:
        _print_dates(scenes)
        _print_confidence(scenes)
        _print_exposures(scenes)
        _print_cuts(scenes)
    _print_cost()


def mapped(parts: Sequence[PrairieScene]) -> tuple[list[BoolMask], tuple[Threshold, ...]]:
    """Water of each tile, calibrated together, and the calibration."""
    sent = [part.sent() for part in parts]
    histograms = (water_index.histogram(nrg, part.valid) for nrg, part in zip(sent, parts, strict=True))
    calibration = calibrate({f"{number:04}": histogram for number, histogram in enumerate(histograms)})
    told = {tile: water_index.attributes(threshold.split) for threshold in calibration for tile in threshold.tiles}
    return [water_index.predict(nrg, told[f"{number:04}"]) == 1 for number, nrg in enumerate(sent)], calibration


def _print_dates(scenes: dict[int, PrairieScene]) -> None:
    for year, scene in scenes.items():
        (found,), (threshold,) = mapped([scene])
        print(f"{year}: IoU {scene.iou(found):.4f} at NIR below {threshold.nir}")


def _print_confidence(scenes: dict[int, PrairieScene]) -> None:
    for year, scene in scenes.items():
        nrg = scene.sent()
        told = water_index.attributes(threshold_of([water_index.histogram(nrg, scene.valid)]).split)
        confidence = np.abs(np.diff(water_index.probabilities(nrg, told), axis=0))[0][scene.valid]
        errors = (water_index.predict(nrg, told).astype(bool) != scene.water)[scene.valid]
        least_sure = np.argsort(confidence, kind="stable")[: confidence.size // 10]
        groups = [(confidence >= low) & (confidence < high) for low, high in ((0, 0.25), (0.25, 0.5), (0.5, 1.1))]
        rates = ", ".join(f"{errors[group].mean():.2%}" for group in groups)
        print(
            f"{year}: of all errors {errors[least_sure].sum() / errors.sum():.0%} lie in the least sure tenth "
            f"(aim: 60 %); in error of what is sure to less than 1/4, to 1/4 to 1/2, to more: {rates}"
        )


def _print_exposures(scenes: dict[int, PrairieScene]) -> None:
    for year, scene in scenes.items():
        ious = []
        for exposure in itertools.product(GAINS, GAMMAS, OFFSETS):
            exposed, clipped = scene.exposed(*exposure)
            if clipped < MOST_CLIPPED:
                ious.append((exposed.iou(mapped([exposed])[0][0]), exposure))
        worst, exposure = min(ious)
        gain, gamma, offset = exposure
        print(
            f"{year}: {len(ious)} exposures with less than {MOST_CLIPPED:.0%} clipped: IoU mean "
            f"{np.mean([iou for iou, _ in ious]):.4f}, worst {worst:.4f} (gain {gain:.1f}, gamma {gamma}, offset "
            f"{offset})"
        )


def _print_cuts(scenes: dict[int, PrairieScene]) -> None:
    for year, scene in scenes.items():
        uncut = mapped([scene])[0][0]
        for side in (2, 4, 8):
            parts = list(scene.cut(side))
            found, calibration = mapped(parts)
            rows = [np.hstack(found[start : start + side]) for start in range(0, side * side, side)]
            differing = (np.vstack(rows) != uncut)[scene.valid].mean()
            alone = [part.iou(mapped([part])[0][0]) for part in parts if _has_both(part)]
            print(
                f"{year} cut {side} x {side}: {differing:.4%} of the labels differ, {len(calibration)} threshold(s); "
                f"each tile calibrated alone: IoU median {np.median(alone):.3f}, worst {min(alone):.3f}"
            )


def _has_both(part: PrairieScene) -> bool:
    return bool(0.01 < (part.water & part.valid).mean() < 0.99)


def _print_cost() -> None:
    tile = big_tile()
    with rasterio.open(tile) as dataset:
        grid = Grid(dataset.width, dataset.height, tuple(dataset.transform)[:6], "EPSG:7855")
    prepared = prepare_image(tile, grid, WIDTH_PX, WIDTH_PX, max_pixels=1 << 29)
    nrg = np.random.default_rng(1).integers(0, 256, (WIDTH_PX, WIDTH_PX, 3), dtype=np.uint8)
    prepare = _seconds(lambda: prepare_image(tile, grid, WIDTH_PX, WIDTH_PX, max_pixels=1 << 29), 3)
    histogram = _seconds(lambda: water_index.histogram(nrg, prepared.valid), REPEATS)
    one = water_index.histogram(nrg, prepared.valid)
    tiles = {str(number): one for number in range(1_000)}
    pooling = _seconds(lambda: calibrate(tiles), 1) / len(tiles)
    share = (histogram + pooling) / prepare
    print(
        f"calibration costs a tile {histogram * 1e3:.1f} ms for its histogram and {pooling * 1e3:.2f} ms of a thousand "
        f"tiles' pooling: {share:.1%} of preparing a 10,000 px tile (aim: below 5 %)"
    )


def _seconds(work: Callable[[], object], repeats: int) -> float:
    """CPU of the process, the least of so many."""
    times = []
    for _ in range(repeats):
        before = time.process_time()
        work()
        times.append(time.process_time() - before)
    return min(times)


if __name__ == "__main__":
    sys.exit(run())
