"""The next release of a product: corrected polygons, written as a run writes its own."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely

from tasks.core.arrays import ObjectArray
from tasks.core.errors import UnusableArgument
from tasks.core.exposure.exposed_files import exposure_place
from tasks.core.exposure.exposed_layers import exposed_in
from tasks.core.exposure.exposure_layers import expose
from tasks.core.formats.geopackage import GEOPACKAGE
from tasks.core.formats.layer_titles import split_name
from tasks.core.formats.product_files import FORMATS, check_formats, write_layers
from tasks.core.formats.sqlite_copies import lockable
from tasks.core.formats.vector_files import gdal_options
from tasks.core.metadata.footprint import wgs84_bounds
from tasks.core.overview.overview import draw
from tasks.core.overview.quicklook import PICTURE, PLACE, STEM, read_quicklook
from tasks.core.overview.sheets.pdf_sheet import draw_pdf
from tasks.core.product.attributes import described
from tasks.core.product.edition import Edition
from tasks.core.product.layer import Layer
from tasks.core.product.revision import revised
from tasks.core.profiles.cems_package import write_cems
from tasks.core.rasters.rasters import renew_flood_masks
from tasks.core.reports.release_record import release_record
from tasks.core.reports.run_json import RunRecord
from tasks.core.reports.sheet_figures import figures_of
from tasks.core.scoring.change_files import change_layers
from tasks.core.scoring.score_files import ONLY_READ, read_polygons
from tasks.core.styles.qgis_project import write_project
from tasks.core.styles.style_files import write_style_files
from tasks.services import storage
from tasks.services.given_files import vector_at_hand
from tasks.services.publishing import publishing
from tasks.services.publishing.documents import write_documents
from tasks.services.publishing.release_before import RASTERS, ReleaseBefore, release_before
from tasks.services.temp_folders import temp_folder

SEMI_AUTOMATIC, EDITED = "Semi-automatic extraction", "edited"
EXTENT = "flood_extent"

Report = Callable[[str], None]


@dataclass(frozen=True)
class Release:
    """A release that is in its place.

    Attributes:
        uri: Of its folder.
        record: Its ``run.json``.
        layers: Its layers; ``change`` holds what was gained and lost.
        warnings: What was found of the polygons.
    """

    uri: str
    record: RunRecord
    layers: list[Layer]
    warnings: tuple[str, ...]


def release(
    product: str, edited: str, reason: str, output_directory: str | None = None, report: Report = lambda _: None
) -> Release:
    """Make the next release of a product.

    Args:
        product: Its folder or prefix, or one of its files; it stays as it is.
        edited: The corrected polygons, in a vector file of any format, in the product's CRS: the layers
            ``flood_extent`` where there are any, else its first layer of polygons.
        reason: What was corrected, for people.
        output_directory: Where it goes, under the product's name; else beside the product, as ``NAME_release_2``.
        report: Is told of files that are kept under another name.

    Raises:
        UnusableArgument: One of them cannot be read, or they do not fit.
        OutputRefused: Something else is where it is to go.
    """
    with release_before(product) as before:
        polygons = _read_edited(edited, {str(layer.crs) for layer in before.layers if layer.base == EXTENT})
        edition = replace(
            before.edition,
            release=before.edition.release + 1,
            release_reason=reason,
            det_method=SEMI_AUTOMATIC,
            valid_stat=EDITED,
            previous_hash=before.record["content_hash"],
            made=datetime.now(UTC),
        )
        found = revised(before.layers, polygons, before.edition.release)
        layers = described([*found.layers, *change_layers(before.layers, found.layers)], edition)
        layers += _exposure(before, layers)
        destination = _destination(before, edition, output_directory)
        publishing.check_owner(destination, before.record["dataset"])
        with publishing.locked(destination), temp_folder("product") as folder:
            record = _write(folder, before, layers, edition, found.warnings)
            publishing.zip_folder(folder, folder / f"{storage.name(destination)}.zip", edition.made)
            uri = publishing.publish(folder, destination, report)
        return Release(uri, record, layers, found.warnings)


def _read_edited(place: str, crss: set[str]) -> dict[str, ObjectArray]:
    """Corrected polygons by CRS, each that of a layer of the product."""
    uri, found = storage.resolve(place), dict[str, list[ObjectArray]]()
    with vector_at_hand(uri) as path, gdal_options(ONLY_READ), lockable(path) as file:
        for name in _layers_of(file):
            read = read_polygons(file, name)
            found.setdefault(read.crs, []).append(read.geometries)
    if strange := sorted(found.keys() - crss):
        raise UnusableArgument(
            f"{uri}: is in {', '.join(strange)}, the product in {', '.join(sorted(crss))}. Nothing is reprojected "
            "silently: save the corrected polygons in the product's CRS"
        )
    polygons = {crs: np.concatenate(parts) for crs, parts in found.items()}
    for geometries in polygons.values():
        there = geometries[~shapely.is_missing(geometries)]
        if len(there) and not (shapely.get_dimensions(there) == 2).all():  # noqa: PLR2004 - areas
            raise UnusableArgument(f"{uri}: not all of its features are polygons. Remove points and lines from it")
    return polygons


def _layers_of(file: Path) -> Sequence[str | None]:
    """The layers of the extent; None for the first with polygons."""
    try:
        names = [str(name) for name, _ in pyogrio.list_layers(file)]
    except pyogrio.errors.DataSourceError:
        return [None]  # whoever reads it says why
    return [name for name in names if split_name(name)[0] == EXTENT] or [None]


def _exposure(before: ReleaseBefore, layers: Sequence[Layer]) -> list[Layer]:
    """What the product before measured, measured against this one."""
    given = map(exposure_place, before.record["parameters"].get("exposure") or ())
    classes = [place.class_column for place in given if place.class_column is not None]
    return expose(layers, exposed_in(before.layers, classes))


def _destination(before: ReleaseBefore, edition: Edition, output_directory: str | None) -> str:
    if output_directory is not None:
        return storage.join(storage.resolve(output_directory), storage.name(before.uri))
    parent, name = storage.parent(before.uri), storage.name(before.uri)
    stem = name.removesuffix(f"_release_{before.edition.release}")
    return storage.join(parent, f"{stem}_release_{edition.release}")


def _write(
    folder: Path, before: ReleaseBefore, layers: Sequence[Layer], edition: Edition, warnings: Sequence[str]
) -> RunRecord:
    asked: dict[str, Any] = before.record["parameters"]
    formats = [name for name in asked.get("formats") or () if name in FORMATS]
    check_formats(formats)
    said = [*warnings, *write_layers(layers, folder, made=edition.made, formats=formats)]
    write_style_files(folder, layers)
    write_project(folder / GEOPACKAGE, layers)
    if asked.get("profile"):
        said += write_cems(layers, edition, folder, edition.made)
    _draw(folder, before.folder, layers, edition, with_pdf="pdf" in (asked.get("formats") or ()))
    if (before.folder / RASTERS).is_dir():
        shutil.copytree(before.folder / RASTERS, folder / RASTERS)
        renew_flood_masks(layers, folder, edition)
    record = release_record(before.record, layers, edition, said, wgs84_bounds(layers))
    return write_documents(folder, record, layers, edition)


def _draw(folder: Path, before: Path, layers: Sequence[Layer], edition: Edition, *, with_pdf: bool) -> None:
    """The sheet, on the imagery of the release before."""
    for ending in (PICTURE, PLACE):
        if (before / f"{STEM}{ending}").is_file():
            shutil.copyfile(before / f"{STEM}{ending}", folder / f"{STEM}{ending}")
    imagery, figures = read_quicklook(folder), figures_of(layers)
    (folder / "overview.png").write_bytes(draw(layers, imagery, edition=edition, figures=figures))
    if with_pdf:
        (folder / "overview.pdf").write_bytes(draw_pdf(layers, imagery, edition=edition, figures=figures))
