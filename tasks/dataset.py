"""Stage list: what the dataset holds, and what each of its tiles still needs."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from prefect.logging import get_run_logger

from tasks.core.crs import given_crs
from tasks.core.errors import FinalError, ObjectMissing, RecordMismatch
from tasks.core.jobs import TileJob
from tasks.core.records import Tile
from tasks.policies import run_task
from tasks.services import datasets, storage, tile_files
from tasks.services.image_lists import LIST_BUCKETS

T = TypeVar("T")

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
        mismatches: Ids of tiles, each with a sentence on a file that does not fit its record; in the order of the ids.
        unrecorded: How many tiles have a label mask without a record, which is not believed either.
    """

    prepare: frozenset[str] = frozenset()
    predict: frozenset[str] = frozenset()
    extract: frozenset[str] = frozenset()
    mismatches: tuple[tuple[str, str], ...] = ()
    unrecorded: int = 0

    @classmethod
    def look_up(cls, jobs: Sequence[TileJob]) -> "Remembered":
        """Ask the work directory, in parallel: a remembered URI does not prove that the file is there, and the tile's.

        A cache may be full of files without records, of an earlier version of this program: they are counted, not
        named. Only of label masks, which may have cost money.
        """
        predict = _which(jobs, tile_files.labels)
        prepare = _which(jobs, lambda job: tile_files.check_prepared(job, with_jpeg=job.tile.id not in predict.usable))
        extract = _which(jobs, tile_files.extent)
        mismatches = tuple(sorted(prepare.mismatches + predict.mismatches + extract.mismatches))
        rest = [job for job in jobs if job.tile.problem is None and job.tile.id in predict.missing]
        unrecorded = sum(_each(rest, lambda job: storage.exists(job.labels_uri)))
        return cls(prepare.usable, predict.usable, extract.usable, mismatches, unrecorded)

    def lacks(self, stage: str, job: TileJob) -> bool:
        """Whether the files of a tile's stage were not there."""
        return job.tile.id not in {"prepare": self.prepare, "predict": self.predict, "extract": self.extract}[stage]


@dataclass(frozen=True)
class _Found:
    """What became of one stage's files: ids of usable and missing ones, and what was found of those that do not fit."""

    usable: frozenset[str]
    missing: frozenset[str]
    mismatches: tuple[tuple[str, str], ...]


def _which(jobs: Sequence[TileJob], read: Callable[[TileJob], object]) -> _Found:
    errors = {job.tile.id: error for job, error in zip(jobs, _each(jobs, partial(_error, read)), strict=True)}
    return _Found(
        frozenset(tile for tile, error in errors.items() if error is None),
        frozenset(tile for tile, error in errors.items() if isinstance(error, ObjectMissing)),
        tuple((tile, error.finding) for tile, error in errors.items() if isinstance(error, RecordMismatch)),
    )


def _each(jobs: Sequence[TileJob], ask: Callable[[TileJob], T]) -> list[T]:
    with ThreadPoolExecutor(CHECKS_AT_ONCE) as pool:
        return list(pool.map(ask, jobs))


def _error(read: Callable[[TileJob], object], job: TileJob) -> FinalError | None:
    try:
        read(job)
    except FinalError as error:
        return error
    return None
