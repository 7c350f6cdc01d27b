"""What is to be done for each tile of a run, what earlier runs have done of it, and what became of it."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from prefect.logging import get_run_logger

from flows.parameters import RunParameters
from flows.preflight import plan_tiles
from flows.run.completion import EarlierRun
from flows.run.given import chosen
from flows.run.known_calibration import by_tile, description, doubts, known_calibration
from flows.run.suspension import SuspendedRun
from tasks.calibration import calibrate_tiles, histograms_of
from tasks.core.given_areas.given_areas import NOTHING_GIVEN, GivenAreas
from tasks.core.models.nir_threshold import Split, Threshold
from tasks.core.product.area_of_interest import doubts as given_doubts
from tasks.core.text import enumerated
from tasks.core.tiles.block_records import BlockOrder
from tasks.core.tiles.estimates import Estimate
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.ledger import Ledger
from tasks.core.tiles.tile import Tile
from tasks.runtime.outcomes import NAMED_IN_LOG
from tasks.runtime.policies import as_it_is
from tasks.runtime.progress import report, warn
from tasks.services import storage
from tasks.services.work_directory.cached_tiles import CachedTiles, recorded

STAGES = ("prepare", "predict", "extract")


def estimate(parameters: RunParameters, jobs: Sequence[TileJob]) -> Estimate:
    """How long the jobs that need a prediction will need a SageMaker endpoint."""
    return Estimate.of_jobs(
        jobs,
        predict_seconds=parameters.predict_seconds,
        in_flight=parameters.endpoint_spec().in_flight,
        processors=os.cpu_count() or 1,
    )


@dataclass
class TileWork:
    """The tiles of a run.

    Attributes:
        parameters: What was asked.
        model_identity: What the answers depend on besides frames and settings.
        earlier: The run that this one completes; None where it does not.
        given: Areas that people gave besides the frames.
        jobs: What is to be done for each tile, once ``plan`` has been called.
        ledger: What became of each tile.
        cached: What earlier runs left in the work directory.
        task_runs: How many tasks were started.
        calibration: The thresholds that the model is told; None where it needs none, or they are not known yet.
        prepared: Ids of tiles that were prepared for the calibration.
        settled: Ids of tiles whose answers are taken from the earlier run: no task is started for them.
        outside: Ids of the frames outside the area of interest, which are no tiles of the run.
    """

    parameters: RunParameters
    model_identity: str = ""
    earlier: EarlierRun | None = None
    given: GivenAreas = NOTHING_GIVEN
    jobs: list[TileJob] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    cached: CachedTiles = field(default_factory=CachedTiles)
    task_runs: int = 1
    calibration: tuple[Threshold, ...] | None = None
    prepared: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()
    outside: tuple[str, ...] = ()

    def choose(self, frames: Sequence[Tile]) -> list[Tile]:
        """Those that become tiles of the run: the ones within the area of interest."""
        tiles, self.outside = chosen(frames, self.given)
        if self.outside:
            report(f"{len(self.outside):,} of {len(frames):,} frames lie outside the area of interest: not fetched")
        for doubt in given_doubts(tiles, self.given):
            warn(doubt)
        return tiles

    def plan(self, tiles: Sequence[Tile]) -> None:
        """Work out what is to be done for each tile, and what an earlier run has done of it.

        Raises:
            UnusableArgument: The run to complete was on other tiles.
        """
        self.jobs = plan_tiles(self.parameters, tiles, self.model_identity)
        self.calibration = known_calibration(self.parameters, self.jobs, self.earlier)
        told = {} if self.earlier is None else self.earlier.told
        self._plan_again(told if self.calibration is None else by_tile(self.calibration))
        self.ledger = Ledger(self.jobs)
        if self.unusable:  # named at the beginning: whoever watches may mend them meanwhile
            message = "%d of %d frames cannot be used, as their headers show: %s"
            get_run_logger().warning(message, len(self.unusable), len(tiles), enumerated(self.unusable, NAMED_IN_LOG))
        self._warn_of_the_cache()
        if self.earlier is not None:
            self._complete(self.earlier)

    def follow(self, order: BlockOrder) -> None:
        """Instead of ``plan``: do a block of a campaign, which has planned it."""
        self.jobs, self.calibration = list(order.jobs), ()
        self.cached, self.ledger = CachedTiles.look_up(self.jobs), Ledger(self.jobs)

    def take_up(self, found: SuspendedRun, ledger: Ledger) -> None:
        """Instead of ``plan``: go on with what was found before a suspension."""
        self.ledger, self.jobs = ledger, [account.job for account in ledger.accounts]
        self.model_identity, self.calibration, self.outside = found.model_identity, found.calibration, found.outside

    def calibrate(self, prepare: Callable[[Sequence[TileJob]], None]) -> None:
        """Where the model needs a threshold that is not known yet: prepare what lacks a histogram, and find it.

        Args:
            prepare: Prepares tiles, and waits for them.
        """
        if self.thresholds_are_known:
            return
        known = histograms_of(recorded(self.ledger.standing, "prepare"))
        self._reopen(self.settled - known.keys())
        lacking = [job for job in self.ledger.standing if job.tile.id not in known]
        self.prepared = frozenset(job.tile.id for job in lacking)
        prepare(lacking)
        self.calibration = ()
        if self.ledger.standing:
            self.calibration = calibrate_tiles(as_it_is(self.ledger.standing))
            self.task_runs += 1
        thresholds = by_tile(self.calibration)
        for job in self.ledger.standing:
            if job.tile.id not in thresholds:
                self.ledger.fail(job, "prepare", f"{job.record_uri('prepare')}: cannot be read. Run again")
        before = {job.tile.id: job.nir for job in self.jobs}
        self._plan_again(thresholds, self.prepared)
        self.ledger.replan(self.jobs)
        self._reopen({job.tile.id for job in self.jobs if job.nir != before[job.tile.id]} & self.settled)
        self._warn_of_the_cache()
        for threshold in self.calibration:
            report(description(threshold))
        report(f"to be predicted: {len(self.unpredicted):,}")

    @property
    def thresholds_are_known(self) -> bool:
        """Whether it is known what the model is to be told."""
        return self.calibration is not None or not self.parameters.endpoint_spec().is_calibrated

    @property
    def unusable(self) -> list[str]:
        """Ids of tiles whose headers show that they cannot be used."""
        return [job.tile.id for job in self.jobs if job.tile.problem is not None]

    @property
    def open(self) -> list[TileJob]:
        """Jobs of the tiles that go through the stages: neither failed nor settled."""
        return [job for job in self.ledger.standing if job.tile.id not in self.settled]

    @property
    def unpredicted(self) -> list[TileJob]:
        """Jobs of the usable tiles that have no label mask yet."""
        standing = self.ledger.standing
        return [job for job in standing if job.tile.problem is None and not self.cached.has("predict", job)]

    @property
    def doubts(self) -> tuple[str, ...]:
        """What a person should know of the calibration, and of the areas that were given."""
        tiles = [job.tile for job in self.jobs]
        return (*doubts(self.parameters, self.calibration or ()), *given_doubts(tiles, self.given))

    def _plan_again(self, thresholds: Mapping[str, Split], prepared: Collection[str] = ()) -> None:
        """With what the model is told; where that is not known yet, the cache holds nothing of use."""
        if thresholds:
            tiles = [job.tile for job in self.jobs]
            self.jobs = plan_tiles(self.parameters, tiles, self.model_identity, thresholds)
        is_known = bool(thresholds) or not self.parameters.endpoint_spec().is_calibrated
        self.cached = CachedTiles.look_up(self.jobs, prepared) if is_known else CachedTiles()

    def _reopen(self, tiles: Collection[str]) -> None:
        """Do tiles again that were taken over from the earlier run."""
        for tile in tiles:
            self.ledger.reopen(tile)
        self.settled -= frozenset(tiles)

    def _complete(self, earlier: EarlierRun) -> None:
        """Take over what the earlier run has done and is still cached."""
        earlier.check_tiles([job.tile for job in self.jobs])
        jobs = {job.tile.id: job for job in self.jobs}
        rows = earlier.rows("done")
        done = [row for row in rows if all(self.cached.has(stage, jobs[row["tile"]]) for stage in STAGES)]
        for row in done:
            self.ledger.take_over(row["tile"], STAGES, row["warnings"])
        for tile, reason in earlier.dropped.items():
            self.ledger.drop(tile, reason)
        self.settled = frozenset(row["tile"] for row in done)
        if forgotten := len(rows) - len(done):
            message = "%d tiles that were done are not in the work directory %s: they are computed again"
            get_run_logger().warning(message, forgotten, storage.resolve(self.parameters.work_directory))

    def _warn_of_the_cache(self) -> None:
        """Name what the work directory holds under a tile's key that is not the tile's."""
        warned = {warning for account in self.ledger.accounts for warning in account.warnings}
        for tile, finding in self.cached.mismatches:
            warning = f"{finding}; it is computed again"
            if warning in warned:
                continue
            get_run_logger().warning(warning)
            self.ledger.warn(tile, warning)
        if count := self.cached.unrecorded:
            message = "%d label masks in %s have no record of what they are: they are not used, but predicted again"
            get_run_logger().warning(message, count, storage.resolve(self.parameters.work_directory))
