"""The product's polygons as map tiles in one PMTiles archive, for maps in browsers without a server of tiles.

The tiles are pictures to look at: in Web Mercator by way of WGS 84 (``copies``), on a grid of at most half the
map's pixel at the finest level. On the coarser ones outlines are simplified within half a pixel of the screen, and what
is smaller than such a pixel is drawn as one, in so many places that the area is right.
``flood_extent_by_tile`` is left out, being the extent once more; so are tables, lines and points.
"""

import gzip
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tasks.core.formats.extents import extent
from tasks.core.formats.format import Format
from tasks.core.formats.layer_about import about
from tasks.core.formats.vector_files import in_our_words
from tasks.core.formats.web.copies import web_copies
from tasks.core.formats.web.tile_archive import TilePlace, write_archive
from tasks.core.formats.web.tile_pyramid import levels, tiles_of, zoom_levels
from tasks.core.formats.web.vector_tiles import EXTENT, TileLayer
from tasks.core.product.layer import Layer
from tasks.core.product.mapped_pixel import mapped_pixel_m

WEB_MAP = "flood_extent.pmtiles"
POLYGONS = ("Polygon", "MultiPolygon")
AGAIN = "flood_extent_by_tile"
ABOUT = "A copy in Web Mercator for the web, to look at: measure in the other formats."
WORLD = (-180.0, -85.0, 180.0, 85.0)  # of a map without anything on it
GZIP_LEVEL = 6


def write(layers: Sequence[Layer], folder: Path, _made: datetime) -> tuple[str, ...]:
    """Write ``flood_extent.pmtiles`` of all layers of polygons; how they were shifted is said in it, and given."""
    copies = web_copies([layer for layer in layers if layer.geometry_type in POLYGONS and layer.base != AGAIN])
    bounds = extent(*(layer.geometries for layer in copies.layers)) or WORLD
    pixel = mapped_pixel_m(layers)
    zooms = zoom_levels(bounds, None if pixel is None else pixel[0])
    tiles: dict[TilePlace, list[bytes]] = {}
    for layer in copies.layers:
        for place, content in _tiles(layer, zooms):
            tiles.setdefault(place, []).append(content)
    packed = {place: gzip.compress(b"".join(parts), GZIP_LEVEL, mtime=0) for place, parts in tiles.items()}
    metadata = {
        "name": "Flood extent",
        "description": ABOUT + copies.about,
        "vector_layers": [_described(layer, zooms) for layer in copies.layers],
    }
    with in_our_words(folder / WEB_MAP):
        write_archive(packed, folder / WEB_MAP, metadata=metadata, bounds=bounds, zooms=zooms)
    return copies.shifts


def _tiles(layer: Layer, zooms: tuple[int, int]) -> Iterator[tuple[TilePlace, bytes]]:
    attributes = TileLayer.of(layer)
    for zoom, rows, shapes in levels(layer.geometries, zooms):
        for place, those, there in tiles_of(rows, shapes, zoom):
            yield place, attributes.encoded(those.tolist(), there, (place.x * EXTENT, place.y * EXTENT))


def _described(layer: Layer, zooms: tuple[int, int]) -> dict[str, Any]:
    fields = {name: "String" if values.dtype.kind == "O" else "Number" for name, values in layer.columns.items()}
    least, most = zooms
    return {"id": layer.name, "description": about(layer).title, "minzoom": least, "maxzoom": most, "fields": fields}


def _main_files(files: Sequence[str]) -> Iterator[tuple[str, str]]:
    if WEB_MAP in files:
        yield WEB_MAP, "all layers of polygons as map tiles (PMTiles), for maps in browsers"


FORMAT = Format(write, _main_files)
