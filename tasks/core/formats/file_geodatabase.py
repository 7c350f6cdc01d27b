"""The product as Esri File Geodatabase, for ArcGIS Pro 3.2 and later: all layers and tables in one folder.

Older programs know no integers of 64 bits there, and would be given reals. Coordinates are whole multiples of a step,
that to which they are kept anyway (0.1 mm). A layer has one kind of geometry: what is mixed is written as a
layer a kind, such as ``exposure_lines``. Polygons come back as multipolygons. Each writing gives new random
identifiers (in the tables ``GDB_Items`` and ``GDB_ItemRelationships``), all else is the same.

Source: GDAL's manual of the driver OpenFileGDB; Esri, "The properties of a spatial reference" (resolution, tolerance).
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyogrio
import shapely

from tasks.core.arrays import IntArray, ObjectArray
from tasks.core.errors import FinalError
from tasks.core.formats.format import Format
from tasks.core.formats.layer_about import about
from tasks.core.formats.vector_files import gdal_options, incomplete, write_vector
from tasks.core.geo.crs import is_geographic
from tasks.core.geo.precision import step
from tasks.core.product.layer import Layer

GEODATABASE = "flood_extent.gdb"
# So far from what anybody maps, and so near that a double tells steps apart, in either unit.
ORIGIN, ORIGIN_DEGREES = -100_000_000, -400
TOLERANCE_STEPS = 10
KINDS = (
    ("polygons", "MultiPolygon", ("Polygon", "MultiPolygon")),
    ("lines", "MultiLineString", ("LineString", "LinearRing", "MultiLineString")),
    ("points", "MultiPoint", ("Point", "MultiPoint")),
)
UNSPECIFIED = "Unspecified OGR / GDAL error"  # what GDAL says of a full disk here
MIXED = ("Unknown", "GeometryCollection")


def write(layers: Sequence[Layer], folder: Path, made: datetime) -> tuple[str, ...]:
    """Write ``flood_extent.gdb/``; a warning for each layer with features of no kind that it can hold."""
    path = folder / GEODATABASE
    shutil.rmtree(path, ignore_errors=True)
    parts = [part for layer in layers for part in _by_kind(layer)]
    with gdal_options({"OGR_CURRENT_DATE": made.astimezone(UTC).isoformat()}):
        for number, layer in enumerate(parts):
            _write(layer, path, append=number > 0)
    # Together, for GDAL changes names that Esri's rules forbid.
    there = (pyogrio.read_info(path, layer=name, force_feature_count=True) for name, _ in pyogrio.list_layers(path))
    if parts and sum(one["features"] for one in there) != sum(map(len, parts)):
        raise incomplete(path)
    return tuple(_warning(layer) for layer in layers if _unfit(layer))


def _write(layer: Layer, path: Path, *, append: bool) -> None:
    try:
        write_vector(layer, path, driver="OpenFileGDB", append=append, layer_options=_options(layer))
    except FinalError as error:
        if UNSPECIFIED in str(error):
            raise incomplete(path) from error
        raise


def _by_kind(layer: Layer) -> Iterator[Layer]:
    """The layer itself, or where it is mixed one for each kind of geometry that it has; none at all is a polygon's."""
    if layer.geometry_type not in MIXED:
        yield layer
        return
    kinds = _kinds(layer)
    for number in sorted({*kinds[kinds < len(KINDS)].tolist()} or {0}):
        name, geometry_type, _ = KINDS[number]
        chosen = kinds == number
        geometries = layer.geometries[chosen]
        yield replace(
            layer,
            geometry_type=geometry_type,
            geometries=_multipoints(geometries) if geometry_type == "MultiPoint" else geometries,
            columns={column: values[chosen] for column, values in layer.columns.items()},
            suffix=f"{layer.suffix}_{name}",
        )


def _kinds(layer: Layer) -> IntArray:
    """Number in ``KINDS`` of each feature; their number for one that is of none."""
    kind_of = {None: 0} | {name: number for number, (_, _, names) in enumerate(KINDS) for name in names}
    types = [None if geometry is None else geometry.geom_type for geometry in layer.geometries]
    return np.array([kind_of.get(one, len(KINDS)) for one in types], np.int64)


def _multipoints(points: ObjectArray) -> ObjectArray:
    parts, point_of = shapely.get_parts(points, return_index=True)
    return np.asarray(shapely.multipoints(parts, indices=point_of), np.object_)


def _unfit(layer: Layer) -> int:
    return int((_kinds(layer) == len(KINDS)).sum()) if layer.geometry_type in MIXED else 0


def _warning(layer: Layer) -> str:
    return (
        f"{_unfit(layer):,} features of the layer {layer.name} are not in {GEODATABASE}: they are collections of "
        f"geometries of several kinds, which it cannot hold. Use the layer {layer.name} of flood_extent.gpkg"
    )


def _options(layer: Layer) -> dict[str, str]:
    alias = {"TARGET_ARCGIS_VERSION": "ARCGIS_PRO_3_2_OR_LATER", "LAYER_ALIAS": about(layer).title}
    if layer.is_table or layer.crs is None:
        return alias
    size, origin = step(layer.crs), ORIGIN_DEGREES if is_geographic(layer.crs) else ORIGIN
    grid = {"XORIGIN": origin, "YORIGIN": origin, "XYSCALE": round(1 / size), "XYTOLERANCE": TOLERANCE_STEPS * size}
    return alias | {name: str(value) for name, value in grid.items()}


def _main_files(files: Sequence[str]) -> list[tuple[str, str]]:
    there = any(name.startswith(f"{GEODATABASE}/") for name in files)
    return [(f"{GEODATABASE}/", "all layers and tables, for ArcGIS Pro 3.2 and later")] if there else []


FORMAT = Format(write, _main_files)
