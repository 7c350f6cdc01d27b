"""A layer through GDAL into a vector file, with GDAL's failures in our own words."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyogrio
import shapely
from pyogrio import errors, raw

from tasks.core.arrays import ObjectArray
from tasks.core.disk_space import room_remedy
from tasks.core.errors import FinalError, StorageFull
from tasks.core.formats.sqlite_copies import SQLITE_SUFFIXES, may_be_locked
from tasks.core.product.layer import Layer

GDAL_ERRORS = (errors.DataSourceError, errors.DataLayerError)  # the others derive from the second
# What GDAL, SQLite and the system say when the disk is full or a limit on file sizes is hit.
FULL_WORDS = (
    "no space",
    "disk is full",
    "disk i/o",
    "i/o failure",
    "file too large",
    "quota",
    "failed to write",
    "error in writing",
)

LOCAL_TMPDIR = "Set TMPDIR to a folder on a disk of this machine"
SHOWN = 120  # characters from each end of a long text


def write_vector(layer: Layer, path: Path, *, driver: str, **options: Any) -> None:
    """Write a layer, with its fields even where it has no feature.

    Args:
        layer: What to write. Geometries may be None; a CRS of None writes none.
        path: The file; without ``append`` a new one.
        driver: GDAL's name of the format.
        options: Passed to ``pyogrio.raw.write`` (``append``, ``layer_options``, ``dataset_metadata``).

    Raises:
        StorageFull: No space left.
        FinalError: GDAL could not write it.
    """
    with in_our_words(path), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        warnings.filterwarnings("ignore", "organizePolygons", RuntimeWarning)  # that it is slow; it is not
        raw.write(
            str(path),
            _wkb(layer),
            [encodable(values) for values in layer.columns.values()],
            list(layer.columns),
            field_mask=[np.ma.getmaskarray(values) for values in layer.columns.values()],
            layer=layer.name,
            driver=driver,
            geometry_type=layer.geometry_type,
            crs=layer.crs,
            encoding="UTF-8",
            **options,
        )


def _wkb(layer: Layer) -> ObjectArray | None:
    """The geometries as GDAL takes them; None of a table."""
    if layer.is_table:
        return None
    return np.asarray(shapely.to_wkb(layer.geometries) if len(layer) else np.empty(0), np.object_)


def encodable(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A column whose texts are valid: a file's name on Linux need not be, and GDAL takes nothing else."""
    if values.dtype.kind != "O":
        return values
    texts = [None if value is None else str(value).encode(errors="replace").decode() for value in values]
    return np.array(texts, dtype=object)


def incomplete(path: Path) -> FinalError:
    """The error for a file that is not what was written."""
    return StorageFull(f"{path}: came out incomplete, as on a full disk. {room_remedy(path)}")


@contextmanager
def in_our_words(path: Path) -> Iterator[None]:
    """Turn the failures of GDAL and of the system over a file that is being written into ours.

    Raises:
        StorageFull: No space left.
        FinalError: It cannot be written.
    """
    try:
        yield
    except (*GDAL_ERRORS, OSError) as error:
        if path.suffix in SQLITE_SUFFIXES and not may_be_locked(path):
            raise FinalError(f"{path}: this file system has no locks, which SQLite needs. {LOCAL_TMPDIR}") from error
        if any(word in str(error).lower() for word in FULL_WORDS):
            raise StorageFull(f"{path}: no space left ({_brief(error)}). {room_remedy(path)}") from error
        raise FinalError(f"{path}: cannot be written ({_brief(error)}). Check the folder") from error


def _brief(error: Exception) -> str:
    """GDAL's text without the middle of a long one, which is SQL: first stands what was tried, last why it failed."""
    text = " ".join(str(error).split())
    return text if len(text) <= 2 * SHOWN else f"{text[:SHOWN]} … {text[-SHOWN:]}"


@contextmanager
def gdal_options(options: Mapping[str, str]) -> Iterator[None]:
    """Set GDAL's configuration for the block and put back what was there (it is one for the whole process)."""
    before = {name: pyogrio.get_gdal_config_option(name) for name in options}
    pyogrio.set_gdal_config_options(dict(options))
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)
