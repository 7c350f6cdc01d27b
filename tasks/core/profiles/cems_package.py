"""The vector package of Copernicus EMS Rapid Mapping: a product's layers in its names, fields, and files.

Each layer is there as shapefile and GeoJSON, ``source`` as table (``.dbf``) and GeoJSON without geometries, all of them
in one GeoPackage, and the summary table as XLSX. Files are called ``<EVENT>_AOI01_DEL_PRODUCT_<layer>_v<N>``.

Sources: as ``cems_layers``; the manual's page on file names, without the release ``r<N>``, which today's deliveries no
longer have; GeoPackage and its layers' names (``observedEventA_v1``) as in deliveries of 2026.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyogrio

from tasks.core.formats.geopackage import IN_SCRATCH
from tasks.core.formats.shapefile_fields import loss
from tasks.core.formats.shapefile_writer import write_shapefile
from tasks.core.formats.vector_files import gdal_options, in_our_words, incomplete, write_vector
from tasks.core.formats.workbook import write_workbook
from tasks.core.geo.reprojection import is_ballpark
from tasks.core.product.edition import Edition
from tasks.core.product.layer import Layer
from tasks.core.profiles.cems_features import write_features
from tasks.core.profiles.cems_layers import AREA_ID, WGS84, CemsLayers, cems_layers
from tasks.core.profiles.cems_summary import summary_sheet
from tasks.core.profiles.event_codes import event_code

FOLDER = "cems"
PRODUCT = f"AOI{AREA_ID}_DEL_PRODUCT"
SUMMARY = "summaryTable"
ABOUT = {
    "observedEventA": "Flooded area; area in hectares. No flood elsewhere is known only where imageFootprintA and "
    "areaOfInterestA meet and notAnalysedA is not.",
    "areaOfInterestA": "The ground of which the product speaks.",
    "imageFootprintA": "Ground that each frame shows; or_src_id is src_id of source.",
    "notAnalysedA": "Ground in the frames that was not analysed: nobody knows whether it is flooded. Area in hectares.",
    "source": "The frames.",
}


def write_cems(layers: Sequence[Layer], edition: Edition, folder: Path, made: datetime) -> tuple[str, ...]:
    """Write ``cems/`` into a product's folder.

    Args:
        layers: Of the product, with the attributes of ``attributes.described``; perhaps with ``exposure_summary``.
        edition: Whose product it is; its event has an id, its release is the package's version.
        folder: Of the product; a ``cems/`` that is there is replaced.
        made: Of the run, UTC: the times in the files.

    Returns:
        Warnings for a person: fields and files that were left out, frames without a place, datums without a shift.

    Raises:
        UnusableArgument: The event has no id.
        StorageFull: No space left.
        FinalError: A file could not be written.
    """
    cems = cems_layers(layers, edition)
    stem, version = f"{event_code(edition.event.id)}_{PRODUCT}", f"v{edition.release}"
    package = folder / FOLDER
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir(parents=True, exist_ok=True)
    warnings = list(_doubts(layers, cems))
    database = package / f"{stem}_{version}.gpkg"
    for layer in cems[:5]:
        path = package / f"{stem}_{layer.name}_{version}.shp"
        warnings += [f"{FOLDER}/{reason}. Use {FOLDER}/{database.name}" for reason in _write_table(layer, path, made)]
        write_features(layer, path.with_suffix(".json"))
    _write_database(cems[:5], database, version, made)
    table = package / f"{stem}_{SUMMARY}_{version}.xlsx"
    with in_our_words(table):
        write_workbook([summary_sheet(cems, layers)], table, made)
    return tuple(warnings)


def _write_table(layer: Layer, path: Path, made: datetime) -> Iterator[str]:
    """A shapefile, or of a layer without geometries its ``.dbf`` alone; what was left out, and why."""
    if not layer.is_table:
        for left_out in write_shapefile(layer, path, made=made.date()):
            what = "is not written" if left_out.field is None else f"has no field {left_out.field}"
            yield f"{left_out.file} {what}: {left_out.reason}"
        return
    lost = {name: reason for name, values in layer.columns.items() if (reason := loss(values)) is not None}
    yield from (f"{path.stem}.dbf has no field {name}: {reason}" for name, reason in lost.items())
    kept = replace(layer, columns={name: values for name, values in layer.columns.items() if name not in lost})
    options = {"DBF_DATE_LAST_UPDATE": f"{made:%Y-%m-%d}"}
    write_vector(kept, path.with_suffix(".dbf"), driver="ESRI Shapefile", layer_options=options)


def _write_database(layers: Sequence[Layer], path: Path, version: str, made: datetime) -> None:
    time = f"{made.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    with gdal_options(IN_SCRATCH | {"OGR_CURRENT_DATE": time}):
        for number, layer in enumerate(layers):
            named = replace(layer, base=f"{layer.name}_{version}")
            about = {"IDENTIFIER": named.name, "DESCRIPTION": ABOUT[layer.name]}
            write_vector(named, path, driver="GPKG", append=number > 0, layer_options=about)
            if pyogrio.read_info(path, layer=named.name, force_feature_count=True)["features"] != len(layer):
                raise incomplete(path)


def _doubts(layers: Sequence[Layer], cems: CemsLayers) -> Iterator[str]:
    placed = set(cems.image_footprint.columns["or_src_id"].tolist())
    lost = len(set(cems.source.columns["src_id"].tolist()) - placed)
    if lost:
        yield f"{FOLDER}/: the place of {lost} frames is not known. They are in the table source, and on no map"
    for crs in sorted({str(layer.crs) for layer in layers if layer.crs is not None}):
        if is_ballpark(crs, WGS84):
            yield (
                f"{FOLDER}/: the shift from {crs.partition(',')[0]} to {WGS84} is not known on this machine; it "
                "may lie up to some hundred metres off"
            )
