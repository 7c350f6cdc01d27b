"""What making the product's layers takes in the process that does it, by number of tiles: CPU, and peak memory.

Scenes of ponds in tiles side by side, from the polygons as ``extract`` keeps them to all layers. Each size is measured
in a process of its own, above what it holds before; vertices are those of the joined extent.
"""

import gc
import json
import math
import os
import sys
import time

import cv2
import numpy as np
import shapely
from cut_scenes import answered, grid_of, windows
from measuring import measure
from processes import peak_bytes, peak_from_now

from tasks.core.geo.grid import Grid
from tasks.core.polygons.tile_extent import TileExtent
from tasks.core.product.layer import AnsweredTile
from tasks.core.product.layer_assembly import assemble

TILES_A_SIDE, TILE_PX, SIGMA_PX = (5, 10, 20, 40), 250, 4
LEVEL = 0.7  # how many deviations above the mean the scene is flooded
LEAST_M2 = 25.0
AIM = 1.2


def run() -> None:
    """Print CPU and memory by vertex, and how the CPU grows."""
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # for the processes that are measured
    before: dict[str, float] | None = None
    for side in TILES_A_SIDE:
        found: dict[str, float] = json.loads(measure(sys.executable, __file__, str(side)).printed)
        growth = "" if before is None else f", ~ n^{_exponent(before, found):.2f} (aim: {AIM})"
        vertices = f"{found['vertices'] / 1e6:.2f} million vertices in {found['polygons']:,.0f} polygons"
        print(
            f"assembling: {found['tiles']:5.0f} tiles of {TILE_PX} px, {vertices}: "
            f"{1e6 * found['cpu_s'] / found['vertices']:.1f} µs and "
            f"{found['peak_bytes'] / found['vertices']:.0f} bytes a vertex{growth}",
            flush=True,
        )
        before = found


def _exponent(less: dict[str, float], more: dict[str, float]) -> float:
    return math.log(more["cpu_s"] / less["cpu_s"]) / math.log(more["tiles"] / less["tiles"])


def _measured(side: int) -> dict[str, float]:
    stored = _stored(side)
    gc.collect()
    before, start = peak_from_now(), time.process_time()
    tiles = [
        AnsweredTile(f"{number}.jp2", grid, TileExtent.from_bytes(content, grid), 1.0)
        for number, (content, grid) in enumerate(stored)
    ]
    extent = assemble(tiles, [], LEAST_M2)[0]
    return {
        "cpu_s": time.process_time() - start,
        "peak_bytes": peak_bytes(os.getpid()) - before,
        "tiles": len(tiles),
        "polygons": len(extent),
        "vertices": int(shapely.get_num_coordinates(extent.geometries).sum()),
    }


def _stored(side: int) -> list[tuple[bytes, Grid]]:
    """The tiles of a scene as they lie in the work directory."""
    random = np.random.default_rng(3).random((side * TILE_PX,) * 2, np.float32)
    height = cv2.GaussianBlur(random, (0, 0), SIGMA_PX)
    mask = height > height.mean() + LEVEL * height.std()
    tiles = (answered("", *one) for one in windows(mask, grid_of(mask), TILE_PX, 0))
    return [(tile.extent.to_bytes(), tile.grid) for tile in tiles]


if __name__ == "__main__":
    print(json.dumps(_measured(int(sys.argv[1]))))
