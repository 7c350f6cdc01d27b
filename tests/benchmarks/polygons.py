"""Polygons of masks, against ``rasterio.features.shapes`` on the same masks in the same run."""

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import cv2
import numpy as np
import rasterio.features
import shapely
from shapely.geometry import shape

from tasks.core.arrays import BoolMask
from tasks.core.polygons.tracing import mask_polygons

SIZE_PX = 1000
ROUNDS = 10
AIM = 1.5
Result = TypeVar("Result")


def run() -> None:
    """Print the ratio of CPU times, and check that the geometry is the same, for masks of three kinds."""
    print(f"polygons of a {SIZE_PX} x {SIZE_PX} px mask: rasterio.features.shapes / ours, CPU s (aim: >= {AIM}x)")
    for name, mask in _masks().items():
        ours_s, ours = _cpu_seconds(partial(mask_polygons, mask))
        theirs_s, theirs = _cpu_seconds(partial(_shapes, mask))
        if _content(ours) != _content([shape(geometry) for geometry in theirs]):
            raise AssertionError(f"{name}: the geometry differs")
        print(
            f"  {name:8} {len(ours):6} polygons  {theirs_s:6.3f} / {ours_s:6.3f} = {theirs_s / ours_s:4.1f}x, identical"
        )


def _masks() -> dict[str, BoolMask]:
    random = np.random.default_rng(2).random((SIZE_PX, SIZE_PX)).astype(np.float32)
    rows, columns = np.mgrid[:SIZE_PX, :SIZE_PX] - SIZE_PX // 2
    return {
        "simple": np.hypot(rows, columns) < SIZE_PX * 0.4,
        "medium": cv2.GaussianBlur(random, (0, 0), 4) > random.mean(),
        "complex": random > 0.4,
    }


def _shapes(mask: BoolMask) -> list[dict[str, object]]:
    """GeoJSON-like polygons; making shapely polygons of them is not counted, though ours are made."""
    return [geometry for geometry, _ in rasterio.features.shapes(mask.astype(np.uint8), mask=mask, connectivity=4)]


def _content(polygons: list[shapely.Polygon]) -> list[bytes]:
    return sorted(shapely.to_wkb(shapely.normalize(np.array(polygons, np.object_))))


def _cpu_seconds(work: Callable[[], Result]) -> tuple[float, Result]:
    """The least CPU time of a few rounds, and the result."""
    best, result = float("inf"), None
    for _ in range(ROUNDS):
        start = time.process_time()
        result = work()
        best = min(best, time.process_time() - start)
    assert result is not None
    return best, result
