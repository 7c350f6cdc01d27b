"""One 10,000 px tile from JPEG2000 to polygons, without the model, against the notebook's path on the same libraries.

Either path runs in a child process of its own. CPU seconds are those of the work without imports (a run pays them once,
not once a tile); peak memory is the whole process's.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import rasterio
import rasterio.shutil
from big_tile import big_tile
from measuring import measure
from numpy.typing import NDArray
from PIL import Image

from tasks.core.geo.grid import Grid
from tasks.core.imagery.preparation import prepare_image
from tasks.core.jpeg2000.gdal_reading import read_coarse
from tasks.core.jpeg2000.jpeg2000 import judge_file
from tasks.core.polygons.tile_extent import extract

WIDTH_PX = 1000
REPEATS = 10


def run() -> None:
    """Print both paths' cost and their ratio, measured in one run."""
    tile = str(big_tile())
    ours, theirs = (measure(sys.executable, __file__, path, tile) for path in ("ours", "notebook"))
    own, other = json.loads(ours.printed), json.loads(theirs.printed)
    print(
        f"tile to polygons: CPU {own['cpu_s']:.2f} s against the notebook's {other['cpu_s']:.2f} s: "
        f"1/{other['cpu_s'] / own['cpu_s']:.1f} (aim: 1/12)\n"
        f"tile to polygons: peak memory {ours.peak_bytes / 1e6:.0f} MB against {theirs.peak_bytes / 1e6:.0f} MB: "
        f"1/{theirs.peak_bytes / ours.peak_bytes:.1f} (aim: 1/4)\n"
        f"tile to polygons: everything but the decode takes {own['other_share']:.0%} of its CPU time (aim: 20 %)"
    )


def _labels(width_px: int, height_px: int) -> NDArray[np.uint8]:
    """What a model might answer: patches of flood with islands, some of them under cloud."""
    noise = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 1, (height_px, width_px)), (0, 0), 12)
    return np.where(noise > 0.02, 1, np.where(noise < -0.05, 2, 0)).astype(np.uint8)


def _ours(tile: Path) -> dict[str, float]:
    with rasterio.open(tile) as dataset:
        grid = Grid(dataset.width, dataset.height, tuple(dataset.transform)[:6], "EPSG:7855")
    labels = _labels(WIDTH_PX, WIDTH_PX)

    def work() -> None:
        prepared = prepare_image(tile, grid, WIDTH_PX, WIDTH_PX, max_pixels=1 << 29)
        extract(labels, prepared.valid, prepared.grid, [1, 2])

    cpu_s = _cpu_s(work)
    structure = judge_file(tile, 1 << 29)
    # In turn, and the least of each: what disturbs the machine for a while disturbs both.
    pairs = [(_cpu_s(work), _cpu_s(lambda: read_coarse(tile, structure, WIDTH_PX, WIDTH_PX))) for _ in range(REPEATS)]
    whole_s, decode_s = (min(column) for column in zip(*pairs, strict=True))
    return {"cpu_s": cpu_s, "other_share": 1 - decode_s / whole_s}


def _notebook(tile: Path) -> dict[str, float]:
    """The manual's steps: gdal_translate to JPEG, resize with Pillow, false positives, contours with OpenCV."""
    Image.MAX_IMAGE_PIXELS = None
    labels = _labels(WIDTH_PX, WIDTH_PX)

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            full = Path(folder) / "full.jpeg"
            rasterio.shutil.copy(tile, full, driver="JPEG")
            small = Image.open(full).resize((WIDTH_PX, WIDTH_PX))
            small.convert("RGB").save(Path(folder) / "small.jpeg")
            mask = np.where(np.asarray(small).min(axis=2) > 0, labels > 0, 0)
            cv2.findContours(np.uint8(mask), cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)

    return {"cpu_s": _cpu_s(work)}


def _cpu_s(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    print(json.dumps({"ours": _ours, "notebook": _notebook}[sys.argv[1]](Path(sys.argv[2]))))
