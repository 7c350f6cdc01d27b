"""What a run carries from one stage to the next."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.task_runners import TaskRunner

from flows.parameters import RunParameters
from flows.preflight import check, plan_tiles, product_uri
from flows.run import run_identity
from flows.run.block_files import read_order
from flows.run.completion import EarlierRun, completed_parameters
from flows.run.final_state import check_mended, final_state
from flows.run.given import chosen, provenance, read_given
from flows.run.known_calibration import by_tile, description, doubts, known_calibration
from flows.run.ownership import server_identity
from flows.run.review_form import Decision, check_reviewable
from flows.run.suspension import SuspendedRun, forget
from tasks.calibration import calibrate_tiles, histograms_of
from tasks.core.errors import FinalError
from tasks.core.given_areas.given_areas import NOTHING_GIVEN, GivenAreas
from tasks.core.models.nir_threshold import Split, Threshold
from tasks.core.product.area_of_interest import doubts as given_doubts
from tasks.core.reports.run_json import RunRecord, run_record, to_json
from tasks.core.text import counted, enumerated
from tasks.core.tiles.block_records import BlockOrder
from tasks.core.tiles.estimates import Estimate
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.ledger import Ledger
from tasks.core.tiles.plan import Verdict
from tasks.core.tiles.run_names import run_name
from tasks.core.tiles.tile import Tile
from tasks.core.tiles.training_scale import long_side_px, scale_finding
from tasks.endpoint import EndpointLife, endpoint_name
from tasks.runtime.aws_credentials import aws_access
from tasks.runtime.log_file import log_file
from tasks.runtime.outcomes import NAMED_IN_LOG
from tasks.runtime.policies import as_it_is
from tasks.runtime.progress import watcher
from tasks.runtime.published_event import emit_published
from tasks.services import storage, temp_folders
from tasks.services.endpoints.endpoint_kinds import batch_service
from tasks.services.publishing import publishing
from tasks.services.storage.storage_errors import FULL, local_error
from tasks.services.temp_folders import KEPT_DAYS, temp_folder
from tasks.services.work_directory import run_records
from tasks.services.work_directory.cached_tiles import CachedTiles, recorded

# What a run with a product starts after its stages: assemble, write-product, draw-overview, report, package, publish.
PRODUCT_TASKS = 6
STAGES = ("prepare", "predict", "extract")
PLACES = ("output_directory", "work_directory", "log_storage_directory")


def estimate(parameters: RunParameters, jobs: Sequence[TileJob]) -> Estimate:
    """How long the jobs that need a prediction will need a SageMaker endpoint."""
    return Estimate.of_jobs(
        jobs,
        predict_seconds=parameters.predict_seconds,
        in_flight=parameters.endpoint_spec().in_flight,
        processors=os.cpu_count() or 1,
    )


def report(line: str) -> None:
    """Put it into the log, and tell whoever watches."""
    get_run_logger().info("%s", line)
    watcher().reported(line)


def _is_all_there(ledger: Ledger) -> bool:
    """Whether the work directory still holds the polygons of the tiles with an answer: the cache may be pruned."""
    standing = ledger.standing
    return len(recorded(standing, "extract")) == len(standing)


@dataclass
class Run:
    """One run of the flow: what was asked, what became of each tile, and of the endpoint.

    Attributes:
        parameters: What was asked.
        id: The flow run's id.
        endpoint: The endpoint's life, from its name to its end.
        started: When the run began, UTC.
        log: URI of the run's log file.
        model_identity: What the answers depend on besides frames and settings.
        jobs: What is to be done for each tile, once ``plan`` has been called.
        ledger: What became of each tile.
        cached: What earlier runs left in the work directory.
        task_runs: How many tasks were started.
        calibration: The thresholds that the model is told; None where it needs none, or they are not known yet.
        prepared: Ids of tiles that were prepared for the calibration.
        earlier: The run that this one completes; None where it does not.
        settled: Ids of tiles whose answers are taken from that run: no task is started for them.
        question: Key of the last question to a reviewer; empty before the first.
        decision: What the reviewer decided; None before that.
        to_check: Sentences for the reviewer on the places that most deserve a look.
        given: Areas that people gave besides the frames.
        outside: Ids of the frames outside the area of interest, which are no tiles of the run.
        order: What a campaign has this run do of it; None where it is a run of its own.
    """

    parameters: RunParameters
    id: UUID
    endpoint: EndpointLife
    started: datetime
    log: str
    model_identity: str = ""
    jobs: list[TileJob] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    cached: CachedTiles = field(default_factory=CachedTiles)
    task_runs: int = 1
    calibration: tuple[Threshold, ...] | None = None
    prepared: frozenset[str] = frozenset()
    earlier: EarlierRun | None = None
    settled: frozenset[str] = frozenset()
    question: str = ""
    decision: Decision | None = None
    to_check: tuple[str, ...] = ()
    given: GivenAreas = NOTHING_GIVEN
    outside: tuple[str, ...] = ()
    order: BlockOrder | None = None

    @classmethod
    @contextmanager
    def begin(cls, asked: RunParameters) -> Iterator["Run"]:
        """Refuse at once what cannot end well; then keep a log and, against a second run, a lock on the product."""
        run_id, started = UUID(str(flow_run.get_id())), datetime.now(UTC)
        with ExitStack() as stack:
            stack.enter_context(aws_access(asked.aws_block, asked.kms_key, requester_pays=asked.requester_pays))
            run_identity.begin(publishing.dataset_name(asked.dataset).replace("_", " "))
            check_reviewable(asked)
            parameters, earlier = completed_parameters(asked)
            order = None if asked.block is None else read_order(asked.block, storage.resolve(asked.work_directory))
            before = earlier or order
            identity = check(parameters, None if before is None else before.model_identity)
            given = read_given(parameters)
            owner = server_identity() if parameters.endpoint_spec().is_billed else ""
            spec, price = parameters.endpoint_spec(owner), parameters.instance_hour_price
            endpoint = EndpointLife(spec, spec.endpoint_name or endpoint_name(run_id), price)
            not_locked = stack.enter_context(publishing.locked(product_uri(parameters)))
            stamp = f"{started:%Y%m%dT%H%M%S}_{run_id.hex[:8]}"
            log = stack.enter_context(log_file(parameters.log_storage_directory, parameters.log_file_prefix, stamp))
            watcher().started(run_id, log)
            if not_locked is not None:
                get_run_logger().warning("%s", not_locked)
                watcher().reported(not_locked)
            run = cls(parameters, run_id, endpoint, started, log, identity, earlier=earlier, given=given, order=order)
            temp_folders.sweep()
            if earlier is not None:
                report(f"settings taken over {earlier.description}")
            run.take_up()
            if not run.resumed:
                report(f"listing the frames of {parameters.dataset}")
            yield run

    def plan(self, tiles: Sequence[Tile]) -> None:
        """Work out what is to be done for each tile, and what an earlier run has done of it.

        Raises:
            UnusableArgument: It would take longer than a SageMaker endpoint may live, or the run to complete was on
                other tiles, or this is a retry for which nothing was mended.
        """
        listed = tiles
        tiles, self.outside = chosen(listed, self.given)
        if self.outside:
            report(f"{len(self.outside):,} of {len(listed):,} frames lie outside the area of interest: not fetched")
        for text in given_doubts(tiles, self.given):
            get_run_logger().warning("%s", text)
            watcher().reported(f"warning: {text}")
        check_mended(run_records.read(run_records.record_uri(self._work, self.id)), tiles)
        self.jobs = plan_tiles(self.parameters, tiles, self.model_identity)
        self.calibration = known_calibration(self.parameters, self.jobs, self.earlier)
        earlier = {} if self.earlier is None else self.earlier.told
        self._plan_again(earlier if self.calibration is None else by_tile(self.calibration))
        self.ledger = Ledger(self.jobs)
        unusable = [tile.id for tile in tiles if tile.problem is not None]
        if unusable:  # named at the beginning: whoever watches may mend them meanwhile
            message = "%d of %d frames cannot be used, as their headers show: %s"
            get_run_logger().warning(message, len(unusable), len(tiles), enumerated(unusable, NAMED_IN_LOG))
        self._warn_of_the_cache()
        again = None if self.earlier is None else self._complete(self.earlier)
        title = run_name(self.dataset_name, (tile.id for tile in tiles), of_them=again)
        run_identity.name(title, {self.dataset_name, self.parameters.endpoint})
        for text in map(description, self.calibration) if self.calibration else self.doubts:
            report(text)
        is_known = self.calibration is not None or not self.endpoint.spec.is_calibrated
        predicted = f"; to be predicted: {len(self.unpredicted):,}" if is_known else ""
        report(f"tiles: {len(tiles):,}, of which {len(unusable):,} unusable{predicted}")
        if self.endpoint.spec.is_billed:
            estimate(self.parameters, self.unpredicted).check(self.parameters.max_endpoint_minutes)
        if self.endpoint.spec.training_job and self.unpredicted:
            self._warn_of_the_scale()

    def follow(self, order: BlockOrder) -> None:
        """Instead of ``plan``: do a block of a campaign, which has planned it."""
        self.jobs, self.calibration = list(order.jobs), ()
        self.cached, self.ledger = CachedTiles.look_up(self.jobs), Ledger(self.jobs)
        tiles = counted(len(self.jobs), "tile")
        title = f"{self.dataset_name} · block {order.number:,} · {tiles}"
        run_identity.name(title, {self.dataset_name, f"campaign-{order.campaign}"})
        report(f"block {order.number:,} of campaign {order.campaign}: {tiles}; phase {order.phase}")

    def _plan_again(self, thresholds: Mapping[str, Split], prepared: Collection[str] = ()) -> None:
        """With what the model is told; where that is not known yet, the cache holds nothing of use."""
        if thresholds:
            tiles = [job.tile for job in self.jobs]
            self.jobs = plan_tiles(self.parameters, tiles, self.model_identity, thresholds)
        is_known = bool(thresholds) or not self.endpoint.spec.is_calibrated
        self.cached = CachedTiles.look_up(self.jobs, prepared) if is_known else CachedTiles()

    def calibrate(self, prepare: Callable[[Sequence[TileJob]], None]) -> None:
        """Where the model needs a threshold that is not known yet: prepare what lacks a histogram, and find it.

        Args:
            prepare: Prepares tiles, and waits for them.
        """
        if self.calibration is not None or not self.endpoint.spec.is_calibrated:
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

    def _reopen(self, tiles: Collection[str]) -> None:
        """Do tiles again that were taken over from the earlier run."""
        for tile in tiles:
            self.ledger.reopen(tile)
        self.settled -= frozenset(tiles)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What a person should know of the calibration, and of the areas that were given."""
        tiles = [job.tile for job in self.jobs]
        return (*doubts(self.parameters, self.calibration or ()), *given_doubts(tiles, self.given))

    def _warn_of_the_scale(self) -> None:
        """Name the size of the images that the training job saw, where those that are sent have another."""
        from tasks.services.endpoints.sagemaker.readiness import Readiness  # noqa: PLC0415 - in the extra "aws"

        trained, _ = Readiness(self.endpoint.spec).find_model()
        if trained is None:
            return
        finding = scale_finding(long_side_px(self.jobs), trained.base_size)
        if finding.verdict is Verdict.WARNING:
            get_run_logger().warning("%s: %s", finding.name, finding.text)
            watcher().reported(f"warning: {finding.text}")

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
            get_run_logger().warning(message, count, self._work)

    def _complete(self, earlier: EarlierRun) -> int:
        """Take over what the earlier run has done and is still cached; how many tiles are done again."""
        earlier.check_tiles([job.tile for job in self.jobs])
        jobs = {job.tile.id: job for job in self.jobs}
        done = [row for row in earlier.rows("done") if self._is_cached(jobs[row["tile"]])]
        for row in done:
            self.ledger.take_over(row["tile"], STAGES, row["warnings"])
        for tile, reason in earlier.dropped.items():
            self.ledger.drop(tile, reason)
        self.settled = frozenset(row["tile"] for row in done)
        if forgotten := len(earlier.rows("done")) - len(done):
            message = "%d tiles that were done are not in the work directory %s: they are computed again"
            get_run_logger().warning(message, forgotten, self._work)
        return len(self.ledger.standing) - len(done)

    def _is_cached(self, job: TileJob) -> bool:
        return all(self.cached.has(stage, job) for stage in STAGES)

    @property
    def owns_endpoint_of_others(self) -> bool:
        """Of a campaign: whether its blocks' runs ask an endpoint that this run deploys and deletes."""
        return self.endpoint.spec.is_billed and not self.endpoint.spec.is_batch

    @property
    def unpredicted(self) -> list[TileJob]:
        """Jobs of the usable tiles that have no label mask yet."""
        standing = self.ledger.standing
        return [job for job in standing if job.tile.problem is None and not self.cached.has("predict", job)]

    def start_batch(self, runner: TaskRunner[Any]) -> None:
        """Where one job answers everything: now that all tiles are prepared, give it those that lack an answer."""
        if not self.unpredicted:
            return
        try:
            batch_service(self.endpoint.spec).provide(self.endpoint.name, self.unpredicted, report)
        except FinalError as error:
            self.endpoint.error = str(error)
            return
        self.endpoint.start(runner)

    def clear_batch(self) -> None:
        """Remove what a transform job was given and has written: its answers are in the cache by now."""
        if self.endpoint.spec.is_batch and self.endpoint.times:
            batch_service(self.endpoint.spec).clear(self.endpoint.name)

    @property
    def has_answers(self) -> bool:
        """Whether some tile went through all stages: then there is a product."""
        return bool(self.ledger.standing)

    @property
    def resumed(self) -> bool:
        """Whether this run has found what there is before a person was asked: nothing is computed again."""
        return bool(self.question)

    def take_up(self) -> None:
        """After a suspension: what was found before it."""
        if not self.parameters.review:
            return
        found = SuspendedRun.of(self._work, self.id)
        ledger = Ledger.from_list([account.to_dict() for account in found.ledger] if found else [])
        if found is not None and _is_all_there(ledger):
            self.ledger, self.jobs = ledger, [account.job for account in ledger.accounts]
            self.started, self.model_identity, self.question = found.started, found.model_identity, found.question
            self.calibration, self.to_check = found.calibration, found.to_check
            self.outside = found.outside
            self.endpoint.take_up(found.endpoint.model_dump(exclude_unset=True))

    def put_aside(self, question: str) -> None:
        """Before a suspension: keep what was found."""
        self.question = question
        values: dict[str, Any] = {
            "ledger": self.ledger.accounts,
            "endpoint": self.endpoint.to_dict(),
            "question": question,
        }
        values |= {"model_identity": self.model_identity, "calibration": self.calibration, "to_check": self.to_check}
        values |= {"outside": self.outside}
        found = SuspendedRun.model_validate({**values, "started": self.started})
        found.keep(self._work, self.id)

    def decided(self, decision: Decision) -> None:
        """Go on as a person has decided."""
        self.decision = decision
        for tile in decision.dropped:
            self.ledger.drop(tile, f"dropped in review: {decision.reason}")

    @property
    def min_contour_size(self) -> float:
        """Smallest polygon and hole of the product, m²."""
        return self.parameters.min_contour_size if self.decision is None else self.decision.min_contour_size

    @property
    def makes_product(self) -> bool:
        """Whether there is something to make a product of, and nobody has rejected it."""
        return self.has_answers and (self.decision is None or self.decision.accepted)

    @property
    def _work(self) -> str:
        return storage.resolve(self.parameters.work_directory)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A folder in which the product is put together; after a failure it stays for a week, to be looked into."""
        report("putting the product together: joining the tiles, writing layers, map and report")
        # On this machine: a share may have no locks, and without them SQLite writes no GeoPackage.
        with temp_folder(f"product-{self.id.hex[:8]}") as folder:
            try:
                yield folder
            except Exception as error:
                kept = temp_folders.keep_failed(folder)
                get_run_logger().error("what there is of the product is in %s for %d days", kept, KEPT_DAYS)
                if isinstance(error, OSError) and error.errno in FULL:
                    raise local_error(error, str(folder), "write") from error
                raise

    @property
    def dataset_name(self) -> str:
        """What the product is called."""
        return storage.name(self.destination)

    @property
    def destination(self) -> str:
        """Where the product goes."""
        return product_uri(self.parameters)

    def will_be_kept(self, folder: Path) -> tuple[str, ...]:
        """What people have changed where the product goes, or put in its way, in words for its report."""
        return tuple(str(kept) for kept in publishing.to_be_kept(folder, self.destination))

    def finished(self, record: RunRecord, product: str) -> None:
        """Keep the record, and tell whoever watches that the product is in its place."""
        asked = self.parameters
        wanted = bool(asked.exposure), "cog" in asked.formats, asked.profile, asked.smoothing != "off", asked.cut_grid_m
        self.task_runs += PRODUCT_TASKS + sum(map(bool, wanted)) + bool(self.endpoint.times) + (not self.keeps_work)
        self._keep(record)
        watcher().finished(self.task_runs, record, product)
        emit_published(record, product)

    def ended_without_product(self) -> RunRecord:
        """Keep the record of a run that has nothing to show, or whose product was rejected: it can be completed."""
        record = run_record(
            accounts=self.ledger.accounts, layers=(), warnings=(*self.doubts, *self.endpoint.doubts), **self.facts()
        )
        self._keep(record)
        return record

    def _keep(self, record: RunRecord) -> None:
        storage.write_bytes(run_records.record_uri(self._work, self.id), to_json(record))
        if self.resumed:
            forget(self._work, self.id)

    @property
    def keeps_work(self) -> bool:
        """Whether intermediates stay: where that was asked, or something failed and people will want to look."""
        return self.parameters.keep_work or bool(self.ledger.failed)

    def facts(self) -> dict[str, Any]:
        """What the report says of the run itself."""
        return {
            "dataset": storage.resolve(self.parameters.dataset),
            "flow_run_id": str(self.id),
            "state": self.final_state().name,
            # Places as they are: whoever completes this run may be in another folder.
            "parameters": self.parameters.model_dump(mode="json")
            | {name: storage.resolve(getattr(self.parameters, name)) for name in PLACES},
            "model_identity": self.model_identity,
            "calibration": self.calibration,
            "review": None if self.decision is None else self.decision.to_dict(),
            "given": provenance(self.given, self.outside),
            "started": self.started,
            "finished": datetime.now(UTC),
            "endpoint": self.endpoint.to_dict(),
        }

    def final_state(self) -> State[Any]:
        """What the run ends as."""
        return final_state(
            self.ledger,
            failure_tolerance=self.parameters.failure_tolerance,
            endpoint_left=self.endpoint.left,
            decision=self.decision,
        )
