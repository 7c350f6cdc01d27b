"""The product as GeoPackage: all layers in one file."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyogrio

from tasks.core.formats.format import Format
from tasks.core.formats.layer_about import about
from tasks.core.formats.layer_titles import CLOUD, WATER
from tasks.core.formats.vector_files import gdal_options, incomplete, write_vector
from tasks.core.product.layer import Layer
from tasks.core.product.mapped_pixel import mapped_pixel_m, pixel_text
from tasks.core.styles.style_table import write_style_table

GEOPACKAGE = "flood_extent.gpkg"
IN_SCRATCH = {"OGR_SQLITE_SYNCHRONOUS": "OFF"}  # what is written here is copied to its place when it is whole


def _write(layers: Sequence[Layer], folder: Path, made: datetime) -> tuple[str, ...]:
    # As GeoPackage 1.4 wants it (requirement 15): ISO 8601, UTC, with milliseconds.
    time = f"{made.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    with gdal_options(IN_SCRATCH | {"OGR_CURRENT_DATE": time}):
        write_geopackage(layers, folder / GEOPACKAGE, title="Flood extent")
    return ()


def write_geopackage(layers: Sequence[Layer], path: Path, *, title: str) -> None:
    """Write all layers, empty ones too, into one new GeoPackage, with the styles that QGIS draws them in."""
    path.unlink(missing_ok=True)
    pixel, tells_apart = pixel_text(mapped_pixel_m(layers)), any(layer.base == "normal_water" for layer in layers)
    for number, layer in enumerate(layers):
        # The metadata is of the whole file: written once, with the first layer.
        of_all = {} if number else {"dataset_metadata": {"TITLE": title, "DESCRIPTION": CLOUD}}
        write_vector(
            layer, path, driver="GPKG", append=number > 0, layer_options=_shown_as(layer, pixel, tells_apart), **of_all
        )
    for layer in layers:
        if pyogrio.read_info(path, layer=layer.name, force_feature_count=True)["features"] != len(layer):
            raise incomplete(path)
    try:
        write_style_table(path, layers)
    except sqlite3.Error as error:
        raise incomplete(path) from error


def _shown_as(layer: Layer, pixel: str, tells_apart: bool) -> dict[str, str]:
    title, description = about(layer)
    if tells_apart:
        description = description.replace(f"{WATER} ", "").replace(f" {WATER}", "")
    fine = f" Mapped with pixels of {pixel}." if pixel else ""
    return {"IDENTIFIER": title, "DESCRIPTION": description + fine, "SPATIAL_INDEX": "YES"}


def _main_files(files: Sequence[str]) -> list[tuple[str, str]]:
    return [(GEOPACKAGE, "all layers in one file, for GIS programs")] if GEOPACKAGE in files else []


FORMAT = Format(_write, _main_files, to_open=GEOPACKAGE)
