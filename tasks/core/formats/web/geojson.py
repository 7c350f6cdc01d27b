"""The product as GeoJSON: a file a layer, in WGS 84, for maps on the web (``copies``). Tables have none.

Source: RFC 7946. What GDAL and others write beside it, a title and a description, are foreign members (6.1).
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import shapely

from tasks.core.arrays import ObjectArray
from tasks.core.formats.cells import cells
from tasks.core.formats.extents import boxes
from tasks.core.formats.format import Format
from tasks.core.formats.layer_about import about
from tasks.core.formats.layer_files import extent_files, layer_paths
from tasks.core.formats.vector_files import in_our_words
from tasks.core.formats.web.copies import HALF_TURN, web_copies
from tasks.core.product.layer import Layer

FOLDER, ENDING = "geojson", ".geojson"
COPY = "A copy in WGS 84 for the web: measure in the other formats."


def write(layers: Sequence[Layer], folder: Path, _made: datetime) -> tuple[str, ...]:
    """Write ``geojson/<layer>.geojson`` of each layer with geometries; with how it was shifted."""
    copies = web_copies([layer for layer in layers if not layer.is_table])
    for path, layer in layer_paths(copies.layers, folder / FOLDER, ENDING):
        with in_our_words(path), path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(_lines(layer, COPY + copies.about))
    return copies.shifts


def _lines(layer: Layer, copy: str) -> Iterator[str]:
    title, description = about(layer)
    head: dict[str, object] = {"type": "FeatureCollection", "name": layer.name, "title": title}
    head["description"] = f"{description} {copy}".strip()
    box = _bbox(layer.geometries)
    if box is not None:
        head["bbox"] = box
    yield f'{_json(head)[:-1]},"features":[\n'
    names = list(layer.columns)
    columns = [cells(values) for values in layer.columns.values()]
    rows = zip(*columns, strict=True) if columns else ((),) * len(layer)
    last = len(layer) - 1
    for number, (row, geometry) in enumerate(zip(rows, shapely.to_geojson(layer.geometries), strict=True)):
        properties = _json(dict(zip(names, row, strict=True)))
        end = "\n" if number == last else ",\n"
        yield f'{{"type":"Feature","properties":{properties},"geometry":{geometry or "null"}}}{end}'
    yield "]}\n"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _bbox(geometries: ObjectArray) -> list[float] | None:
    """West, south, east, north; where the antimeridian lies between, west is the larger (RFC 7946, 5.2)."""
    bounds = boxes(shapely.get_parts(geometries))
    bounds = bounds[~np.isnan(bounds).any(axis=1)]
    if not len(bounds):
        return None
    (west, south), (east, north) = bounds[:, :2].min(axis=0).tolist(), bounds[:, 2:].max(axis=0).tolist()
    is_west = bounds[:, 2] <= 0
    if west == -HALF_TURN and east == HALF_TURN and (is_west | (bounds[:, 0] >= 0)).all():
        west, east = float(bounds[~is_west, 0].min()), float(bounds[is_west, 2].max())
    return [west, south, east, north]


def _main_files(files: Sequence[str]) -> Iterator[tuple[str, str]]:
    return extent_files(files, FOLDER, ENDING, "GeoJSON in WGS 84 for the web")


FORMAT = Format(write, _main_files)
