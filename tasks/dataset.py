"""Stage list: what the dataset holds."""

import os

from prefect.logging import get_run_logger

from tasks.core.geo.crs import given_crs
from tasks.core.tiles.tile import Tile
from tasks.runtime.policies import run_task
from tasks.services.frames import dataset_listing
from tasks.services.frames.image_lists import LIST_BUCKETS

MEGA = 1_000_000


@run_task(name="list-tiles", task_run_name="list {dataset}")
def list_tiles(dataset: str, crs: str | None, max_tile_megapixels: int) -> list[Tile]:
    """Every image of the dataset with its header judged; a bad header costs its own tile only."""
    tiles = probe_dataset(dataset, crs, max_tile_megapixels)
    bad = sum(tile.problem is not None for tile in tiles)
    get_run_logger().info("%d tiles in %s, %d of them unusable", len(tiles), dataset, bad)
    return tiles


def probe_dataset(dataset: str, crs: str | None, max_tile_megapixels: int) -> list[Tile]:
    """As the stage, outside a run."""
    return dataset_listing.list_tiles(
        dataset,
        crs=None if crs is None else given_crs(crs),
        max_pixels=max_tile_megapixels * MEGA,
        list_buckets=[name.strip() for name in os.environ.get(LIST_BUCKETS, "").split(",") if name.strip()],
    )
