"""What safety costs prepare: decoding in a child process, and hashing a local frame again behind the decode."""

import hashlib
import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from big_tile import big_tile
from rasterio.transform import from_origin

from tasks.core.geo.grid import Grid
from tasks.services.frames.decoder_process import Request, decode
from tasks.services.frames.decoding import ChildDecoders

WIDTH_PX = 1000
SMALL_PX = 600
REPEATS = 10


@dataclass(frozen=True, slots=True)
class Taken:
    """The least wall-clock and CPU seconds of several attempts; CPU of this process and of the child."""

    wall_s: float
    cpu_s: float


def run() -> None:
    """Print both for a tile as the agency flies them, and for a small one."""
    children = ChildDecoders()
    with tempfile.TemporaryDirectory() as folder:
        for name, path in (("10,000 px", big_tile()), (f"{SMALL_PX} px", _small(Path(folder)))):
            request = _request(path)
            start = time.perf_counter()
            children(request)
            started_s = time.perf_counter() - start
            child = children._idle[0].process.pid
            here, there = _in_turn(lambda r=request: decode(r), lambda r=request: children(r), child)
            start = time.process_time()
            hashlib.sha256(path.read_bytes())
            hash_s = time.process_time() - start
            print(
                f"prepare, {name}: in a child {there.wall_s / here.wall_s:.2f} times the time ({there.wall_s:.3f} s), "
                f"{there.cpu_s / here.cpu_s:.2f} times the CPU; the first frame of a child {started_s:.1f} s\n"
                f"prepare, {name}: hashing again takes {hash_s / here.cpu_s:.0%} of its CPU ({hash_s:.3f} s)"
            )
            children.stop_idle()


def _in_turn(here: Callable[[], object], there: Callable[[], object], child: int) -> tuple[Taken, Taken]:
    """In turn, and the least of each: what disturbs the machine for a while disturbs both."""
    pairs = [(_taken(here, child), _taken(there, child)) for _ in range(REPEATS)]
    least = [
        Taken(min(one.wall_s for one in column), min(one.cpu_s for one in column))
        for column in zip(*pairs, strict=True)
    ]
    return least[0], least[1]


def _taken(work: Callable[[], object], child: int) -> Taken:
    start, used = time.perf_counter(), _cpu_s(child)
    work()
    return Taken(time.perf_counter() - start, _cpu_s(child) - used)


def _cpu_s(child: int) -> float:
    """CPU seconds of this process and of the child so far."""
    ticks = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[11:13]
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def _request(path: Path) -> Request:
    with rasterio.open(path) as dataset:
        grid = Grid(dataset.width, dataset.height, tuple(dataset.transform)[:6], "EPSG:7855")
    scale = min(1.0, WIDTH_PX / grid.width_px)
    return Request(str(path), grid, round(grid.width_px * scale), round(grid.height_px * scale), 1 << 29)


def _small(folder: Path) -> Path:
    path = folder / "small.jp2"
    shape = {"width": SMALL_PX, "height": SMALL_PX, "count": 3, "dtype": "uint8", "crs": "EPSG:7855"}
    place = from_origin(500_000, 6_000_000, 0.15, 0.15)
    with rasterio.open(path, "w", driver="JP2OpenJPEG", transform=place, QUALITY="20", **shape) as dataset:
        dataset.write(np.random.default_rng(7).integers(40, 200, (3, SMALL_PX, SMALL_PX), dtype=np.uint8))
    return path
