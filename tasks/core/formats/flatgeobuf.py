"""The product as FlatGeobuf: a file a layer, for programs that read a part of a large file over the network.

Tables have none: the format is of geometries. Features lie along a curve through their places, not in the layer's
order, which is what the spatial index needs. A layer with a feature of unknown place has no index and keeps the order.

Source: https://flatgeobuf.org, version 3; GDAL's manual of the driver.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import shapely

from tasks.core.formats.format import Format
from tasks.core.formats.layer_about import about
from tasks.core.formats.layer_files import extent_files, layer_paths
from tasks.core.formats.vector_files import write_vector
from tasks.core.product.layer import Layer

FOLDER, ENDING = "flatgeobuf", ".fgb"


def write(layers: Sequence[Layer], folder: Path, _made: datetime) -> tuple[str, ...]:
    """Write ``flatgeobuf/<layer>.fgb`` of each layer with geometries, in its CRS."""
    placed = [layer for layer in layers if not layer.is_table]
    for path, layer in layer_paths(placed, folder / FOLDER, ENDING):
        write_vector(layer, path, driver="FlatGeobuf", layer_options=_options(layer))
    return ()


def _options(layer: Layer) -> dict[str, str]:
    everywhere = not (shapely.is_missing(layer.geometries) | shapely.is_empty(layer.geometries)).any()
    title, description = about(layer)
    return {"TITLE": title, "DESCRIPTION": description, "SPATIAL_INDEX": "YES" if everywhere else "NO"}


def _main_files(files: Sequence[str]) -> Iterator[tuple[str, str]]:
    return extent_files(files, FOLDER, ENDING, "FlatGeobuf")


FORMAT = Format(write, _main_files)
