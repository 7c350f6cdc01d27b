"""Stage extract: label masks become polygons; then all tiles' polygons become the product's layers."""

from collections.abc import Sequence
from typing import Any

import shapely
from prefect.logging import get_run_logger
from shapely import MultiPolygon

from tasks.core.errors import FloodExtentError, ObjectMissing, RecordMismatch
from tasks.core.given_areas.given_areas import NOTHING_GIVEN, GivenAreas
from tasks.core.polygons.tile_extent import TileExtent, extract
from tasks.core.polygons.tracing import mask_polygons, to_crs
from tasks.core.product.assessment import reason
from tasks.core.product.attributes import described
from tasks.core.product.edition import Edition
from tasks.core.product.grid_cut import cut_on_grid
from tasks.core.product.layer import AnsweredTile, FailedTile, Layer
from tasks.core.product.layer_assembly import assemble
from tasks.core.smoothing.proof import Proof
from tasks.core.smoothing.smoothing import smoothed
from tasks.core.text import without_folders
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.ledger import Account, Ledger
from tasks.core.tiles.stage_records import FileHash
from tasks.runtime.policies import computed_again, run_task, tile_task
from tasks.runtime.reading_ahead import read_ahead
from tasks.runtime.timing import timed
from tasks.services import storage
from tasks.services.work_directory import tile_files
from tasks.services.work_directory.cached_files import keep


@tile_task("extract", retries=3, cached_by="extract_key", hands_on="extent_uri")
def extract_tile(job: TileJob) -> dict[str, Any]:
    """Turn one tile's label mask into polygons in its CRS."""
    with timed() as timing:
        extent, file = _extracted(job)
    get_run_logger().info("%s px of flood, %s px removed in the padding", extent.flood_px, extent.flood_px_in_padding)
    return {"seconds": timing.seconds, "file": file}


def extract_extent(job: TileJob) -> TileExtent:
    """Make the tile's polygons from the label mask and the valid mask in the work directory, and keep them there."""
    return _extracted(job)[0]


def _extracted(job: TileJob) -> tuple[TileExtent, FileHash]:
    valid, answer = tile_files.valid_mask(job), tile_files.answer(job)
    extent = extract(answer.labels, valid, job.resized, job.flood_labels, answer.confidence)
    record = keep(job, "extract", {job.extent_uri: extent.to_bytes()})
    return extent, record.files[storage.name(job.extent_uri)]


@run_task(name="assemble")
def assemble_layers(
    ledger: Ledger, min_contour_size: float, edition: Edition, given: GivenAreas = NOTHING_GIVEN
) -> list[Layer]:
    """Join all tiles' polygons and make the product's layers; a tile whose polygons cannot be read fails."""
    read = read_ahead(lambda account: _answered(account, ledger), ledger.accounts)
    answered = [tile for tile in read if tile is not None]
    failed = [_failed(account) for account in ledger.unanswered]
    layers = described(assemble(answered, failed, min_contour_size, given), edition)
    for layer in layers:
        get_run_logger().info("%s: %d features", layer.name, len(layer))
    return layers


@run_task(name="smooth-outlines")
def smooth_outlines(layers: Sequence[Layer], method: str) -> tuple[list[Layer], Proof]:
    """The product's layers with copies of the extent and its neighbours without pixel steps, and what that has cost."""
    copies, proof = smoothed(layers, method)
    for extent in proof.extents:
        message = "%s: largest displacement %.2f m, area %+.2f %%"
        get_run_logger().info(message, extent.layer, extent.displacement_m, extent.error_percent)
    return [*layers, *copies], proof


@run_task(name="cut-extent")
def cut_extent(layers: Sequence[Layer], cut_grid_m: float) -> list[Layer]:
    """The product's layers with a copy of the extent in pieces, cut along a grid."""
    copies = cut_on_grid(layers, cut_grid_m)
    for layer in copies:
        get_run_logger().info("%s: %d pieces", layer.name, len(layer))
    return [*layers, *copies]


def _answered(account: Account, ledger: Ledger) -> AnsweredTile | None:
    if account.error is not None:
        return None
    job = account.job
    try:
        extent = _extent(account, ledger)
    except FloodExtentError as error:
        ledger.fail(job, "extract", str(error) if isinstance(error, RecordMismatch) else f"{error}. Run again")
        return None
    unassessed = reason(job.flood_labels, job.class_map)
    return AnsweredTile(job.tile.id, job.resized, extent, sum(account.seconds.values()), unassessed)


def _extent(account: Account, ledger: Ledger) -> TileExtent:
    """The tile's polygons; damaged ones are made again, from masks that fit their records."""
    job, expected = account.job, account.files.pop("extract", None)
    try:
        return tile_files.extent(job, expected)
    except RecordMismatch as damage:
        ledger.warn(job.tile.id, computed_again(damage))
        try:
            return extract_extent(job)
        except (ObjectMissing, RecordMismatch) as error:
            raise damage from error


def _failed(account: Account) -> FailedTile:
    area, job = unanswered_area(account), account.job
    crs = None if job.grid is None else job.grid.crs
    seconds = sum(account.seconds.values())
    places = (job.tile.uri.removesuffix(job.tile.id), storage.parent(job.tile.uri), job.work_directory)
    error = without_folders(account.error or "", places)
    return FailedTile(job.tile.id, account.stage, error, seconds, crs, area, account.state)


def unanswered_area(account: Account) -> MultiPolygon | None:
    """The ground that a failed tile leaves unanswered: its valid mask, else its header's footprint; None if unknown."""
    job = account.job
    if job.grid is None:
        return None
    if account.stage != "prepare":
        try:
            return to_crs(mask_polygons(tile_files.valid_mask(job)), job.grid)
        except FloodExtentError:
            get_run_logger().warning("%s: its valid mask is gone; the whole tile counts as not assessed", job.tile.id)
    return to_crs([shapely.box(0, 0, job.grid.width_px, job.grid.height_px)], job.grid)
