"""Rasters on disk while they are filled: TIFFs without compression, of which each window can be written again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import numpy as np
import rasterio
import rasterio.windows
from rasterio.io import DatasetWriter

from tasks.core.arrays import UInt8Array
from tasks.core.formats.vector_files import incomplete
from tasks.core.geo.grid import Grid
from tasks.core.rasters.gdal_writing import BLOCK_PX, in_our_words
from tasks.core.rasters.merging import OPAQUE
from tasks.core.rasters.placing import Window
from tasks.core.rasters.raster_kinds import RasterKind

# Ground that no tile shows takes no room.
OPTIONS = {
    "driver": "GTiff",
    "dtype": "uint8",
    "tiled": True,
    "blockxsize": BLOCK_PX,
    "blockysize": BLOCK_PX,
    "interleave": "pixel",
    "sparse_ok": True,
    "bigtiff": "IF_SAFER",
}


class Canvas:
    """A raster that is filled: no data at first, in a mosaic transparent."""

    def __init__(self, raster: DatasetWriter) -> None:
        self._raster = raster
        self._empty = 0 if raster.nodata is None else raster.nodata
        self._filled: set[tuple[int, int]] = set()  # row and column of blocks

    def read(self, window: Window) -> UInt8Array:
        """(bands, height, width); those of a mosaic are four, the last of them 255 where it shows something."""
        return np.asarray(self._raster.read(window=_as_rasterio(window)), np.uint8)

    def write(self, window: Window, values: UInt8Array) -> None:
        """Put back what ``read`` gave."""
        self._raster.write(values, window=_as_rasterio(window))
        for row, column in product(range(0, window.height_px, BLOCK_PX), range(0, window.width_px, BLOCK_PX)):
            # Of no data alone GDAL makes no block.
            if (values[:, row : row + BLOCK_PX, column : column + BLOCK_PX] != self._empty).any():
                self._filled.add(((window.row + row) // BLOCK_PX, (window.column + column) // BLOCK_PX))

    def is_in(self, path: Path) -> bool:
        """Whether all that was written is in the file, which is closed: a failure to write the last blocks is silent.

        Blocks that did not fit are said to lie beyond the file's end, or where another one lies.
        """
        with rasterio.open(path) as raster:
            names = [f"BLOCK_OFFSET_{column}_{row}" for row, column in self._filled]
            starts = [int(raster.get_tag_item(name, "TIFF", bidx=1) or 0) for name in names]
            end = path.stat().st_size - BLOCK_PX * BLOCK_PX * raster.count
        return len(set(starts)) == len(starts) and all(0 < start <= end for start in starts)


@dataclass(frozen=True, slots=True)
class Scratch:
    """Where the rasters of a CRS are filled.

    Attributes:
        folder: On this machine; for that time alone.
        grid: Of all of them, north up.
        made: Of the run, UTC.
        rights: Licence and attribution; empty where none are stated.
    """

    folder: Path
    grid: Grid
    made: datetime
    rights: str = ""

    def path(self, kind: RasterKind) -> Path:
        """Of the raster while it is filled."""
        return self.folder / f"{kind.base}.tif"

    @contextmanager
    def canvas(self, kind: RasterKind) -> Iterator[Canvas]:
        """A new raster; it is whole when the block has ended.

        Raises:
            StorageFull: No space left.
            FinalError: GDAL could not write it.
        """
        is_masked = kind.no_data is None
        size = {"width": self.grid.width_px, "height": self.grid.height_px, "count": len(kind.bands) + is_masked}
        place = {"crs": self.grid.crs, "transform": rasterio.Affine(*self.grid.transform)}
        bands = {"photometric": "RGB", "alpha": "YES"} if is_masked else {"nodata": kind.no_data}
        path = self.path(kind)
        with in_our_words(path):
            with rasterio.open(path, "w+", **OPTIONS, **size, **place, **bands) as raster:
                raster.update_tags(**self._tags(kind))
                _describe(raster, kind)
                filled = Canvas(raster)
                yield filled
            if not filled.is_in(path):
                raise incomplete(path)

    def _tags(self, kind: RasterKind) -> dict[str, str]:
        """What the TIFF says of itself in tags of its own, its time in UTC."""
        time = self.made.astimezone(UTC).strftime("%Y:%m:%d %H:%M:%S")
        tags = {"AREA_OR_POINT": "Area", "TIFFTAG_IMAGEDESCRIPTION": kind.description, "TIFFTAG_DATETIME": time}
        return tags | ({"TIFFTAG_COPYRIGHT": self.rights} if self.rights else {})


def _describe(raster: DatasetWriter, kind: RasterKind) -> None:
    for number, name in enumerate(kind.bands, 1):
        raster.set_band_description(number, name)
    if kind.unit:
        raster.units = (kind.unit,)
    if kind.classes:
        raster.write_colormap(1, {value: (*colour, OPAQUE) for value, colour in kind.colours.items()})


def _as_rasterio(window: Window) -> rasterio.windows.Window:
    return rasterio.windows.Window(window.column, window.row, window.width_px, window.height_px)
