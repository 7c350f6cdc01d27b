"""Stage rasters: the product as pixels."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from prefect.logging import get_run_logger

from tasks.core.errors import ObjectMissing, RecordMismatch
from tasks.core.product.edition import Edition
from tasks.core.product.layer import Layer
from tasks.core.rasters import rasters
from tasks.core.rasters.raster_tile import Picture, RasterTile, pictures_of, preview_of
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.ledger import Account, Ledger
from tasks.runtime.policies import run_task
from tasks.services.work_directory import tile_files
from tasks.services.work_directory.cached_files import discard

T = TypeVar("T")


@run_task(name="write-rasters")
def write_rasters(ledger: Ledger, layers: Sequence[Layer], folder: Path, edition: Edition) -> tuple[str, ...]:
    """Write labels, confidence, flood mask and mosaic; the warnings say what is coarse or missing in them."""
    tiles = [_raster_tile(account) for account in ledger.accounts if _is_prepared(account)]
    flood_labels = tuple({label for account in ledger.accounts for label in account.job.flood_labels})
    warnings = rasters.write_rasters(tiles, layers, folder, edition.made, flood_labels=flood_labels, edition=edition)
    for warning in warnings:
        get_run_logger().warning("%s", warning)
    return warnings


def _is_prepared(account: Account) -> bool:
    has_place = account.job.grid is not None and account.job.tile.problem is None
    return has_place and (account.error is None or account.stage != "prepare")


def _raster_tile(account: Account) -> RasterTile:
    job = account.job
    answer = partial(_whole, tile_files.answer, job) if account.error is None else None
    valid, pictures = partial(_whole, tile_files.valid_mask, job), partial(_pictures, job)
    return RasterTile(job.tile.id, job.resized, valid, pictures, answer)


def _pictures(job: TileJob) -> Iterator[Picture]:
    """What the endpoint was sent; the preview where a good run has removed that."""
    try:
        yield from pictures_of(job.resized, tile_files.jpegs(job))
    except ObjectMissing:
        yield preview_of(job.resized, _whole(tile_files.preview, job))


def _whole(read: Callable[[TileJob], T], job: TileJob) -> T:
    """What is read of a tile; a damaged file goes, so that the next run makes it anew."""
    try:
        return read(job)
    except RecordMismatch as error:
        discard(error)
        raise
