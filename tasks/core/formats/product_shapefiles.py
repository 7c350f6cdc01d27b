"""The product as shapefiles: those of the whole, and one for every answered tile. Tables have none."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from tasks.core.formats.format import Format
from tasks.core.formats.layer_titles import LAYERS, split_name
from tasks.core.formats.shapefile_writer import LIMIT_BYTES, LeftOut, tile_stems, write_shapefile
from tasks.core.product.assessment import DONE
from tasks.core.product.layer import Layer

SHAPEFILES = (
    "flood_extent", "normal_water", "flood_trace", "area_observed", "not_assessed", "area_of_interest", "excluded",
)  # fmt: skip
TILES = Path("tiles")


def write(layers: Sequence[Layer], folder: Path, made: datetime, limit_bytes: int = LIMIT_BYTES) -> Iterator[str]:
    """Write them; a warning for each file or field of the whole that is left out, and one for each field of tiles."""
    of_tiles: dict[tuple[str, str | None], list[LeftOut]] = {}
    for path, layer in shapefiles(layers):
        for left_out in write_shapefile(layer, folder / path, limit_bytes=limit_bytes, made=made.date()):
            if TILES in path.parents:
                of_tiles.setdefault((layer.name, left_out.field), []).append(replace(left_out, file=path.as_posix()))
            else:
                yield left_out.warning
    yield from map(_tiles_warning, of_tiles.values())


def shapefiles(layers: Sequence[Layer]) -> Iterator[tuple[Path, Layer]]:
    """Path below the product's folder and content of every shapefile, in a fixed order."""
    for layer in layers:
        if layer.base in SHAPEFILES and not layer.is_table:
            yield Path(f"{layer.name}.shp"), layer
    yield from _tile_shapefiles(layers)


def _tile_shapefiles(layers: Sequence[Layer]) -> Iterator[tuple[Path, Layer]]:
    answered = {layer.suffix: sorted(_answered(layer)) for layer in layers if layer.base == "tiles"}
    stems = tile_stems([tile for tiles in answered.values() for tile in tiles])
    extents_of = {layer.suffix: layer for layer in layers if layer.base == "flood_extent_by_tile"}
    for suffix, tiles in answered.items():
        extents = extents_of[suffix]
        rows_of = _rows_by_tile(extents)
        for tile in tiles:
            yield TILES / f"{stems[tile]}.shp", _rows(extents, rows_of.get(tile, []))


def _answered(tiles: Layer) -> list[str]:
    states = zip(tiles.columns["tile"], tiles.columns["state"], strict=True)
    return [str(tile) for tile, state in states if state == DONE]


def _rows_by_tile(layer: Layer) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, tile in enumerate(layer.columns["tile"]):
        rows.setdefault(str(tile), []).append(row)
    return rows


def _rows(layer: Layer, rows: list[int]) -> Layer:
    chosen = np.array(rows, dtype=np.intp)
    columns = {name: values[chosen] for name, values in layer.columns.items()}
    return replace(layer, geometries=layer.geometries[chosen], columns=columns)


def _tiles_warning(left_out: Sequence[LeftOut]) -> str:
    """One sentence for what is left out of any number of tiles' shapefiles for one reason."""
    first, number = left_out[0], len(left_out)
    if number == 1:
        return first.warning
    what = "are not written" if first.field is None else f"have no field {first.field}"
    return f"{number:,} shapefiles in {TILES}/ {what}; of {first.file}: {first.reason}. {first.remedy}"


def _main_files(files: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Those of the whole; what belongs to a shapefile is not a file of its own."""
    parts = [(split_name(name.removesuffix(".shp")), name) for name in sorted(files) if name.endswith(".shp")]
    for wanted in SHAPEFILES:
        for (base, suffix), name in parts:
            if base == wanted:
                in_crs = f" ({suffix.strip('_')})" if suffix else ""
                yield name, f"shapefile, {LAYERS[base].title.lower()}{in_crs}"


FORMAT = Format(write, _main_files, tile_files=(".shp", "shapefiles"))
