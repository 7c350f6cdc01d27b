"""Assets of a STAC item: the product's main files with size, checksum, and what is in them."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

import numpy as np
from pystac import Asset

from tasks.core.metadata.file_kinds import holds_one_layer, kind_of, roles_of, title_of
from tasks.core.metadata.resource import ProductFile
from tasks.core.metadata.stac.projection import crs_fields
from tasks.core.product.layer import Column, Layer

FILE = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
TABLE = "https://stac-extensions.github.io/table/v1.2.0/schema.json"
CLASSIFICATION = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
# Of the multiformats table: the code of SHA2-256 and its length, 32 bytes.
MULTIHASH_SHA256 = "1220"
LABELS = "labels"
CLASSES = (
    {"value": 0, "name": "other", "description": "No flood was found"},
    {"value": 1, "name": "flood", "description": "Flood"},
    {"value": 2, "name": "flood_with_cloud", "description": "Flood with cloud"},
    {"value": 255, "name": "no_data", "description": "Not observed", "nodata": True},
)


def asset_of(file: ProductFile, layers: Sequence[Layer]) -> Asset:
    """The asset that a file is, its address relative to the item."""
    fields: dict[str, Any] = {
        "file:size": file.size,
        "file:checksum": MULTIHASH_SHA256 + file.sha256,
        **_layer_fields(file.path, layers),
        **({"classification:classes": [dict(one) for one in CLASSES]} if is_labels(file.path) else {}),
    }
    kind = kind_of(file.path)
    return Asset(
        f"./{quote(file.path)}",
        title_of(file.path),
        media_type=kind.media_type,
        roles=roles_of(file.path),
        extra_fields=fields,
    )


def is_labels(path: str) -> bool:
    """Whether a file is a raster of labels."""
    name = PurePosixPath(path)
    return name.suffix == ".tif" and (name.stem == LABELS or name.stem.startswith(f"{LABELS}_"))


def _layer_fields(path: str, layers: Sequence[Layer]) -> dict[str, Any]:
    """CRS of a file of one layer where the product has several; columns and rows where the format keeps their names."""
    layer = next((one for one in layers if one.name == PurePosixPath(path).stem), None)
    if layer is None:
        return {}
    several = len({one.crs for one in layers if one.crs}) > 1
    fields = crs_fields(layer.crs) if several and layer.crs else {}
    return fields | (_table_fields(layer) if holds_one_layer(path) else {})


def _table_fields(layer: Layer) -> dict[str, Any]:
    geometry = [] if layer.is_table else [{"name": "geometry", "type": "geometry"}]
    columns = [{"name": name, "type": _type(values)} for name, values in layer.columns.items()]
    primary = {} if layer.is_table else {"table:primary_geometry": "geometry"}
    return {"table:columns": [*geometry, *columns], "table:row_count": len(layer), **primary}


def _type(values: Column) -> str:
    kinds = {"i": "int64", "f": "float64"}
    return kinds.get(np.asarray(values).dtype.kind, "string")
