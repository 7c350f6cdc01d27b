"""Which stages of which tiles are in the cache: looked for once a run; only what work depends on is read beforehand."""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from tasks.core.errors import FinalError, RecordMismatch
from tasks.core.tiles.jobs import Stage, TileJob
from tasks.services import storage
from tasks.services.work_directory import tile_files

CHECKS_AT_ONCE = 16


@dataclass(frozen=True)
class CachedTiles:
    """Which tiles have an answer in the work directory, by stage.

    Attributes:
        prepare: Ids of tiles with all that ``prepare`` makes and later stages of this run need.
        predict: Ids of tiles with a label mask.
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
    def look_up(cls, jobs: Sequence[TileJob], prepared: Collection[str] = ()) -> "CachedTiles":
        """Look for the tiles' files, and read what polygons are to be made of: a damaged mask needs an endpoint.

        Of a tile with polygons nothing else is read; whether these fit their record shows where they are assembled.
        A cache may be full of files without records, of an earlier version of this program: they are counted, not
        named. Only of label masks, which may have cost money.

        Args:
            jobs: Of the tiles.
            prepared: Ids of tiles that have been prepared just now: what is there of them is not read.
        """
        usable = [job for job in jobs if job.tile.problem is None and job.grid is not None]
        extract = _ids(recorded(usable, "extract"))
        masks = storage.present(uri for job in usable for uri in job.cached_uris("predict"))
        predict, wrong_masks = _checked(_complete(usable, "predict", masks), extract, tile_files.answer)
        prepare, wrong_images = _checked(
            _with_jpegs(recorded(usable, "prepare"), predict),
            (extract & predict).union(prepared),
            lambda job: tile_files.check_prepared(job, with_jpegs=job.tile.id not in predict),
        )
        unrecorded = sum(job.labels_uri in masks and job.record_uri("predict") not in masks for job in usable)
        return cls(prepare, predict, extract, tuple(sorted(wrong_images + wrong_masks)), unrecorded)

    def has(self, stage: str, job: TileJob) -> bool:
        """Whether a tile's stage has its answer."""
        return job.tile.id in {"prepare": self.prepare, "predict": self.predict, "extract": self.extract}[stage]


def recorded(jobs: Sequence[TileJob], stage: Stage) -> list[TileJob]:
    """The jobs whose record and files of a stage are there; files are looked for only where there is a record.

    Raises:
        ObjectMissing: The work directory may not be looked into.
    """
    records = storage.present(job.record_uri(stage) for job in jobs)
    answered = [job for job in jobs if job.record_uri(stage) in records]
    files = storage.present(uri for job in answered for uri in job.file_uris(stage))
    return _complete(answered, stage, records | files)


def _with_jpegs(jobs: Sequence[TileJob], predicted: Collection[str]) -> list[TileJob]:
    """Without those of which the endpoint has yet to be sent what is not there: it is removed after a good run."""
    wanted = [job.jpegs_uri for job in jobs if job.tile.id not in predicted]
    there = storage.present(wanted)
    return [job for job in jobs if job.tile.id in predicted or job.jpegs_uri in there]


def _complete(jobs: Sequence[TileJob], stage: Stage, uris: Collection[str]) -> list[TileJob]:
    return [job for job in jobs if all(uri in uris for uri in job.cached_uris(stage))]


def _ids(jobs: Sequence[TileJob]) -> frozenset[str]:
    return frozenset(job.tile.id for job in jobs)


def _checked(
    jobs: Sequence[TileJob], needless: Collection[str], read: Callable[[TileJob], object]
) -> tuple[frozenset[str], list[tuple[str, str]]]:
    """Ids of the tiles whose files can be used, and what was found of others; reading some of them is needless."""
    to_read = [job for job in jobs if job.tile.id not in needless]
    with ThreadPoolExecutor(CHECKS_AT_ONCE) as pool:
        errors = list(pool.map(partial(_error, read), to_read))
    bad = {job.tile.id: error for job, error in zip(to_read, errors, strict=True) if error is not None}
    findings = [(tile, error.finding) for tile, error in bad.items() if isinstance(error, RecordMismatch)]
    return _ids(jobs) - bad.keys(), findings


def _error(read: Callable[[TileJob], object], job: TileJob) -> FinalError | None:
    try:
        read(job)
    except FinalError as error:
        return error
    return None
