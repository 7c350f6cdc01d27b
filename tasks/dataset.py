"""Stage list: what the dataset holds, and what each of its tiles still needs."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from prefect.logging import get_run_logger

from tasks.core.crs import given_crs
from tasks.core.errors import ObjectMissing
from tasks.core.jobs import TileJob
from tasks.core.records import Tile
from tasks.extent import has_valid_mask, is_extracted
from tasks.policies import run_task
from tasks.prediction import is_predicted
from tasks.services import datasets, storage
from tasks.services.image_lists import LIST_BUCKETS

CHECKS_AT_ONCE = 16
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
    return datasets.list_tiles(
        dataset,
        crs=None if crs is None else given_crs(crs),
        max_pixels=max_tile_megapixels * MEGA,
        list_buckets=[name.strip() for name in os.environ.get(LIST_BUCKETS, "").split(",") if name.strip()],
    )


@dataclass(frozen=True)
class Remembered:
    """Which tiles have usable files in the work directory from an earlier run.

    Attributes:
        prepare: Ids of tiles with all that ``prepare`` makes and later stages of this run need.
        predict: Ids of tiles with a usable label mask.
        extract: Ids of tiles with polygons.
    """

    prepare: frozenset[str] = frozenset()
    predict: frozenset[str] = frozenset()
    extract: frozenset[str] = frozenset()

    @classmethod
    def look_up(cls, jobs: Sequence[TileJob]) -> "Remembered":
        """Ask the work directory, in parallel: a remembered URI does not prove that the file is there, and whole."""
        predicted = _which(jobs, is_predicted)
        prepared = _which(jobs, lambda job: _is_prepared(job, needs_jpeg=job.tile.id not in predicted))
        return cls(prepared, predicted, _which(jobs, is_extracted))

    def lacks(self, stage: str, job: TileJob) -> bool:
        """Whether the files of a tile's stage were not there."""
        return job.tile.id not in {"prepare": self.prepare, "predict": self.predict, "extract": self.extract}[stage]


def _which(jobs: Sequence[TileJob], is_there: Callable[[TileJob], bool]) -> frozenset[str]:
    with ThreadPoolExecutor(CHECKS_AT_ONCE) as pool:
        return frozenset(job.tile.id for job, there in zip(jobs, pool.map(is_there, jobs), strict=True) if there)


def _is_prepared(job: TileJob, *, needs_jpeg: bool) -> bool:
    needed = [job.preview_uri, *([job.jpeg_uri] if needs_jpeg else [])]
    return all(_holds_something(uri) for uri in needed) and has_valid_mask(job)


def _holds_something(uri: str) -> bool:
    """A loss of power may leave a file under its final name without its content."""
    try:
        return storage.size(uri) > 0
    except ObjectMissing:
        return False
