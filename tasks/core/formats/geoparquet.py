"""The product as GeoParquet, for databases and notebooks: a file a layer, tables as plain Parquet.

Each feature's bounding box is a column of its own (``bbox``), by whose statistics a reader passes over the row groups
that lie elsewhere.

Source: GeoParquet 1.1.0 (https://geoparquet.org/releases/v1.1.0).
"""

import json
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from tasks.core.arrays import FloatArray
from tasks.core.formats.extents import boxes, extent
from tasks.core.formats.format import Format
from tasks.core.formats.layer_files import extent_files, layer_paths
from tasks.core.formats.vector_files import encodable, in_our_words
from tasks.core.product.layer import Layer

FOLDER, ENDING = "geoparquet", ".parquet"
VERSION = "1.1.0"
GEOMETRY, BBOX = "geometry", "bbox"
SIDES = ("xmin", "ymin", "xmax", "ymax")
ROWS_A_GROUP = 20_000


def write(layers: Sequence[Layer], folder: Path, _made: datetime) -> tuple[str, ...]:
    """Write ``geoparquet/<layer>.parquet`` of each layer in its CRS, and of each table.

    Raises:
        ImportError: pyarrow is not installed (``product_files.check_formats``).
        StorageFull: No space left.
        FinalError: It could not be written.
    """
    from pyarrow import parquet  # noqa: PLC0415 - an extra

    for path, layer in layer_paths(layers, folder / FOLDER, ENDING):
        with in_our_words(path):
            parquet.write_table(_table(layer), path, row_group_size=ROWS_A_GROUP, compression="zstd")
    return ()


def _table(layer: Layer) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - an extra

    types = {"i": pa.int64(), "f": pa.float64(), "O": pa.string()}
    columns = {
        name: pa.array(_known(values), types[values.dtype.kind], mask=_unknown(values))
        for name, values in layer.columns.items()
    }
    if layer.is_table:
        return pa.table(columns)
    geometry, bbox = (_free(name, columns) for name in (GEOMETRY, BBOX))
    columns[geometry] = pa.array(shapely.to_wkb(layer.geometries).tolist(), pa.binary())
    columns[bbox] = _boxes(boxes(layer.geometries))
    about = json.dumps(_metadata(layer, geometry, bbox), sort_keys=True)
    return pa.table(columns).replace_schema_metadata({"geo": about})


def _known(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return encodable(values) if values.dtype.kind == "O" else np.ma.getdata(values)


def _unknown(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    if values.dtype.kind == "O":
        return np.array([value is None for value in values], np.bool_)
    masked = np.ma.getmaskarray(values)
    return masked | np.isnan(np.ma.getdata(values)) if values.dtype.kind == "f" else masked


def _free(name: str, taken: Collection[str]) -> str:
    """The name, or with a ``_`` where a column is already called so."""
    return _free(f"{name}_", taken) if name in taken else name


def _boxes(bounds: FloatArray) -> Any:
    """A column of boxes; NULL of a feature without a place."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    unknown = pa.array(np.isnan(bounds).any(axis=1))
    return pa.StructArray.from_arrays([pa.array(side) for side in bounds.T], SIDES, mask=unknown)


def _metadata(layer: Layer, geometry: str, bbox: str) -> dict[str, Any]:
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": sorted({one.geom_type for one in layer.geometries if one is not None}),
        "crs": None if layer.crs is None else pyproj.CRS.from_user_input(layer.crs).to_json_dict(),
        "edges": "planar",
        "covering": {"bbox": {side: [bbox, side] for side in SIDES}},
    }
    reach = extent(layer.geometries)
    if reach is not None:
        column["bbox"] = reach
    return {"version": VERSION, "primary_column": geometry, "columns": {geometry: column}}


def _main_files(files: Sequence[str]) -> Iterator[tuple[str, str]]:
    return extent_files(files, FOLDER, ENDING, "GeoParquet")


FORMAT = Format(write, _main_files, package="pyarrow", extra="parquet")
