"""What a run carries from one stage to the next."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.task_runners import TaskRunner

from flows.parameters import RunParameters
from flows.preflight import check, product_uri
from flows.run import run_identity
from flows.run.block_files import read_order
from flows.run.completion import completed_parameters
from flows.run.final_state import check_mended, final_state
from flows.run.given import provenance, read_given
from flows.run.known_calibration import description
from flows.run.ownership import server_identity
from flows.run.review_form import Decision, check_reviewable
from flows.run.suspension import SuspendedRun, forget
from flows.run.tile_work import TileWork, estimate
from tasks.core.errors import FinalError
from tasks.core.reports.run_json import RunRecord, run_record, to_json
from tasks.core.text import counted
from tasks.core.tiles.block_records import BlockOrder
from tasks.core.tiles.ledger import Ledger
from tasks.core.tiles.plan import Verdict
from tasks.core.tiles.run_names import run_name
from tasks.core.tiles.tile import Tile
from tasks.core.tiles.training_scale import long_side_px, scale_finding
from tasks.endpoint import EndpointLife, endpoint_name
from tasks.runtime.aws_credentials import aws_access
from tasks.runtime.log_file import log_file
from tasks.runtime.progress import report, warn, watcher
from tasks.runtime.published_event import emit_published
from tasks.services import storage, temp_folders
from tasks.services.endpoints.endpoint_kinds import batch_service
from tasks.services.publishing import publishing
from tasks.services.storage.storage_errors import FULL, local_error
from tasks.services.temp_folders import KEPT_DAYS, temp_folder
from tasks.services.work_directory import run_records
from tasks.services.work_directory.cached_tiles import recorded

# What a run with a product starts after its stages: assemble, write-product, draw-overview, report, package, publish.
PRODUCT_TASKS = 6
PLACES = ("output_directory", "work_directory", "log_storage_directory")


def _is_all_there(ledger: Ledger) -> bool:
    """Whether the work directory still holds the polygons of the tiles with an answer: the cache may be pruned."""
    standing = ledger.standing
    return len(recorded(standing, "extract")) == len(standing)


@dataclass
class Run:
    """One run of the flow: what was asked, its tiles, its endpoint, its review, and where its product goes.

    Attributes:
        parameters: What was asked.
        id: The flow run's id.
        endpoint: The endpoint's life, from its name to its end.
        started: When the run began, UTC.
        log: URI of the run's log file.
        tiles: What is to be done for each tile, and what became of it.
        question: Key of the last question to a reviewer; empty before the first.
        decision: What the reviewer decided; None before that.
        to_check: Sentences for the reviewer on the places that most deserve a look.
        order: What a campaign has this run do of it; None where it is a run of its own.
    """

    parameters: RunParameters
    id: UUID
    endpoint: EndpointLife
    started: datetime
    log: str
    tiles: TileWork
    question: str = ""
    decision: Decision | None = None
    to_check: tuple[str, ...] = ()
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
            tiles = TileWork(parameters, identity, earlier, read_given(parameters))
            owner = server_identity() if parameters.endpoint_spec().is_billed else ""
            spec, price = parameters.endpoint_spec(owner), parameters.instance_hour_price
            endpoint = EndpointLife(spec, spec.endpoint_name or endpoint_name(run_id), price)
            not_locked = stack.enter_context(publishing.locked(product_uri(parameters)))
            stamp = f"{started:%Y%m%dT%H%M%S}_{run_id.hex[:8]}"
            log = stack.enter_context(log_file(parameters.log_storage_directory, parameters.log_file_prefix, stamp))
            watcher().started(run_id, log)
            if not_locked is not None:
                warn(not_locked)
            run = cls(parameters, run_id, endpoint, started, log, tiles, order=order)
            temp_folders.sweep()
            if earlier is not None:
                report(f"settings taken over {earlier.description}")
            run.take_up()
            if not run.resumed:
                report(f"listing the frames of {parameters.dataset}")
            yield run

    def plan(self, frames: Sequence[Tile]) -> None:
        """Work out what is to be done, and say so.

        Raises:
            UnusableArgument: It would take longer than a SageMaker endpoint may live, or the run to complete was on
                other tiles, or this is a retry for which nothing was mended.
        """
        tiles = self.tiles.choose(frames)
        check_mended(run_records.read(run_records.record_uri(self._work_directory, self.id)), tiles)
        self.tiles.plan(tiles)
        again = None if self.tiles.earlier is None else len(self.tiles.open)
        title = run_name(self.dataset_name, (tile.id for tile in tiles), of_them=again)
        run_identity.name(title, {self.dataset_name, self.parameters.endpoint})
        for text in map(description, self.tiles.calibration) if self.tiles.calibration else self.tiles.doubts:
            report(text)
        unpredicted = self.tiles.unpredicted
        predicted = f"; to be predicted: {len(unpredicted):,}" if self.tiles.thresholds_are_known else ""
        report(f"tiles: {len(tiles):,}, of which {len(self.tiles.unusable):,} unusable{predicted}")
        if self.endpoint.spec.is_billed:
            estimate(self.parameters, unpredicted).check(self.parameters.max_endpoint_minutes)
        if self.endpoint.spec.training_job and unpredicted:
            self._warn_of_the_scale()

    def follow(self, order: BlockOrder) -> None:
        """Instead of ``plan``: do a block of a campaign, which has planned it."""
        self.tiles.follow(order)
        tiles = counted(len(order.jobs), "tile")
        title = f"{self.dataset_name} · block {order.number:,} · {tiles}"
        run_identity.name(title, {self.dataset_name, f"campaign-{order.campaign}"})
        report(f"block {order.number:,} of campaign {order.campaign}: {tiles}; phase {order.phase}")

    def _warn_of_the_scale(self) -> None:
        """Name the size of the images that the training job saw, where those that are sent have another."""
        from tasks.services.endpoints.sagemaker.readiness import Readiness  # noqa: PLC0415 - in the extra "aws"

        trained, _ = Readiness(self.endpoint.spec).find_model()
        if trained is None:
            return
        finding = scale_finding(long_side_px(self.tiles.jobs), trained.base_size)
        if finding.verdict is Verdict.WARNING:
            get_run_logger().warning("%s: %s", finding.name, finding.text)
            watcher().reported(f"warning: {finding.text}")

    @property
    def owns_endpoint_of_others(self) -> bool:
        """Of a campaign: whether its blocks' runs ask an endpoint that this run deploys and deletes."""
        return self.endpoint.spec.is_billed and not self.endpoint.spec.is_batch

    def start_batch(self, runner: TaskRunner[Any]) -> None:
        """Where one job answers everything: now that all tiles are prepared, give it those that lack an answer."""
        if not self.tiles.unpredicted:
            return
        try:
            batch_service(self.endpoint.spec).provide(self.endpoint.name, self.tiles.unpredicted, report)
        except FinalError as error:
            self.endpoint.error = str(error)
            return
        self.endpoint.start(runner)

    def clear_batch(self) -> None:
        """Remove what a transform job was given and has written: its answers are in the cache by now."""
        if self.endpoint.spec.is_batch and self.endpoint.times:
            batch_service(self.endpoint.spec).clear(self.endpoint.name)

    @property
    def resumed(self) -> bool:
        """Whether this run has found what there is before a person was asked: nothing is computed again."""
        return bool(self.question)

    def take_up(self) -> None:
        """After a suspension: what was found before it."""
        if not self.parameters.review:
            return
        found = SuspendedRun.of(self._work_directory, self.id)
        ledger = Ledger.from_list([account.to_dict() for account in found.ledger] if found else [])
        if found is not None and _is_all_there(ledger):
            self.tiles.take_up(found, ledger)
            self.started, self.question, self.to_check = found.started, found.question, found.to_check
            self.endpoint.take_up(found.endpoint.model_dump(exclude_unset=True))

    def put_aside(self, question: str) -> None:
        """Before a suspension: keep what was found."""
        self.question = question
        values: dict[str, Any] = {
            "ledger": self.tiles.ledger.accounts,
            "endpoint": self.endpoint.to_dict(),
            "question": question,
        }
        values |= {"model_identity": self.tiles.model_identity, "calibration": self.tiles.calibration}
        values |= {"to_check": self.to_check, "outside": self.tiles.outside}
        found = SuspendedRun.model_validate({**values, "started": self.started})
        found.keep(self._work_directory, self.id)

    def decided(self, decision: Decision) -> None:
        """Go on as a person has decided."""
        self.decision = decision
        for tile in decision.dropped:
            self.tiles.ledger.drop(tile, f"dropped in review: {decision.reason}")

    @property
    def min_contour_size(self) -> float:
        """Smallest polygon and hole of the product, m²."""
        return self.parameters.min_contour_size if self.decision is None else self.decision.min_contour_size

    @property
    def makes_product(self) -> bool:
        """Whether there is something to make a product of, and nobody has rejected it."""
        return bool(self.tiles.ledger.standing) and (self.decision is None or self.decision.accepted)

    @property
    def _work_directory(self) -> str:
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
        of_product = PRODUCT_TASKS + sum(map(bool, wanted)) + bool(self.endpoint.times) + (not self.keeps_work)
        self._keep(record)
        watcher().finished(self.tiles.task_runs + of_product, record, product)
        emit_published(record, product)

    def ended_without_product(self) -> RunRecord:
        """Keep the record of a run that has nothing to show, or whose product was rejected: it can be completed."""
        warnings = (*self.tiles.doubts, *self.endpoint.doubts)
        record = run_record(accounts=self.tiles.ledger.accounts, layers=(), warnings=warnings, **self.facts())
        self._keep(record)
        return record

    def _keep(self, record: RunRecord) -> None:
        storage.write_bytes(run_records.record_uri(self._work_directory, self.id), to_json(record))
        if self.resumed:
            forget(self._work_directory, self.id)

    @property
    def keeps_work(self) -> bool:
        """Whether intermediates stay: where that was asked, or something failed and people will want to look."""
        return self.parameters.keep_work or bool(self.tiles.ledger.failed)

    def facts(self) -> dict[str, Any]:
        """What the report says of the run itself."""
        return {
            "dataset": storage.resolve(self.parameters.dataset),
            "flow_run_id": str(self.id),
            "state": self.final_state().name,
            # Places as they are: whoever completes this run may be in another folder.
            "parameters": self.parameters.model_dump(mode="json")
            | {name: storage.resolve(getattr(self.parameters, name)) for name in PLACES},
            "model_identity": self.tiles.model_identity,
            "calibration": self.tiles.calibration,
            "review": None if self.decision is None else self.decision.to_dict(),
            "given": provenance(self.tiles.given, self.tiles.outside),
            "started": self.started,
            "finished": datetime.now(UTC),
            "endpoint": self.endpoint.to_dict(),
        }

    def final_state(self) -> State[Any]:
        """What the run ends as."""
        return final_state(
            self.tiles.ledger,
            failure_tolerance=self.parameters.failure_tolerance,
            endpoint_left=self.endpoint.left,
            decision=self.decision,
        )
