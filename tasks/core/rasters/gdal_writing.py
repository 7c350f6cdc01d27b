"""GDAL at work on rasters: with little memory, in one thread, and its failures in our own words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio

# Private: rasterio.shutil.copy raises GDAL's errors as they are. Tried on rasterio 1.4.4.
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.session import DummySession

from tasks.core.disk_space import room_remedy
from tasks.core.errors import FinalError, StorageFull
from tasks.core.formats.vector_files import FULL_WORDS

BLOCK_PX = 512
CACHE_BYTES = 64 << 20  # of blocks that GDAL keeps; by itself it takes a twentieth of the machine's memory
# All that libtiff says of a full disk, also where the files that GDAL's driver makes on the way cannot be read back.
TIFF_FULL_WORDS = ("write error", "seek error", "io error", "writeencodedtile", "tiffread")


@contextmanager
def gdal() -> Iterator[None]:
    """GDAL's settings while rasters are made. No session: rasterio would make one of boto3's."""
    with rasterio.Env(DummySession(), GDAL_CACHEMAX=CACHE_BYTES, GDAL_NUM_THREADS="1", GDAL_PAM_ENABLED="NO"):
        yield


@contextmanager
def in_our_words(path: Path) -> Iterator[None]:
    """What GDAL raises while it writes a file.

    Raises:
        StorageFull: No space left.
        FinalError: Something else.
    """
    try:
        yield
    except (RasterioError, CPLE_BaseError, OSError) as error:
        found = " ".join(f"{error} {error.__cause__ or ''}".split())
        if any(word in found.lower() for word in (*FULL_WORDS, *TIFF_FULL_WORDS)):
            raise StorageFull(f"{path}: no space left ({found}). {room_remedy(path)}") from error
        raise FinalError(f"{path}: cannot be written ({found}). Check the folder") from error
