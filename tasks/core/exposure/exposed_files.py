"""Vector files that somebody gave as exposure, as GDAL reads them: points, lines and polygons with their columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyogrio
import pyogrio.raw
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj.exceptions import CRSError
from shapely.errors import GEOSException
from shapely.geometry.base import BaseGeometry

from tasks.core.arrays import FloatArray, ObjectArray
from tasks.core.errors import UnusableArgument
from tasks.core.exposure.exposed import Exposed
from tasks.core.exposure.window import is_box, window_of
from tasks.core.formats.sqlite_copies import lockable
from tasks.core.formats.vector_files import gdal_options
from tasks.core.geo.crs import crs_name, unknown_datum
from tasks.core.geo.reprojection import is_ballpark
from tasks.core.product.layer import Column
from tasks.core.redaction import redact
from tasks.core.text import enumerated

# GDAL would leave an .aux.xml beside what it reads.
ONLY_READ = {"GDAL_PAM_ENABLED": "NO"}
MOST_FEATURES = 2_000_000  # of a layer, near the product: about 4 GB of memory
MOST_COLUMNS = 50
GDAL_ERRORS = (DataSourceError, DataLayerError, GEOSException, ValueError)  # the last of odd options and SQL
WHOLE_IN_FLOATS = 2**53  # from here on whole numbers lose digits where they come as real ones
LAYER, CLASS = "layername=", "class="
# What SQL calls the geometry: in files that are databases it is a column.
GEOMETRY, DATABASES = "OGR_GEOMETRY", ("GPKG", "SQLite")


@dataclass(frozen=True, slots=True)
class ExposurePlace:
    """What somebody gave: ``roads.gpkg``, ``town.gpkg|roads`` or ``town.gpkg|roads|class=surface``.

    Attributes:
        file: Path or URI.
        layer: Its name in the file; None for all of its layers.
        class_column: The column to break the summary down by; None for none.
    """

    file: str
    layer: str | None = None
    class_column: str | None = None


def exposure_place(value: str) -> ExposurePlace:
    """What a parameter means; of the layer also as QGIS writes it, ``town.gpkg|layername=roads``.

    Raises:
        UnusableArgument: It names more than a file, a layer and a column, or an empty one.
    """
    file, *rest = value.split("|")
    layers = [one.removeprefix(LAYER) for one in rest if not one.startswith(CLASS)]
    classes = [one.removeprefix(CLASS) for one in rest if one.startswith(CLASS)]
    if len(layers) > 1 or len(classes) > 1 or not all([file, *layers, *classes]):
        raise UnusableArgument(f"`exposure` {value!r}: give FILE, FILE|LAYER, or FILE|LAYER|class=COLUMN")
    return ExposurePlace(file, next(iter(layers), None), next(iter(classes), None))


def check_exposed(path: Path, place: ExposurePlace) -> None:
    """Refuse what ``read_exposed`` would refuse, without reading any feature."""
    with gdal_options(ONLY_READ), lockable(path) as file:
        for layer in _layers(file, place):
            _check_layer(file, layer, place)


def read_exposed(path: Path, place: ExposurePlace, product: Sequence[tuple[str, FloatArray]]) -> list[Exposed]:
    """Read the features near a product; of a state's buildings those of the town.

    Args:
        path: The file on this machine, or the folder that GDAL takes for one.
        place: What was given, for the layer, the column and for messages.
        product: Where it lies, as ``ground.bounds_of`` has it.

    Raises:
        UnusableArgument: It cannot be read, has no features, no geometries or no CRS, lacks the layer or column that is
            named, or has too many features there.
    """
    with gdal_options(ONLY_READ), lockable(path) as file:
        layers = _layers(file, place)
        return [_read(file, layer, place, product, several=len(layers) > 1) for layer in layers]


def _layers(file: Path, place: ExposurePlace) -> list[str]:
    """The layers to read: that with the name, or all that have geometries."""
    if not file.exists():
        raise UnusableArgument(f"{place.file}: does not exist. Check the name")
    try:
        known = [(str(name), kind) for name, kind in pyogrio.list_layers(file)]
    except GDAL_ERRORS as error:
        raise UnusableArgument(f"{place.file}: {_unreadable(str(error))}") from error
    spatial = [name for name, kind in known if kind is not None]
    if place.layer is not None and place.layer not in spatial:
        raise UnusableArgument(
            f"{place.file}: has no layer {place.layer} with geometries. It has {enumerated(spatial) or 'none'}"
        )
    if not spatial:
        raise UnusableArgument(f"{place.file}: has no layer with geometries. Give points, lines or polygons")
    return spatial if place.layer is None else [place.layer]


def _unreadable(reason: str) -> str:
    if "SHAPE_RESTORE_SHX" in reason:
        return "its .shx is missing. Copy all parts of the shapefile: .shp, .shx, .dbf and .prj"
    return "is no vector file that GDAL reads. Give a GeoPackage, shapefile, GeoJSON or another such file"


def _check_layer(file: Path, layer: str, place: ExposurePlace) -> dict[str, Any]:
    """What GDAL knows of a layer; ``crs`` by our name."""
    called = f"{place.file}: layer {layer}"
    try:
        info: dict[str, Any] = pyogrio.read_info(file, layer=layer, force_feature_count=True)
        crs = crs_name(info["crs"]) if info["crs"] else None
    except (*GDAL_ERRORS, CRSError) as error:
        raise UnusableArgument(f"{called}: {_unreadable(str(error))}") from error
    if crs is None:
        raise UnusableArgument(
            f"{called} has no CRS. Assign the one that its coordinates are in; a shapefile has it in its .prj"
        )
    if (datum := unknown_datum(crs)) is not None:
        raise UnusableArgument(f"{called}: the datum of its CRS is unknown ({datum}). Assign the CRS that it is in")
    if info["features"] == 0:
        raise UnusableArgument(f"{called} has no features. Give one that has, or leave it out")
    fields = [str(name) for name in info["fields"]]
    if place.class_column is not None and place.class_column not in fields:
        raise UnusableArgument(
            f"{called} has no column {place.class_column}. It has {enumerated(fields, 20) or 'none'}"
        )
    return info | {"crs": crs, "fields": fields}


def _read(
    file: Path, layer: str, place: ExposurePlace, product: Sequence[tuple[str, FloatArray]], *, several: bool
) -> Exposed:
    info = _check_layer(file, layer, place)
    fields = _kept_fields(info, place.class_column)
    window = window_of(product, info["crs"])
    try:
        geometries, columns = _features(file, layer, fields, window, _geometry_column(info))
    except GDAL_ERRORS as error:
        reason = str(error).replace(str(file), place.file)
        raise UnusableArgument(f"{place.file}: layer {layer} cannot be read ({reason}). Check it with a GIS") from error
    if len(geometries) > MOST_FEATURES:
        raise UnusableArgument(
            f"{place.file}: layer {layer} has more than {MOST_FEATURES:,} features around the product. "
            "Give a smaller file, or fewer kinds of features"
        )
    stem = Path(place.file.rstrip("/")).stem
    source = str(redact(f"{Path(place.file).name}|{layer}" if several or place.layer else Path(place.file).name))
    kept = {name: values for name, values in columns.items() if not _lost_digits(values)}
    left_out = [name for name in info["fields"] if name not in kept]
    exposed = replace(
        Exposed.of(layer if several or place.layer else stem, source, info["crs"], geometries, kept),
        class_column=place.class_column if place.class_column in kept else None,
        unread=info["features"] - len(geometries),
    )
    unshifted = [crs for crs, _ in product if is_ballpark(info["crs"], crs)]
    return replace(exposed, notes=tuple(_notes(exposed, left_out, unshifted)))


def _geometry_column(info: dict[str, Any]) -> str:
    """As a condition calls it."""
    return f'"{info["geometry_name"]}"' if info["driver"] in DATABASES else GEOMETRY


def _kept_fields(info: dict[str, Any], class_column: str | None) -> list[str]:
    """The first columns that a layer of ours can hold, and the class."""
    held = [name for name, kind in zip(info["fields"], info["ogr_types"], strict=True) if kind != "OFTBinary"]
    kept = held[:MOST_COLUMNS]
    return [*kept, class_column] if class_column is not None and class_column not in kept else kept


def _features(
    file: Path, layer: str, fields: list[str], window: BaseGeometry | None, geometry: str
) -> tuple[ObjectArray, dict[str, Column]]:
    """What touches the window, and what has no geometry: a filter by place would drop that."""
    wanted: list[dict[str, Any]] = [{"where": f"{geometry} IS NULL"}]
    if window is not None:
        wanted.insert(0, {"bbox": window.bounds} if is_box(window) else {"mask": window})
    tables = []
    for some in wanted:
        options = some | {"force_2d": True, "datetime_as_string": True, "max_features": MOST_FEATURES + 1}
        meta, _, found, values = pyogrio.raw.read(file, layer=layer, columns=fields, **options)
        types = [str(one) for one in meta["dtypes"]]
        columns = [_column(one, type_) for one, type_ in zip(values, types, strict=True)]
        tables.append((np.asarray(shapely.from_wkb(found), np.object_), columns))
    names = [str(name) for name in meta["fields"]]
    joined = [_joined(parts) for parts in zip(*(columns for _, columns in tables), strict=True)]
    return np.concatenate([geometries for geometries, _ in tables]), dict(zip(names, joined, strict=True))


def _column(values: npt.NDArray[Any], type_: str) -> Column:
    """Whole numbers, real numbers or texts; whole numbers come as real ones where one is not known."""
    if values.dtype.kind == "f" and not type_.startswith("float"):
        unknown = np.isnan(values)
        return np.ma.masked_array(np.where(unknown, 0, values).astype(np.int64), unknown)
    if values.dtype.kind in "iub":
        return values.astype(np.int64)
    if values.dtype.kind == "f":
        return values.astype(np.float64)
    return np.array([None if value is None else str(value) for value in values.tolist()], np.object_)


def _lost_digits(values: Column) -> bool:
    return np.ma.isMaskedArray(values) and bool((np.abs(np.ma.getdata(values)) >= WHOLE_IN_FLOATS).any())


def _joined(parts: Sequence[Column]) -> Column:
    values: Any = np.concatenate(parts)
    unknown = np.concatenate([np.ma.getmaskarray(part) for part in parts])
    joined: Column = np.ma.masked_array(values, unknown) if unknown.any() else values
    return joined


def _notes(exposed: Exposed, left_out: Sequence[str], unshifted: Sequence[str]) -> Iterator[str]:
    missing = int(shapely.is_missing(exposed.geometries).sum())
    if exposed.repaired:
        yield f"{exposed.source}: {exposed.repaired:,} geometries were not valid and were repaired"
    if missing:
        yield f"{exposed.source}: {missing:,} features have no geometry that is any use: nobody knows of them"
    if unshifted:
        yield (
            f"{exposed.source}: no shift is known here between {exposed.crs} and {', '.join(unshifted)}: it may be "
            "off by metres"
        )
    if left_out:
        yield f"{exposed.source}: columns left out: {enumerated(left_out)}"
    if not len(exposed):
        yield (
            f"{exposed.source}: none of its {exposed.unread:,} features lies near the product. "
            f"Check that it is of this place, and its CRS ({exposed.crs})"
        )
