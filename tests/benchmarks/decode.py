"""The decode at 1/8 against OpenJPEG's own `opj_decompress -r 3`, the floor for anything that uses this library."""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from big_tile import big_tile
from measuring import measure

from tasks.core.jpeg2000.jpeg2000 import decode

REDUCED_PX = 1250


def run() -> None:
    """Print both decoders' CPU seconds and their ratio, measured in one run; or why that cannot be."""
    floor = shutil.which("opj_decompress")
    if floor is None:
        print("decode: opj_decompress is not installed (Debian: libopenjp2-tools), nothing to compare with")
        return
    tile = str(big_tile())
    with tempfile.TemporaryDirectory() as folder:
        theirs = measure(floor, "-r", "3", "-i", tile, "-o", f"{folder}/reduced.raw")
    ours = measure(sys.executable, __file__, tile)
    cpu_s = json.loads(ours.printed)
    print(
        f"decode at 1/8: CPU {cpu_s:.2f} s against {theirs.cpu_s:.2f} s of opj_decompress: "
        f"{cpu_s / theirs.cpu_s:.2f}x (aim: 1.3x); "
        f"peak memory {ours.peak_bytes / 1e6:.0f} MB against {theirs.peak_bytes / 1e6:.0f} MB"
    )


def _decode(tile: Path) -> float:
    cpu = time.process_time()
    decode(tile, REDUCED_PX, REDUCED_PX, max_pixels=1 << 29)
    return time.process_time() - cpu


if __name__ == "__main__":
    print(json.dumps(_decode(Path(sys.argv[1]))))
