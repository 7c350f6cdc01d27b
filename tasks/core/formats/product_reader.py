"""The layers of a product read back from its GeoPackage."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyogrio
import pyogrio.raw
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from tasks.core.arrays import ObjectArray
from tasks.core.errors import UnusableArgument
from tasks.core.formats.layer_titles import LAYERS, split_name
from tasks.core.formats.sqlite_copies import lockable
from tasks.core.formats.vector_files import gdal_options
from tasks.core.geo.crs import crs_name
from tasks.core.product.layer import Column, Layer

# GDAL would leave an .aux.xml beside what it reads.
ONLY_READ = {"GDAL_PAM_ENABLED": "NO"}


def read_product(package: Path) -> list[Layer]:
    """All layers and tables of ours, in the order of the file; what others have put there is left out.

    Raises:
        UnusableArgument: It is no GeoPackage of a product.
    """
    try:
        with gdal_options(ONLY_READ), lockable(package) as file:
            names = [str(name) for name, _ in pyogrio.list_layers(file)]
            return [_layer(file, name) for name in names if split_name(name)[0] in LAYERS]
    except (DataSourceError, DataLayerError) as error:
        raise UnusableArgument(f"{package}: is no GeoPackage of a product. Give the folder that a run wrote") from error


def _layer(file: Path, name: str) -> Layer:
    base, suffix = split_name(name)
    meta, _, found, values = pyogrio.raw.read(file, layer=name)
    kinds = dict(zip(meta["fields"].tolist(), pyogrio.read_info(file, layer=name)["dtypes"].tolist(), strict=True))
    columns: dict[str, Column] = {
        field: _column(column, str(kinds[field])) for field, column in zip(meta["fields"].tolist(), values, strict=True)
    }
    if meta["geometry_type"] is None:
        rows = len(values[0]) if len(values) else 0
        return Layer(base, None, None, np.full(rows, None, np.object_), columns, suffix)
    geometries: ObjectArray = np.asarray(shapely.from_wkb(found), np.object_)
    crs = None if meta["crs"] is None else crs_name(meta["crs"])
    return Layer(base, str(meta["geometry_type"]), crs, geometries, columns, suffix)


def _column(values: npt.NDArray[Any], kind: str) -> Column:
    """As it was written: GDAL's reader makes real numbers of whole ones where some are NULL."""
    if kind.startswith("int") and values.dtype.kind == "f":
        missing = np.isnan(values)
        return np.ma.masked_array(np.where(missing, 0, values).astype(np.int64), missing)
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    return values.astype(np.float64) if values.dtype.kind == "f" else values
