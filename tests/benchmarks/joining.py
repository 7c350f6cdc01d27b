"""Joining scenes of 10 x 10 to 100 x 100 tiles, block by block, against all tiles at once: time, its growth, memory.

What ``join`` returns it holds, so that its memory grows with the result. What the joining itself takes is seen where
each polygon is passed on as soon as it is finished, and not kept: that is one block, and what reaches beyond its own.
"""

import gc
import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import shapely
from cut_scenes import MGA, grid_of, windows
from measuring import measure
from shapely import MultiPolygon, Polygon

from tasks.core.geo.grid import Grid
from tasks.core.joining.frame_joining import drop_straight, join_ranked
from tasks.core.joining.seam_joining import BLOCK_TILES, by_frame, in_order, join
from tasks.core.joining.uniting import unite
from tasks.core.polygons.tracing import mask_polygons, to_crs

TILES_A_SIDE, TILE_PX, SIGMA_PX = (10, 30, 100), 64, 4
SCENES = {"ponds": 0.7, "one river": -0.1}  # how many deviations above the mean a scene is flooded
AIM = 1.2
BYTES_IN_KIB, BYTES_IN_MB = 1024, 1e6
PASSED_ON = "passed-on"
T = TypeVar("T")
CLEAR_PEAK = "5"  # proc(5), clear_refs: the peak starts anew from what is held now


def run() -> None:
    """Print seconds of CPU and peak memory above the tiles, each size in a process of its own, and check the result."""
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # for the processes that are measured
    print(f"joining tiles of {TILE_PX} px, blocks of {BLOCK_TILES} / all at once (aim: CPU ~ n^{AIM} or better)")
    for name in SCENES:
        for overlap in (0, 6):
            before: dict[str, float] | None = None
            for side in TILES_A_SIDE:
                scene = (sys.executable, __file__, name, str(side), str(overlap))
                done = json.loads(measure(*scene).printed) | json.loads(measure(*scene, PASSED_ON).printed)
                print(f"  {name:9} overlap {overlap} px, {side:3} x {side:3}: {_told(done, before, side)}")
                before = done | {"side": side}


def _told(done: dict[str, float], before: dict[str, float] | None, side: int) -> str:
    growth = "        "
    if before is not None:
        exponent = math.log(done["blocks_s"] / before["blocks_s"]) / math.log((side / before["side"]) ** 2)
        growth = f", ~ n^{exponent:.2f}"
    return (
        f"{done['polygons']:6.0f} polygons  {done['blocks_s']:6.2f} / {done['once_s']:6.2f} s = "
        f"{done['blocks_s'] / done['once_s']:4.2f}{growth}; {done['blocks_mb']:4.0f} / {done['once_mb']:4.0f} MB above "
        f"the tiles, of which the result is {done['result_mb']:3.0f} as WKB; passed on and not kept: "
        f"{done['passed_mb']:3.0f}; identical"
    )


def _measure_passed_on(name: str, side: int, overlap: int) -> dict[str, float]:
    """In a process of its own, for memory that was freed would be there to be used again."""
    multipolygons, grids = _tiles(SCENES[name], side, overlap)
    return {"passed_mb": _cost(lambda: _passed_on(multipolygons, grids))[1]}


def _measure_here(name: str, side: int, overlap: int) -> dict[str, float]:
    multipolygons, grids = _tiles(SCENES[name], side, overlap)
    ways: dict[str, Callable[[], Sequence[Polygon]]] = {
        "blocks": lambda: join(multipolygons, MGA, grids),
        "once": lambda: _at_once(multipolygons, grids),
    }
    found: dict[str, float] = {}
    contents = []
    for way, work in ways.items():
        found[f"{way}_s"], found[f"{way}_mb"], polygons = _cost(work)
        contents.append(sorted(shapely.to_wkb(shapely.normalize(np.array([*polygons, None], np.object_)[:-1]))))
        del polygons
    if contents[0] != contents[1]:
        raise AssertionError(f"{name}, {side} x {side} tiles: the polygons differ")
    return found | {"polygons": len(contents[0]), "result_mb": sum(map(len, contents[0])) / BYTES_IN_MB}


def _tiles(level: float, side: int, overlap: int) -> tuple[list[MultiPolygon], list[Grid]]:
    random = np.random.default_rng(3).random((side * TILE_PX,) * 2, np.float32)
    height = cv2.GaussianBlur(random, (0, 0), SIGMA_PX)
    mask = height > height.mean() + level * height.std()
    cut = list(windows(mask, grid_of(mask), TILE_PX, overlap))
    return [to_crs(mask_polygons(part), grid) for part, grid in cut], [grid for _, grid in cut]


def _passed_on(multipolygons: list[MultiPolygon], grids: list[Grid]) -> int:
    """As ``join`` does it; how many polygons came."""
    (tiles,) = by_frame(multipolygons, grids)
    axes, bounds = tiles.survey(MGA)
    return sum(len(axes.on_ground(part)) for part in join_ranked(tiles, axes, bounds, BLOCK_TILES))


def _at_once(multipolygons: list[MultiPolygon], grids: list[Grid]) -> Sequence[Polygon]:
    """The polygons of all tiles held at once, and each group of those that meet united by GEOS."""
    (tiles,) = by_frame(multipolygons, grids)
    axes, _ = tiles.survey(MGA)
    polygons, tile_of = shapely.get_parts(multipolygons, return_index=True)
    united = unite(axes.ranked(np.asarray(polygons, np.object_)), tile_of)
    return list(in_order(axes.on_ground(drop_straight(united))))


def _cost(work: Callable[[], T]) -> tuple[float, float, T]:
    """CPU seconds, MB of peak memory above what was held before, and the result."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text(CLEAR_PEAK)
    before, start = _memory_mb("VmRSS"), time.process_time()
    result = work()
    return time.process_time() - start, _memory_mb("VmHWM") - before, result


def _memory_mb(field: str) -> float:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * BYTES_IN_KIB / BYTES_IN_MB


if __name__ == "__main__":
    measure_one = _measure_passed_on if PASSED_ON in sys.argv else _measure_here
    print(json.dumps(measure_one(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
