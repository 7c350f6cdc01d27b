"""What writing a product's vector files takes: of a scene of 640,000 vertices, against assembling it and a whole run.

The scene is that of the places to check, with tiles of 700 px: some 12,000 ponds whose outlines have so many vertices.
The run is of frames that show it, by the command line, with its server and the model's: CPU of all processes.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import shapely
from affine import Affine
from cut_scenes import answered, grid_of, windows
from many_tiles import write_frame
from measuring import measure

from tasks.core.arrays import BoolMask
from tasks.core.formats.product_files import DEFAULT_FORMATS, FORMATS
from tasks.core.polygons.tile_extent import TileExtent
from tasks.core.product.layer import Layer
from tasks.core.product.layer_assembly import assemble

TILES_A_SIDE, TILE_PX = 5, 700
LEAST_M2 = 25.0
ROUNDS = 3
MADE = datetime(2026, 1, 1, tzinfo=UTC)


def run() -> None:
    """Print each format's CPU seconds, and the ratios of the default set and of all to assembling and to a run."""
    mask = _mask()
    layers, assembling_s = _assembled(mask)
    vertices = int(shapely.get_num_coordinates(layers[0].geometries).sum())
    with tempfile.TemporaryDirectory() as folder:
        seconds = {name: _least_s(name, layers, Path(folder)) for name in FORMATS}
        run_s = _run_s(mask, Path(folder))
    print(f"writing the layers of {len(layers[0]):,} polygons with {vertices:,} vertices, CPU s")
    print("  " + ", ".join(f"{name} {one:.2f}" for name, one in seconds.items()))
    for what, names, aim in (("default set", DEFAULT_FORMATS, "5 %"), ("all formats", tuple(FORMATS), "20 %")):
        total = sum(seconds[name] for name in names)
        print(
            f"  {what}: {total:.2f} s, {total / assembling_s:.0%} of reading and assembling ({assembling_s:.1f} s), "
            f"{total / run_s:.1%} of a run ({run_s:.0f} s; aim: {aim})"
        )


def _mask() -> BoolMask:
    random = np.random.default_rng(3).random((TILES_A_SIDE * TILE_PX,) * 2).astype(np.float32)
    height = cv2.GaussianBlur(random, (0, 0), 4)
    return np.asarray((height - height.mean()) / height.std() > 0.7, np.bool_)


def _assembled(mask: BoolMask) -> tuple[list[Layer], float]:
    tiles = [answered(f"{number}.jp2", *one) for number, one in enumerate(windows(mask, grid_of(mask), TILE_PX, 0))]
    contents = [(tile.extent.to_bytes(), tile.grid) for tile in tiles]
    start = time.process_time()
    for content in contents:
        TileExtent.from_bytes(*content)
    layers = assemble(tiles, [], LEAST_M2)
    return layers, time.process_time() - start


def _least_s(name: str, layers: Sequence[Layer], folder: Path) -> float:
    """The least CPU time of a few rounds: what disturbs the machine for a while disturbs some of them."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in FORMATS[name].write(layers, folder, MADE):
            pass
        seconds.append(time.process_time() - start)
    return min(seconds)


def _run_s(mask: BoolMask, folder: Path) -> float:
    random = np.random.default_rng(4)
    (folder / "frames").mkdir()
    for number, (water, grid) in enumerate(windows(mask, grid_of(mask), TILE_PX, 0)):
        bands = [np.where(water, dark, light) for dark, light in ((15, 150), (40, 100), (60, 90))]
        pixels = (np.stack(bands) + random.normal(0, 3, (3, *water.shape))).clip(0, 255).astype(np.uint8)
        write_frame(folder / "frames" / f"{number:02}.jp2", pixels, transform=Affine(*grid.transform))
    places = {"output": "out", "work-directory": "work", "log-storage-directory": "logs"}
    options = [part for name, place in places.items() for part in (f"--{name}", str(folder / place))]
    return measure(sys.executable, "-m", "flows", "run", str(folder / "frames"), *options).cpu_s
