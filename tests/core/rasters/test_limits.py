"""Rasters on a full disk, and the memory that they take: each in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SUPPORT = ROOT / "tests" / "support" / "imagery"

FULL_DISK = """
import resource
from pathlib import Path
import numpy as np
from cut_scenes import grid_of
from raster_scenes import MADE, layers_of, scene_tile
from tasks.core.errors import FinalError
from tasks.core.rasters.rasters import write_rasters

random = np.random.default_rng(1)
labels, nrg = random.integers(0, 2, (700, 700)), random.integers(0, 256, (700, 700, 3)).astype(np.uint8)
sure = random.integers(0, 256, (700, 700)).astype(np.uint8)
tile = scene_tile("a.jp2", grid_of(labels), labels, nrg=nrg, confidence=sure)
layers, raster_tiles = layers_of([tile]), [tile.as_raster_tile()]
for limit in range(1000, 4_600_000, 210_011):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        write_rasters(raster_tiles, layers, Path("product"), MADE)
        print("written", limit)
    except FinalError as error:
        print(type(error).__name__, limit, error)
"""

MEMORY = """
import resource, sys
from pathlib import Path
import numpy as np
from cut_scenes import grid_of, window
from raster_scenes import MADE, layers_of, scene_tile
from tasks.core.rasters.rasters import write_rasters

side, whole = int(sys.argv[1]), grid_of(np.zeros((1000, 1000)))
labels = np.zeros((1000, 1000), np.uint8)
labels[300:700, 300:700] = 1
tiles = [
    scene_tile(f"{row}_{column}", window(whole, row * 1000, column * 1000, 1000, 1000), labels)
    for row in range(side)
    for column in range(side)
]
layers, raster_tiles = layers_of(tiles), [tile.as_raster_tile() for tile in tiles]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
write_rasters(raster_tiles, layers, Path("product"), MADE)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def _run(script: str, folder: Path, *arguments: str) -> list[str]:
    (folder / "script.py").write_text(script)
    path = {"PYTHONPATH": f"{ROOT}:{SUPPORT}", "TMPDIR": str(folder), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "script.py", *arguments]
    done = subprocess.run(command, cwd=folder, env=path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_no_raster_is_cut_short_in_silence(tmp_path: Path) -> None:
    """Wherever the disk is full, on the way or at the very end, an error says so; what is written is whole."""
    lines = _run(FULL_DISK, tmp_path)
    kinds = [line.split()[0] for line in lines]
    whole = kinds.count("written")
    assert kinds == ["StorageFull"] * (len(kinds) - whole) + ["written"] * whole, lines
    assert 1 <= whole < len(kinds) / 2


@pytest.mark.slow
def test_memory_does_not_grow_with_the_scene(tmp_path: Path) -> None:
    """Of nine tiles and of 36: what is more is what GDAL may keep of blocks, 64 MB, and not the 190 MB of pixels."""
    few, many = (int(_run(MEMORY, tmp_path, side)[0]) for side in ("3", "6"))
    assert many < few + 110
    assert many < 250
