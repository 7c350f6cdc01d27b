"""The product's vector files: one GeoPackage with all layers, and the shapefiles.

The same layers and the same time give the same bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyogrio

from tasks.core.formats.shapefiles import LIMIT_BYTES, tile_stems, write_shapefile
from tasks.core.formats.vector_files import gdal_options, incomplete, write_vector
from tasks.core.product.assessment import DONE
from tasks.core.product.layer import Layer
from tasks.core.product.resolution import mapped_pixel_m, pixel_text

GEOPACKAGE = "flood_extent.gpkg"
CLOUD = (
    "Plain cloud has no label of its own: what counts as observed may include ground under cloud, "
    "where a flood would not have been seen."
)
WATER = "Permanent water is not told apart from flood."


class About(NamedTuple):
    """What GIS programs show of a layer."""

    title: str
    description: str


# Longer names first: a layer's name starts with one of these.
LAYERS = {
    "flood_extent_by_tile": About(
        "Flood extent by tile",
        "The joined flood extent cut back to the valid area of each tile; flood_id is that of the layer flood_extent. "
        f"{WATER}",
    ),
    "flood_extent": About(
        "Flood extent",
        f"Flooded ground, joined across tile edges; area_m2 is on the ellipsoid. {WATER} "
        "Beside the polygons no flood was found only inside area_observed.",
    ),
    "area_observed": About("Area observed", f"Ground that the model answered for. {CLOUD}"),
    "not_assessed": About(
        "Area not assessed",
        "Ground without an answer: tiles that failed or were dropped, and labels left out as flood with cloud. "
        "observed_elsewhere is the share (0 to 1) that an overlapping tile saw.",
    ),
    "tiles": About(
        "Tiles",
        "Every tile with its state; without geometry where its place is not known. pixel_m is the side of its mapped "
        "pixels on the ground.",
    ),
}
SHAPEFILES = ("flood_extent", "area_observed", "not_assessed")
IN_SCRATCH = {"OGR_SQLITE_SYNCHRONOUS": "OFF"}  # what is written here is copied to its place when it is whole


def write_layers(
    layers: Sequence[Layer],
    folder: Path,
    *,
    title: str = "Flood extent",
    limit_bytes: int = LIMIT_BYTES,
    made: datetime | None = None,
) -> tuple[str, ...]:
    """Write ``flood_extent.gpkg``, the shapefiles of the whole, and ``tiles/<tile>.shp`` for every answered tile.

    A tile that failed or was dropped gets none: an empty file would say that there is no flood.

    Args:
        layers: As ``layers.assemble`` gives them; their order is the order in the GeoPackage.
        folder: The product's folder; made where it is not there.
        title: Of the GeoPackage, as GIS programs show it.
        limit_bytes: Largest shapefile; one that would be larger is left out with a warning that says so.
        made: Of the run, UTC: ``last_change`` of the GeoPackage, and date of the shapefiles. The clock where None.

    Returns:
        Warnings for a person, one for each shapefile left out.

    Raises:
        StorageFull: No space left.
        FinalError: GDAL could not write a file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = datetime.now(UTC) if made is None else made
    with gdal_options(IN_SCRATCH | {"OGR_CURRENT_DATE": _geopackage_time(made)}):
        write_geopackage(layers, folder / GEOPACKAGE, title=title)
        left_out = [
            write_shapefile(layer, folder / path, limit_bytes=limit_bytes, made=made.date())
            for path, layer in shapefiles(layers)
        ]
    return tuple(warning for warning in left_out if warning)


def _geopackage_time(time: datetime) -> str:
    """As GeoPackage 1.4 wants it (requirement 15): ISO 8601, UTC, with milliseconds."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"


def write_geopackage(layers: Sequence[Layer], path: Path, *, title: str) -> None:
    """Write all layers, empty ones too, into one new GeoPackage."""
    path.unlink(missing_ok=True)
    pixel = pixel_text(mapped_pixel_m(layers))
    for number, layer in enumerate(layers):
        # The metadata is of the whole file: written once, with the first layer.
        about = {} if number else {"dataset_metadata": {"TITLE": title, "DESCRIPTION": CLOUD}}
        write_vector(layer, path, driver="GPKG", append=number > 0, layer_options=_shown_as(layer, pixel), **about)
    for layer in layers:
        if pyogrio.read_info(path, layer=layer.name, force_feature_count=True)["features"] != len(layer):
            raise incomplete(path)


def _shown_as(layer: Layer, pixel: str) -> dict[str, str]:
    about = LAYERS.get(layer.base, About(layer.name, ""))
    in_crs = f" ({layer.suffix.strip('_')})" if layer.suffix else ""
    fine = f" Mapped with pixels of {pixel}." if pixel else ""
    return {"IDENTIFIER": about.title + in_crs, "DESCRIPTION": about.description + fine, "SPATIAL_INDEX": "YES"}


def split_name(name: str) -> tuple[str, str]:
    """Base and suffix of a layer that a file names, ``("flood_extent", "_epsg7855")``."""
    base = next((base for base in LAYERS if name == base or name.startswith(f"{base}_")), name)
    return base, name.removeprefix(base)


def shapefiles(layers: Sequence[Layer]) -> Iterator[tuple[Path, Layer]]:
    """Path below the product's folder and content of every shapefile, in a fixed order."""
    for layer in layers:
        if layer.base in SHAPEFILES:
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
            yield Path("tiles", f"{stems[tile]}.shp"), _rows(extents, rows_of.get(tile, []))


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
