"""GDAL at work on JPEG2000, kept quiet, in one thread and away from files that are none of its business."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.io import DatasetReader, MemoryFile
from rasterio.session import DummySession
from rasterio.windows import Window

from tasks.core.arrays import UInt8Array
from tasks.core.errors import TooLarge, UnreadableImage
from tasks.core.jpeg2000.channels import COLOURS
from tasks.core.jpeg2000.sidecars import AUX_SUFFIX, WORLD_SUFFIXES, is_world_file, read_world_file, to_bytes
from tasks.core.jpeg2000.structure import ImageSize, Structure, with_wider_tile
from tasks.core.jpeg2000.tile_parts import CODESTREAM_END

DRIVER = "JP2OpenJPEG"
UNWRITTEN = -1  # no 8-bit sample has this value
MAX_WHOLE_TILE_SAMPLES = 1 << 27  # about 2 GB while a tile is decoded whole: 49 million samples took 0.75 GB
WAVELET_REACH = 5  # samples of a reduced resolution that one of the full resolution has a part in
CACHE_BYTES = 64 << 20
FLAT_TOLERANCE = 16  # lossy compression makes one value of what nearly is


class Planes(NamedTuple):
    """Samples of an image, those beside the three colours apart: all of them together may be half of the memory.

    Attributes:
        colours: uint8 (height, width, 3).
        fourth: uint8 (height, width); None where there are three.
    """

    colours: UInt8Array
    fourth: UInt8Array | None

    @classmethod
    def of_size(cls, height_px: int, width_px: int, bands: int) -> "Planes":
        """Not yet filled."""
        colours = np.empty((height_px, width_px, COLOURS), np.uint8)
        return cls(colours, np.empty((height_px, width_px), np.uint8) if bands > COLOURS else None)

    def part(self, rows: slice, columns: slice = slice(None)) -> "Planes":
        """Of some rows and columns: what is written there is written here."""
        return Planes(self.colours[rows, columns], None if self.fourth is None else self.fourth[rows, columns])

    def fill(self, samples: NDArray[Any]) -> None:
        """With samples (bands, height, width)."""
        self.colours[:] = np.moveaxis(samples[:COLOURS], 0, 2)
        if self.fourth is not None:
            self.fourth[:] = samples[COLOURS]

    def at(self, row: int, column: int) -> list[int]:
        """The samples of a pixel, one a band."""
        return [*self.colours[row, column].tolist(), *([] if self.fourth is None else [int(self.fourth[row, column])])]


def quiet_gdal(*, beside: bool = False) -> rasterio.Env:
    """GDAL's settings while we read; files beside the image are none of its business, unless they are asked for.

    One decoding thread: tiles are decoded in parallel already; and errors raised in GDAL's own threads are lost to the
    caller (the output stays unwritten) and written to the terminal. No session: rasterio would make one of boto3's, 20
    ms each, wherever the environment holds AWS credentials, and fail where they are unusable.
    """
    pam, folder = ("YES", "FALSE") if beside else ("NO", "EMPTY_DIR")
    # What is read is read once: blocks of it need not be kept, which GDAL does in a twentieth of the machine's memory.
    options = {"GDAL_PAM_ENABLED": pam, "GDAL_DISABLE_READDIR_ON_OPEN": folder, "GDAL_CACHEMAX": CACHE_BYTES}
    return rasterio.Env(DummySession(), GDAL_NUM_THREADS="1", **options)


@contextmanager
def opened_header(header_file: bytes, sidecars: Mapping[str, bytes]) -> Iterator[DatasetReader]:
    """The header file open in GDAL, with its sidecars beside it, in memory.

    All get plain names, because names of real files may hold anything.
    """
    folder = uuid4().hex
    with ExitStack() as files:
        for suffix, content in (*_seen_by_gdal(sidecars), (".jp2", header_file)):
            file = MemoryFile(content, dirname=folder, filename=f"tile{suffix}")
            files.callback(file.close)
        with quiet_gdal(beside=True), file.open(driver=DRIVER) as dataset:
            yield dataset


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
    world_files = (name for name in sidecars if is_world_file(name))
    return next((name for name in world_files if read_world_file(sidecars[name]) is None), None)


def read_coarse(
    path: Path, structure: Structure, width_px: int, height_px: int, components: Sequence[int] | None = None
) -> tuple[Planes, int]:
    """Pixels at the coarsest resolution of at least the size wanted, and its step 2^r.

    GDAL gets the bare codestream: damaged metadata cannot disturb it, nor files that lie beside the image. Components,
    counted from 0, are read in the order given; None for all as they are.

    Raises:
        UnreadableImage: Samples stay unwritten, a part decodes to one value that it does not have, or a codestream tile
            is too large to be decoded whole where it must be.
    """
    with quiet_gdal():
        with _opened(path, structure) as dataset:
            steps = resolution_steps(dataset)
        step = coarsest_step(steps, structure.size, width_px, height_px, [structure.size.origin])
        bands = [component + 1 for component in components or range(len(structure.size.depths))]
        with _opened(path, structure, step) if step > 1 else _opened_full(path, structure) as dataset:
            pixels = Planes.of_size(dataset.height, dataset.width, len(bands))
            flat = read_strips(dataset, bands, pixels, path.name)
        if flat and steps[-1] > step:
            with _opened(path, structure, steps[-1]) as dataset:
                _check_flat_strips(flat, pixels, step, dataset.read(bands), steps[-1], path.name)
        return pixels, step


def coarsest_step(
    steps: Iterable[int], size: ImageSize, width_px: int, height_px: int, origins: Iterable[tuple[int, int]]
) -> int:
    """The coarsest step at which an image has at least so many pixels, with a sample at each of some positions.

    A coarse level's samples are at multiples of the step from the reference grid's origin, not the image's.
    """
    places = set(chain.from_iterable(origins))
    return max(
        step
        for step in steps
        if math.ceil(size.width_px / step) >= width_px
        and math.ceil(size.height_px / step) >= height_px
        and not any(at % step for at in places)
    )


def read_window(path: Path, structure: Structure, window: Window, components: Sequence[int]) -> Planes:
    """Pixels of a window at full resolution, which may be cut at the image's border.

    Raises:
        UnreadableImage: A codestream tile is too large to be decoded whole where it must be.
    """
    with quiet_gdal(), _opened_full(path, structure) as dataset:
        bands = [component + 1 for component in components]
        pixels = Planes.of_size(window.height, window.width, len(bands))
        pixels.fill(dataset.read(bands, window=window))
        return pixels


@contextmanager
def _opened(path: Path, structure: Structure, step: int = 1) -> Iterator[DatasetReader]:
    """The bare codestream open in GDAL, at a resolution that it has.

    OpenJPEG takes a codestream without end marker for one that is too short: such a one is completed, in memory.
    """
    if not structure.has_end_marker:
        with opened_in_memory(_codestream(path, structure), step) as dataset:
            yield dataset
        return
    length = structure.codestream_end - structure.codestream_start
    codestream = f"/vsisubfile/{structure.codestream_start}_{length},{path}"
    with rasterio.open(codestream, driver=DRIVER, **_overview(step)) as dataset:
        yield dataset


def _codestream(path: Path, structure: Structure) -> bytes:
    """The codestream, with an end marker."""
    with path.open("rb") as file:
        file.seek(structure.codestream_start)
        codestream = file.read(structure.codestream_end - structure.codestream_start)
    return codestream if structure.has_end_marker else codestream + CODESTREAM_END


@contextmanager
def opened_in_memory(codestream: bytes, step: int = 1) -> Iterator[DatasetReader]:
    """A codestream open in GDAL, at a resolution that it has."""
    with MemoryFile(codestream, ext=".j2k") as file, file.open(driver=DRIVER, **_overview(step)) as dataset:
        yield dataset


def _overview(step: int) -> dict[str, int]:
    """GDAL's option: its overview 0 is of half the resolution."""
    return {} if step == 1 else {"overview_level": step.bit_length() - 2}


@contextmanager
def _opened_full(path: Path, structure: Structure) -> Iterator[DatasetReader]:
    """The codestream open in GDAL at full resolution.

    GDAL (3.10) reads a large image of one codestream tile in windows, and OpenJPEG (2.5.3) decodes these to 128
    throughout where blocks are coded as HTJ2K. Where the tile is a column wider than the image, which says the same of
    an image of one tile, GDAL reads the tile whole, as it does with several tiles and at reduced resolutions.
    """
    if structure.high_throughput:
        check_whole_tile(structure, path.name)
    if not structure.high_throughput or structure.size.tiles > 1:
        with _opened(path, structure) as dataset:
            yield dataset
        return
    size = structure.size
    codestream = with_wider_tile(_codestream(path, structure), (size.width_px, size.height_px), size.origin)
    with opened_in_memory(codestream) as dataset:
        yield dataset


def check_whole_tile(structure: Structure, name: str) -> None:
    """Refuse codestream tiles, coded as HTJ2K, that take too much memory to be decoded whole, with TooLarge."""
    width, height = structure.size.tile_px
    if width * height * len(structure.size.depths) > MAX_WHOLE_TILE_SAMPLES:
        raise TooLarge(
            f"{name}: its codestream tiles of {width} x {height} px, coded as HTJ2K (JPEG2000 part 15), are too large "
            "to be decoded whole. Run with a `width` of at most half the image's, or export it with tiles of 1024 px"
        )


def read_strips(dataset: DatasetReader, bands: Sequence[int], pixels: Planes, name: str) -> list[tuple[int, int]]:
    """Read all pixels, a row of blocks at a time; the strips (first row, row behind) that are one value in all bands.

    The wide buffer that shows unwritten samples stays small that way.
    """
    (rows, columns), flat = dataset.block_shapes[0], []
    for top in range(0, dataset.height, rows):
        height = min(rows, dataset.height - top)
        is_flat, first = True, None
        for left in range(0, dataset.width, columns):
            width = min(columns, dataset.width - left)
            block = np.full((len(bands), height, width), UNWRITTEN, np.int16)
            dataset.read(bands, out=block, window=Window(left, top, width, height))
            if (block == UNWRITTEN).any():
                raise UnreadableImage(f"{name}: damaged: rows {top} to {top + height} cannot be decoded. Copy it again")
            first = block[:, :1, :1] if first is None else first
            is_flat = is_flat and bool((block[:, 0] == first[:, 0]).all() and (block == first).all())
            pixels.part(slice(top, top + height), slice(left, left + width)).fill(block)
        if is_flat:
            flat.append((top, top + height))
    return flat


def _check_flat_strips(
    strips: Sequence[tuple[int, int]],
    pixels: Planes,
    step: int,
    coarsest: UInt8Array,
    coarsest_step: int,
    name: str,
) -> None:
    """What is one value at this resolution is that value at the coarsest too, or it was not decoded.

    Rows whose wavelets reach beyond their strip are left out, but for those at the image's border.
    """
    factor = coarsest_step // step
    for top, bottom in strips:
        first = 0 if top == 0 else math.ceil(top / factor) + WAVELET_REACH
        behind = coarsest.shape[1] if bottom == len(pixels.colours) else bottom // factor - WAVELET_REACH
        rows = coarsest[:, first:behind].astype(np.int16)
        if rows.size and (abs(rows - np.array(pixels.at(top, 0))[:, None, None]) > FLAT_TOLERANCE).any():
            raise UnreadableImage(
                f"{name}: cannot be decoded: rows {top * step} to {bottom * step} come out as one value, which they "
                "have at no coarser resolution. Export it again as JPEG2000 part 1"
            )


def resolution_steps(dataset: DatasetReader) -> list[int]:
    """1, 2, 4, …: by how much each resolution is coarser. GDAL tells ratios of widths, which are rounded."""
    return [1 << level for level in range(1 + len(dataset.overviews(1)))]


def reason(error: BaseException) -> str:
    """What GDAL said last, on one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split()) or type(error).__name__
