"""A layer as shapefile, without what the format would cut: fields that would lose something, files beyond 2 GB.

Source: ESRI Shapefile Technical Description (1998); limits as in GDAL's manual of the driver.
"""

import struct
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path, PurePosixPath

import shapely

from tasks.core.arrays import ObjectArray
from tasks.core.formats.shapefile_fields import field_names, loss, row_bytes
from tasks.core.formats.vector_files import incomplete, write_vector
from tasks.core.product.layer import Layer
from tasks.core.tiles.file_names import distinct_paths

LIMIT_BYTES = 2**31 - 1
# A file name of 255 bytes, less the longest ending that shapefiles have.
STEM_BYTES = 240
ENDINGS = (".shp", ".shx", ".dbf", ".prj", ".cpg")

HEADER_BYTES = 100
RECORD_BYTES = 8 + 4 + 32 + 4 + 4  # record header, shape type, box, number of parts, number of points
NULL_RECORD_BYTES = 8 + 4
PART_BYTES = 4
POINT_BYTES = 16


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a shapefile would not hold as it is, and so does not hold at all.

    Attributes:
        file: Name of the ``.shp``.
        layer: That has it, of the GeoPackage.
        reason: Without a full stop.
        field: Name of the column; None where the whole file was not written.
    """

    file: str
    layer: str
    reason: str
    field: str | None = None

    @property
    def remedy(self) -> str:
        """Where it is to be found."""
        return f"Use the layer {self.layer} of flood_extent.gpkg"

    @property
    def warning(self) -> str:
        """For a person."""
        what = "is not written" if self.field is None else f"has no field {self.field}"
        return f"{self.file} {what}: {self.reason}. {self.remedy}"


def write_shapefile(
    layer: Layer, path: Path, *, limit_bytes: int = LIMIT_BYTES, made: date | None = None
) -> tuple[LeftOut, ...]:
    """Write ``path`` with its ``.shx``, ``.dbf``, ``.cpg`` and, where the CRS is known, ``.prj``.

    Outer rings run clockwise, as the format demands (GDAL turns them). What the table would not hold as it is, is
    refused before writing (``shapefile_fields.loss``).

    Args:
        layer: What to write, of polygons; no feature gives an empty shapefile with its fields.
        path: Ends in ``.shp``; its folder is made.
        limit_bytes: Largest ``.shp`` or ``.dbf``; the format's offsets end at 2 GB.
        made: The date that the ``.dbf`` carries; today where None.

    Returns:
        What was left out: nothing, fields, or the whole file.

    Raises:
        ValueError: Two fields would have one name, or a name is too long and is not mapped.
        StorageFull: No space left.
        FinalError: GDAL could not write it.
    """
    losses = {name: reason for name, values in layer.columns.items() if (reason := loss(values)) is not None}
    kept = _without(layer, losses)
    shape_bytes = shp_bytes(layer.geometries)
    size_bytes = max(shape_bytes, _dbf_bytes(kept))
    if size_bytes > limit_bytes:
        reason = f"it would take {size_bytes:,} bytes, and a shapefile ends at {limit_bytes:,}"
        return (LeftOut(path.name, layer.name, reason),)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Under a plain name first: GDAL reads more into names (archives, addresses) than a tile's id means.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".", suffix=".partial") as scratch:
        plain = Path(scratch) / "layer.shp"
        dated = {} if made is None else {"DBF_DATE_LAST_UPDATE": made.isoformat()}
        write_vector(kept, plain, driver="ESRI Shapefile", layer_options=dated)
        _check_complete(plain, len(layer), shape_bytes, path)
        for part in sorted(plain.parent.iterdir()):
            part.replace(path.with_name(path.name.removesuffix(".shp") + part.suffix))
    return tuple(LeftOut(path.name, layer.name, reason, name) for name, reason in losses.items())


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
    return 32 + 32 * len(layer.columns) + 2 + len(layer) * row_bytes(layer)


def _without(layer: Layer, lost: dict[str, str]) -> Layer:
    """The layer as the shapefile has it: fields that lose nothing, under their short names."""
    names = field_names(layer)
    columns = {names[name]: values for name, values in layer.columns.items() if name not in lost}
    return replace(layer, columns=columns)


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
