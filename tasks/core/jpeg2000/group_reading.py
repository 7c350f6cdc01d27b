"""GDAL at work on images of many codestream tiles, or of an unusual tile grid: a group of tiles at a time."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from rasterio.io import DatasetReader
from rasterio.windows import Window

from tasks.core.jpeg2000.gdal_reading import (
    Planes,
    check_whole_tile,
    coarsest_step,
    opened_in_memory,
    quiet_gdal,
    read_strips,
    resolution_steps,
)
from tasks.core.jpeg2000.structure import Structure, check_tile_parts, with_wider_tile
from tasks.core.jpeg2000.tile_groups import TileGroup, group_codestream, main_header_of_groups, tile_groups
from tasks.core.jpeg2000.tile_parts import TilePart


def read_coarse_by_groups(
    path: Path, structure: Structure, width_px: int, height_px: int, components: Sequence[int]
) -> tuple[Planes, int]:
    """Pixels at the coarsest resolution of at least the size wanted, and its step 2^r.

    Arguments and errors are those of `gdal_reading.read_coarse`.
    """
    size = structure.size
    with _grouped(path, structure) as image:
        step = image.coarsest_step(width_px, height_px)
        rows_px, columns_px = math.ceil(size.height_px / step), math.ceil(size.width_px / step)
        pixels = Planes.of_size(rows_px, columns_px, len(components))
        for group in image.groups:
            rows, columns = _place(group, structure, step)
            with image.opened(group, step) as dataset:
                read_strips(dataset, [at + 1 for at in components], pixels.part(rows, columns), path.name)
    return pixels, step


def read_window_by_groups(path: Path, structure: Structure, window: Window, components: Sequence[int]) -> Planes:
    """Pixels of a window at full resolution; as `gdal_reading.read_window`."""
    top, left = window.row_off, window.col_off
    pixels = Planes.of_size(window.height, window.width, len(components))
    with _grouped(path, structure) as image:
        for group in image.groups:
            rows, columns = _place(group, structure)
            first, behind = max(rows.start, top), min(rows.stop, top + window.height)
            start, end = max(columns.start, left), min(columns.stop, left + window.width)
            if first >= behind or start >= end:
                continue
            part = Window(start - columns.start, first - rows.start, end - start, behind - first)
            with image.opened(group) as dataset:
                samples = dataset.read([at + 1 for at in components], window=part)
            pixels.part(slice(first - top, behind - top), slice(start - left, end - left)).fill(samples)
    return pixels


class _Grouped(NamedTuple):
    """An image whose groups of codestream tiles, row by row, can be opened: they share a main header."""

    file: BinaryIO
    structure: Structure
    main_header: bytes
    parts: dict[int, list[TilePart]]
    groups: tuple[TileGroup, ...]

    @contextmanager
    def opened(self, group: TileGroup, step: int = 1) -> Iterator[DatasetReader]:
        """A group open in GDAL, at a resolution that it has."""
        codestream = self._codestream(group)
        if self.structure.high_throughput and step == 1:  # as in `gdal_reading`
            check_whole_tile(self.structure, Path(self.file.name).name)
            if len(group.tiles) == 1:
                codestream = with_wider_tile(codestream, group.size_px, group.origin)
        with opened_in_memory(codestream, step) as dataset:
            yield dataset

    def coarsest_step(self, width_px: int, height_px: int) -> int:
        """The coarsest of at least this size that every group has, with a sample at its first pixel."""
        kinds = {(group.size_px, group.tile_px): group for group in self.groups}
        common = set.intersection(*map(self._steps, kinds.values()))
        return coarsest_step(common, self.structure.size, width_px, height_px, (group.origin for group in self.groups))

    def _steps(self, group: TileGroup) -> set[int]:
        with opened_in_memory(self._codestream(group)) as dataset:
            return set(resolution_steps(dataset))

    def _codestream(self, group: TileGroup) -> bytes:
        return group_codestream(partial(read_at, self.file), self.main_header, self.parts, group)


@contextmanager
def _grouped(path: Path, structure: Structure) -> Iterator[_Grouped]:
    parts: dict[int, list[TilePart]] = defaultdict(list)
    with path.open("rb") as file, quiet_gdal():
        read_range = partial(read_at, file)
        for part in check_tile_parts(read_range, structure, path.name).parts:
            parts[part.tile].append(part)
        main_header = main_header_of_groups(read_range, structure)
        yield _Grouped(file, structure, main_header, parts, tuple(tile_groups(structure.size)))


def _place(group: TileGroup, structure: Structure, step: int = 1) -> tuple[slice, slice]:
    """Rows and columns of the image at a resolution that a group covers."""
    left, top = (at // step for at in structure.size.origin)
    rows = slice(group.rows[0] // step - top, math.ceil(group.rows[-1] / step) - top)
    return rows, slice(group.columns[0] // step - left, math.ceil(group.columns[-1] / step) - left)


def read_at(file: BinaryIO, start: int, length: int) -> bytes:
    """Bytes of an open file."""
    file.seek(start)
    return file.read(length)
