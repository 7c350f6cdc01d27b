"""Shapefiles of a layer: the names, lengths and sizes that the format allows.

Source: ESRI Shapefile Technical Description (1998); limits as in GDAL's manual of the driver.
"""

import struct
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from tasks.core.arrays import ObjectArray
from tasks.core.formats.vector_files import incomplete, write_vector
from tasks.core.product.layer import Layer
from tasks.core.tiles.file_names import cut, distinct_paths

# Field names longer than dBASE's 10 characters, by their name in the GeoPackage.
SHORT_FIELDS: Mapping[str, str] = {"observed_elsewhere": "obs_else", "observed_m2": "obs_m2"}
FIELD_NAME_CHARACTERS = 10
TEXT_BYTES = 254
LIMIT_BYTES = 2**31 - 1
# A file name of 255 bytes, less the longest ending that shapefiles have.
STEM_BYTES = 240
ENDINGS = (".shp", ".shx", ".dbf", ".prj", ".cpg")

HEADER_BYTES = 100
RECORD_BYTES = 8 + 4 + 32 + 4 + 4  # record header, shape type, box, number of parts, number of points
NULL_RECORD_BYTES = 8 + 4
PART_BYTES = 4
POINT_BYTES = 16
NUMBER_BYTES = {"i": 18, "f": 24}
LEAST_TEXT_BYTES = 80


def write_shapefile(
    layer: Layer, path: Path, *, limit_bytes: int = LIMIT_BYTES, made: date | None = None
) -> str | None:
    """Write ``path`` with its ``.shx``, ``.dbf``, ``.cpg`` and, where the CRS is known, ``.prj``.

    Outer rings run clockwise, as the format demands (GDAL turns them). Text is cut to 254 bytes at a character's end.

    Args:
        layer: What to write; no feature gives an empty shapefile with its fields.
        path: Ends in ``.shp``; its folder is made.
        limit_bytes: Largest ``.shp`` or ``.dbf``; the format's offsets end at 2 GB.
        made: The date that the ``.dbf`` carries; today where None.

    Returns:
        None where it was written, else why not, for a person.

    Raises:
        StorageFull: No space left.
        FinalError: GDAL could not write it.
    """
    size_bytes = max(shp_bytes(layer.geometries), _dbf_bytes(layer))
    if size_bytes > limit_bytes:
        return (
            f"{path.name} is not written: it would take {size_bytes:,} bytes, and a shapefile ends at {limit_bytes:,}. "
            f"Use the layer {layer.name} of flood_extent.gpkg"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    # Under a plain name first: GDAL reads more into names (archives, addresses) than a tile's id means.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".", suffix=".partial") as scratch:
        plain = Path(scratch) / "layer.shp"
        dated = {} if made is None else {"DBF_DATE_LAST_UPDATE": made.isoformat()}
        write_vector(_short(layer), plain, driver="ESRI Shapefile", layer_options=dated)
        _check_complete(plain, len(layer), shp_bytes(layer.geometries), path)
        for part in sorted(plain.parent.iterdir()):
            part.replace(path.with_name(path.name.removesuffix(".shp") + part.suffix))
    return None


def tile_stems(ids: Sequence[str]) -> dict[str, str]:
    """Path of each tile's shapefile without ``.shp``: the id without extension; the whole id where two would collide.

    Case does not count when comparing: the product is also opened where file names ignore it. Safe on every system, and
    apart there (``file_names.distinct_paths``).
    """
    stems = {id_: str(PurePosixPath(id_).with_suffix("")) for id_ in ids}
    whole = {id_.casefold() for id_ in ids if PurePosixPath(id_).suffix}
    counts = Counter(stem.casefold() for stem in stems.values())
    taken = {stem for stem, count in counts.items() if count > 1 or stem in whole}
    wanted = {id_: id_ if stem.casefold() in taken else stem for id_, stem in stems.items()}
    return distinct_paths(wanted, ENDINGS, STEM_BYTES)


def shp_bytes(geometries: ObjectArray) -> int:
    """Exact size of the ``.shp`` that holds these polygons and multipolygons."""
    present = geometries[~shapely.is_missing(geometries) & ~shapely.is_empty(geometries)] if len(geometries) else ()
    missing = len(geometries) - len(present)
    points = int(shapely.get_num_coordinates(present).sum()) if len(present) else 0
    rings = len(shapely.get_rings(shapely.get_parts(present))) if len(present) else 0
    records = len(present) * RECORD_BYTES + missing * NULL_RECORD_BYTES
    return HEADER_BYTES + records + rings * PART_BYTES + points * POINT_BYTES


def _dbf_bytes(layer: Layer) -> int:
    widths = [_width(values) for values in layer.columns.values()]
    return 32 + 32 * len(widths) + 2 + len(layer) * (1 + sum(widths))


def _width(values: npt.NDArray[Any]) -> int:
    if values.dtype.kind in NUMBER_BYTES:
        return NUMBER_BYTES[values.dtype.kind]
    longest = max((len(str(value).encode(errors="replace")) for value in values), default=0)
    return min(TEXT_BYTES, max(longest, LEAST_TEXT_BYTES))


def _short(layer: Layer) -> Layer:
    columns = {_field_name(name): _cut_texts(values) for name, values in layer.columns.items()}
    return replace(layer, columns=columns)


def _field_name(name: str) -> str:
    short = SHORT_FIELDS.get(name, name)
    if len(short) > FIELD_NAME_CHARACTERS:
        raise ValueError(f"{name}: a shapefile's field name has at most {FIELD_NAME_CHARACTERS} characters: map it")
    return short


def _cut_texts(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if values.dtype.kind != "O":
        return values
    return np.array([None if value is None else cut(str(value), TEXT_BYTES) for value in values], dtype=object)


def _check_complete(path: Path, features: int, expected_bytes: int, final: Path) -> None:
    """GDAL does not report every failed write when it closes a file: look at what came of it."""
    head = path.with_suffix(".dbf").read_bytes()[:12]
    records, header_bytes, record_bytes = struct.unpack("<4xIHH", head) if len(head) == 12 else (-1, 0, 0)  # noqa: PLR2004
    dbf_bytes = header_bytes + records * record_bytes
    complete = (
        records == features
        and path.stat().st_size == expected_bytes
        and path.with_suffix(".dbf").stat().st_size >= dbf_bytes
    )
    if not complete:
        raise incomplete(final)
