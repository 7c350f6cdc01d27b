"""Assets of a STAC item: the product's main files with size, checksum, and what is in them."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

import numpy as np
from pystac import Asset

from tasks.core.metadata.file_kinds import holds_one_layer, kind_of, raster_of, roles_of, title_of
from tasks.core.metadata.resource import ProductFile
from tasks.core.metadata.stac.projection import crs_fields
from tasks.core.product.layer import Column, Layer

FILE = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
TABLE = "https://stac-extensions.github.io/table/v1.2.0/schema.json"
CLASSIFICATION = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
# Of the multiformats table: the code of SHA2-256 and its length, 32 bytes.
MULTIHASH_SHA256 = "1220"
_NOT_OBSERVED = {"value": 255, "name": "not_observed", "description": "Not observed", "nodata": True}
# Values of the rasters of classes.
CLASSES = {
    "flood": (
        {"value": 0, "name": "no_flood", "description": "Observed, no flood"},
        {"value": 1, "name": "flood", "description": "Flood"},
        _NOT_OBSERVED,
    ),
    "labels": (
        {"value": 0, "name": "other", "description": "Other"},
        {"value": 1, "name": "flood", "description": "Flood"},
        {"value": 2, "name": "flood_with_cloud", "description": "Flood with cloud"},
        {"value": 3, "name": "ignored", "description": "Of a class that is ignored"},
        _NOT_OBSERVED,
    ),
}


def asset_of(file: ProductFile, layers: Sequence[Layer]) -> Asset:
    """The asset that a file is, its address relative to the item."""
    checksum = {} if file.sha256 is None else {"file:checksum": MULTIHASH_SHA256 + file.sha256}
    classes = CLASSES.get(raster_of(file.path) or "", ())
    fields: dict[str, Any] = {
        "file:size": file.size,
        **checksum,
        **_crs_fields(file.path, layers),
        **_layer_fields(file.path, layers),
        **({"classification:classes": [dict(one) for one in classes]} if classes else {}),
    }
    kind = kind_of(file.path)
    href = f"./{quote(file.path)}"
    return Asset(href, title_of(file.path), media_type=kind.media_type, roles=roles_of(file.path), extra_fields=fields)


def _crs_fields(path: str, layers: Sequence[Layer]) -> dict[str, Any]:
    """CRS of a file of a product in several, by the suffix of its name; where there is one, the item has it."""
    stem = PurePosixPath(path).stem
    crss = (layer.crs for layer in layers if layer.suffix and layer.crs and stem.endswith(layer.suffix))
    crs = next(crss, None)
    return {} if crs is None else crs_fields(crs)


def _layer_fields(path: str, layers: Sequence[Layer]) -> dict[str, Any]:
    """Columns and rows of a file of one layer, where the format keeps their names."""
    layer = next((one for one in layers if one.name == PurePosixPath(path).stem), None)
    return _table_fields(layer) if layer is not None and holds_one_layer(path) else {}


def _table_fields(layer: Layer) -> dict[str, Any]:
    geometry = [] if layer.is_table else [{"name": "geometry", "type": "geometry"}]
    columns = [{"name": name, "type": _type(values)} for name, values in layer.columns.items()]
    primary = {} if layer.is_table else {"table:primary_geometry": "geometry"}
    return {"table:columns": [*geometry, *columns], "table:row_count": len(layer), **primary}


def _type(values: Column) -> str:
    kinds = {"i": "int64", "f": "float64"}
    return kinds.get(np.asarray(values).dtype.kind, "string")
