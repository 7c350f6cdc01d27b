"""A layer as GeoJSON, as Copernicus EMS delivers it: with the member ``crs``; a table as features without geometries.

Not by GDAL, which takes -99.13799999 for -99.138: the same corners are to be in all copies of a layer.

Sources: GeoJSON format specification of 2008 (``crs``); RFC 7946.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import shapely

from tasks.core.formats.cells import cells
from tasks.core.formats.vector_files import in_our_words
from tasks.core.product.layer import Layer

CRS84 = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}


def write_features(layer: Layer, path: Path) -> None:
    """Write a layer in EPSG:4326, or a table; what is not known is null.

    Raises:
        StorageFull: No space left.
        FinalError: It cannot be written.
    """
    with in_our_words(path), path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_lines(layer, path.stem))


def _lines(layer: Layer, name: str) -> Iterator[str]:
    head = {"type": "FeatureCollection", "name": name} | ({} if layer.is_table else {"crs": CRS84})
    yield f'{_json(head)[:-1]},"features":[\n'
    rows = zip(*(cells(values) for values in layer.columns.values()), strict=True)
    geometries, last = shapely.orient_polygons(layer.geometries), len(layer) - 1
    for number, (row, geometry) in enumerate(zip(rows, shapely.to_geojson(geometries), strict=True)):
        properties = _json(dict(zip(layer.columns, row, strict=True)))
        end = "\n" if number == last else ",\n"
        yield f'{{"type":"Feature","properties":{properties},"geometry":{geometry or "null"}}}{end}'
    yield "]}\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
