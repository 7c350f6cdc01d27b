"""Cloud Optimized GeoTIFF by GDAL's own driver: https://gdal.org/drivers/raster/cog.html.

The same pixels, time and texts give the same bytes.
"""

from pathlib import Path

import rasterio
import rasterio.shutil
from rasterio.errors import RasterioError
from rasterio.windows import Window

from tasks.core.formats.vector_files import incomplete
from tasks.core.rasters.class_names import write_class_names
from tasks.core.rasters.gdal_writing import BLOCK_PX, in_our_words
from tasks.core.rasters.raster_kinds import RasterKind

OPTIONS = {"BLOCKSIZE": str(BLOCK_PX), "BIGTIFF": "IF_SAFER", "STATISTICS": "NO", "NUM_THREADS": "1"}


def write_cog(scratch: Path, path: Path, kind: RasterKind) -> None:
    """Make the file of a raster that was filled, and beside it the names of its classes, if it has any.

    Raises:
        StorageFull: No space left.
        FinalError: GDAL could not write it.
    """
    with in_our_words(path):
        rasterio.shutil.copy(scratch, path, driver="COG", **OPTIONS, **kind.options)
        _check_end(path)
    if kind.classes:
        write_class_names(path, kind)


def _check_end(path: Path) -> None:
    """Read the last block, with its mask: where the disk is full at the very end, GDAL raises nothing."""
    try:
        with rasterio.open(path) as raster:
            row, column = ((size - 1) // BLOCK_PX * BLOCK_PX for size in raster.shape)
            raster.read(window=Window(column, row, raster.width - column, raster.height - row), masked=True)
    except RasterioError as error:
        raise incomplete(path) from error
