"""GDAL at work on JPEG2000, kept quiet, in one thread and away from files that are none of its business."""

import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader, MemoryFile
from rasterio.session import DummySession
from rasterio.windows import Window

from tasks.core.errors import UnreadableImage
from tasks.core.jp2_structure import Structure
from tasks.core.sidecars import AUX_SUFFIX, WORLD_SUFFIXES
from tasks.core.world_files import read_world_file, to_bytes

DRIVER = "JP2OpenJPEG"
UNWRITTEN = -1  # no 8-bit sample has this value

# GDAL's own complaints reach people as our errors, once, and not as log lines of their own as well.
logging.getLogger("rasterio").addHandler(logging.NullHandler())
logging.getLogger("rasterio").propagate = False
# Set once: `warnings.catch_warnings` is not safe in threads, and a missing georeference is a finding here.
warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)


def _options(**more: str) -> rasterio.Env:
    """GDAL's settings while we read.

    One decoding thread: tiles are decoded in parallel already; and errors raised in GDAL's own threads are lost to the
    caller (the output stays unwritten) and written to the terminal. No session: rasterio would make one of boto3's, 20
    ms each, wherever the environment holds AWS credentials, and fail where they are unusable.
    """
    return rasterio.Env(DummySession(), GDAL_NUM_THREADS="1", **more)


@contextmanager
def opened_header(header_file: bytes, sidecars: Mapping[str, bytes]) -> Iterator[DatasetReader]:
    """The header file open in GDAL, with its sidecars beside it, in memory.

    All get plain names, because names of real files may hold anything.
    """
    folder, files = uuid4().hex, []
    try:
        for suffix, content in _seen_by_gdal(sidecars):
            files.append(MemoryFile(content, dirname=folder, filename=f"tile{suffix}"))
        files.append(MemoryFile(header_file, dirname=folder, filename="tile.jp2"))
        with (
            _options(GDAL_PAM_ENABLED="YES", GDAL_DISABLE_READDIR_ON_OPEN="FALSE"),
            files[-1].open(driver=DRIVER) as dataset,
        ):
            yield dataset
    finally:
        for file in files:
            file.close()


def _seen_by_gdal(sidecars: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Endings and contents of the files that GDAL finds beside the header file."""
    for name in sorted(sidecars, key=len):
        if name.lower().endswith(AUX_SUFFIX):
            yield f".jp2{AUX_SUFFIX}", sidecars[name]
        suffix = next((end for end in WORLD_SUFFIXES if name.lower().endswith(end)), None)
        numbers = None if suffix is None else read_world_file(sidecars[name])
        if suffix is not None and numbers is not None:
            yield suffix, to_bytes(numbers)


def unreadable_world_file(sidecars: Mapping[str, bytes]) -> str | None:
    """Name of a world file that is none; None where all can be read."""
    world_files = (name for name in sidecars if name.lower().endswith(WORLD_SUFFIXES))
    return next((name for name in world_files if read_world_file(sidecars[name]) is None), None)


def read_coarse(path: Path, structure: Structure, width_px: int, height_px: int) -> tuple[NDArray[np.uint8], int]:
    """Pixels (height, width, bands) at the coarsest resolution of at least the size wanted, and its step 2^r.

    GDAL gets the bare codestream: damaged metadata cannot disturb it, nor files that lie beside the image.
    """
    length = structure.codestream_end - structure.codestream_start
    codestream = f"/vsisubfile/{structure.codestream_start}_{length},{path}"
    with _options(GDAL_PAM_ENABLED="NO", GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
        with rasterio.open(codestream, driver=DRIVER) as dataset:
            steps = [1, *dataset.overviews(1)]
        size = structure.size
        usable = [
            step
            for step in steps
            if math.ceil(size.width_px / step) >= width_px
            and math.ceil(size.height_px / step) >= height_px
            # A coarse level's samples are at multiples of 2^r from the reference grid's origin, not the image's.
            and not any(at % step for at in size.origin)
        ]
        level = {"overview_level": len(usable) - 2} if len(usable) > 1 else {}
        with rasterio.open(codestream, driver=DRIVER, **level) as dataset:
            return _read_strips(dataset, path.name), usable[-1]


def _read_strips(dataset: DatasetReader, name: str) -> NDArray[np.uint8]:
    """All pixels, a row of blocks at a time: the wide buffer that shows unwritten samples stays small."""
    pixels = np.empty((dataset.height, dataset.width, dataset.count), np.uint8)
    rows = dataset.block_shapes[0][0]
    for top in range(0, dataset.height, rows):
        height = min(rows, dataset.height - top)
        strip = np.full((dataset.count, height, dataset.width), UNWRITTEN, np.int16)
        dataset.read(out=strip, window=Window(0, top, dataset.width, height))
        if (strip == UNWRITTEN).any():
            raise UnreadableImage(f"{name}: damaged: rows {top} to {top + height} cannot be decoded. Copy it again")
        pixels[top : top + height] = np.moveaxis(strip, 0, 2)
    return pixels


def reason(error: BaseException) -> str:
    """What GDAL said last, on one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split()) or type(error).__name__
