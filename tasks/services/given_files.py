"""Vector files that people give, wherever they lie: the areas of a run, and what a product is compared with."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import shapely

from tasks.core.arrays import ObjectArray
from tasks.core.errors import UnusableArgument
from tasks.core.formats.sqlite_copies import lockable
from tasks.core.formats.vector_files import gdal_options
from tasks.core.geo.crs import unknown_datum
from tasks.core.given_areas.given_areas import GivenArea, GivenAreas
from tasks.core.joining.uniting import as_multipolygons
from tasks.core.redaction import redact
from tasks.core.scoring.score_files import ONLY_READ, Polygons, read_polygons
from tasks.services import storage
from tasks.services.storage.storage_errors import translated
from tasks.services.temp_folders import temp_folder

SHAPEFILE = ".shp"
REASON_FIELDS = ("reason", "name")


class GivenFiles(NamedTuple):
    """Where the areas of a run are: a path or ``s3://`` URI each, None where there is none.

    Attributes:
        normal_water: Permanent water, or that before the flood.
        exclude: Ground on which nothing may be called flood.
        area_of_interest: What the product is clipped to.
        normal_water_tolerance_m: As in ``GivenAreas``.
    """

    normal_water: str | None = None
    exclude: str | None = None
    area_of_interest: str | None = None
    normal_water_tolerance_m: float | None = None


def read_given_areas(files: GivenFiles) -> GivenAreas:
    """Read the areas of a run, before it begins.

    Raises:
        UnusableArgument: A file is none of polygons in a known CRS, or is not there.
        StorageUnavailable: S3 does not answer.
    """
    normal, excluded, area = (
        None if place is None else read_given_area(place, parameter)
        for parameter, place in zip(files._fields, files[:3], strict=False)
    )
    return GivenAreas(normal, excluded, area, files.normal_water_tolerance_m)


def read_given_area(place: str, parameter: str) -> GivenArea:
    """Read polygons of a vector file that GDAL reads: of its first layer of polygons.

    Args:
        place: Path or ``s3://`` URI of the file. Of a shapefile the parts beside it belong to it.
        parameter: As which it was given.

    Returns:
        Its polygons, made valid; reasons are in the field ``reason``, else ``name``, else the first field of text, else
        the name of the layer. Features that are no polygons, or have no area, are left out and counted.

    Raises:
        UnusableArgument: It cannot be read, has no polygons, no CRS, a CRS without a known datum, or coordinates that
            are no numbers.
        StorageUnavailable: S3 does not answer.
    """
    uri = storage.resolve(place)
    with vector_at_hand(uri) as path, gdal_options(ONLY_READ), lockable(path) as copy, called(str(path), copy):
        found = read_polygons(copy, fields=True)
        content_hash = _content_hash(path)
    _check(found, uri, parameter)
    broken = ~shapely.is_valid(found.geometries) & ~shapely.is_missing(found.geometries)
    mended = found.geometries.copy()
    mended[broken] = shapely.make_valid(mended[broken], method="structure", keep_collapsed=False)
    polygons, owner = shapely.get_parts(as_multipolygons(mended), return_index=True)
    if not len(polygons):
        raise UnusableArgument(f"{uri}: its layer {found.layer} has no polygons. Give `{parameter}` as polygons")
    left_out = len(mended) - len(np.unique(owner))
    return GivenArea(parameter, str(redact(uri)), content_hash, polygons, found.crs, _reasons(found)[owner], left_out)


def _check(found: Polygons, uri: str, parameter: str) -> None:
    """Refuse what cannot be placed, and what has no area."""
    datum = unknown_datum(found.crs)
    if datum is not None:
        raise UnusableArgument(f"{uri}: the datum of its CRS is unknown ({datum}). Assign the CRS that it is in")
    if not len(found.geometries):
        raise UnusableArgument(f"{uri}: its layer {found.layer} is empty. Give `{parameter}` as polygons")
    if not np.isfinite(shapely.get_coordinates(found.geometries)).all():
        raise UnusableArgument(f"{uri}: some coordinates are no numbers. Mend the file with a GIS")


def _reasons(found: Polygons) -> ObjectArray:
    """Why each feature is excluded, as its file has it."""
    texts = [name for name, values in found.columns.items() if values.dtype.kind == "O"]
    by_name = {name.lower(): name for name in reversed(texts)}
    field = next((by_name[name] for name in REASON_FIELDS if name in by_name), texts[0] if texts else None)
    values = [None] * len(found.geometries) if field is None else found.columns[field].tolist()
    reasons = np.empty(len(values), np.object_)
    reasons[:] = [found.layer if value is None or not str(value).strip() else str(value).strip() for value in values]
    return reasons


def _content_hash(path: Path) -> str:
    """SHA-256 of a file; of the parts of a shapefile and of the files of a folder, of all of them by name."""
    files = [path]
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.is_file())
    elif path.suffix.lower() == SHAPEFILE:
        files = sorted(one for one in path.parent.iterdir() if one.stem == path.stem and one.is_file())
    digest = hashlib.sha256()
    for one in files:
        with translated(str(one), "read"):
            digest.update(one.read_bytes())
    return digest.hexdigest()


@contextmanager
def vector_at_hand(uri: str) -> Iterator[Path]:
    """A vector file as a local one; of one in S3, with what belongs to it, such as the other parts of a shapefile.

    Raises:
        UnusableArgument: It is not there; and what the block raises, said of the file in S3 instead of its copy.
        StorageUnavailable: S3 does not answer.
    """
    if not storage.is_s3(uri):
        yield Path(uri)
        return
    parts = [one.uri for one in storage.siblings(uri) if Path(one.uri).stem == Path(uri).stem]
    if uri not in parts:
        raise UnusableArgument(f"{uri}: does not exist. Check the name")
    with temp_folder("given") as folder:
        place = folder / storage.name(storage.parent(uri))
        for part in parts:
            storage.fetch(part, place / storage.name(part))
        with called(uri, place / storage.name(uri)):
            yield place / storage.name(uri)


@contextmanager
def called(uri: str, copy: Path) -> Iterator[None]:
    """What is wrong with a copy is said of what it is a copy of."""
    try:
        yield
    except UnusableArgument as error:
        raise UnusableArgument(str(error).replace(str(copy), uri)) from error
