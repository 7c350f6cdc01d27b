"""What a run carries from one stage to the next."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import State, Task
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows.checks import check, product_uri
from flows.ownership import server_identity
from flows.parameters import RunParameters
from tasks.aws_access import aws_access
from tasks.core.estimates import Estimate
from tasks.core.jobs import TileJob, plan_jobs
from tasks.core.ledger import Ledger
from tasks.core.records import Tile
from tasks.core.report import RunRecord
from tasks.dataset import MEGA, Remembered
from tasks.endpoint import EndpointLife, endpoint_name
from tasks.progress import watcher
from tasks.runlog import log_file
from tasks.services import publishing, storage
from tasks.services.endpoint_kinds import SAGEMAKER, endpoint_service
from tasks.stages import run_stage

NO_PRODUCT, TOO_MANY, SOME_FAILED, ENDPOINT_LEFT = FINAL_STATES = (
    "NoProduct",
    "TooManyTileFailures",
    "CompletedWithFailures",
    "EndpointNotDeleted",
)
# What a run with a product starts after its stages: assemble, write-product, draw-overview, report, package, publish.
PRODUCT_TASKS = 6


def plan_tiles(parameters: RunParameters, tiles: Sequence[Tile]) -> list[TileJob]:
    """What is to be done for each tile."""
    return plan_jobs(
        tiles,
        width_px=parameters.width,
        model_identity=endpoint_service(parameters.endpoint_spec()).model_identity(),
        flood_labels=parameters.flood_labels,
        max_pixels=parameters.max_tile_megapixels * MEGA,
        work_directory=storage.resolve(parameters.work_directory),
    )


def estimate(parameters: RunParameters, jobs: Sequence[TileJob]) -> Estimate:
    """How long the jobs that need a prediction will need a SageMaker endpoint."""
    return Estimate.of_jobs(
        jobs,
        predict_seconds=parameters.predict_seconds,
        in_flight=parameters.endpoint_spec().in_flight,
        processors=os.cpu_count() or 1,
    )


@dataclass
class Run:
    """One run of the flow: what was asked, what became of each tile, and of the endpoint.

    Attributes:
        parameters: What was asked.
        id: The flow run's id.
        endpoint: The endpoint's life, from its name to its end.
        started: When the run began, UTC.
        log: URI of the run's log file.
        jobs: What is to be done for each tile, once ``plan`` has been called.
        ledger: What became of each tile.
        remembered: What an earlier run left in the work directory.
        task_runs: How many tasks were started.
    """

    parameters: RunParameters
    id: UUID
    endpoint: EndpointLife
    started: datetime
    log: str
    jobs: list[TileJob] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    remembered: Remembered = field(default_factory=Remembered)
    task_runs: int = 1

    @classmethod
    @contextmanager
    def begin(cls, parameters: RunParameters) -> Iterator["Run"]:
        """Refuse at once what cannot end well; then keep a log and, against a second run, a lock on the product."""
        run_id, started = UUID(str(flow_run.get_id())), datetime.now(UTC)
        with ExitStack() as stack:
            stack.enter_context(aws_access(parameters.aws_block, parameters.kms_key))
            check(parameters)
            owner = server_identity() if parameters.endpoint == SAGEMAKER else ""
            spec, price = parameters.endpoint_spec(owner), parameters.instance_hour_price
            endpoint = EndpointLife(spec, endpoint_name(run_id), price)
            stack.enter_context(publishing.locked(product_uri(parameters)))
            stamp = f"{started:%Y%m%dT%H%M%S}_{run_id.hex[:8]}"
            log = stack.enter_context(log_file(parameters.log_storage_directory, parameters.log_file_prefix, stamp))
            watcher().started(run_id, log)
            yield cls(parameters, run_id, endpoint, started, log)

    def plan(self, tiles: Sequence[Tile]) -> None:
        """Work out what is to be done for each tile, and what an earlier run has done of it.

        Raises:
            UnusableArgument: It would take longer than a SageMaker endpoint may live.
        """
        self.jobs = plan_tiles(self.parameters, tiles)
        self.ledger = Ledger(self.jobs)
        self.remembered = Remembered.look_up(self.jobs)
        if self.parameters.endpoint == SAGEMAKER:
            estimate(self.parameters, self.unpredicted).check(self.parameters.max_endpoint_minutes)

    @property
    def unpredicted(self) -> list[TileJob]:
        """Jobs of the usable tiles that have no label mask yet."""
        return [job for job in self.jobs if job.tile.problem is None and self.remembered.lacks("predict", job)]

    @property
    def needs_endpoint(self) -> bool:
        """Whether some usable tile has no label mask yet."""
        return bool(self.unpredicted)

    def stage(self, stage: Task[..., Any], **parameters: Any) -> None:
        """Run a stage for every tile that nothing has failed so far, and wait until each has ended."""
        jobs = self.ledger.standing
        self.task_runs += len(jobs)
        run_stage(stage, jobs, self.ledger, is_missing=lambda job: self.remembered.lacks(stage.name, job), **parameters)

    def predict(self, stage: Task[..., Any]) -> None:
        """Wait for the endpoint, then ask it for every tile, as many at a time as it serves well.

        Where it could not be deployed, the tiles that need it fail with the reason.
        """
        endpoint = self.endpoint.deployed()
        for job in self.ledger.standing if self.endpoint.error else ():
            if self.remembered.lacks("predict", job):
                self.ledger.fail(job, "predict", str(self.endpoint.error))
        at_once = 0 if endpoint is None else endpoint.in_flight
        self.stage(stage, deployment=None if endpoint is None else endpoint.to_dict(), at_once=at_once)

    @property
    def has_answers(self) -> bool:
        """Whether some tile went through all stages: then there is a product."""
        return bool(self.ledger.standing)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A folder in which the product is put together; after a failure it stays, for people to look into."""
        work = storage.resolve(self.parameters.work_directory)
        parent = tempfile.gettempdir() if storage.is_s3(work) else storage.join(work, "scratch")
        folder = Path(parent) / f"product-{self.id.hex}"
        folder.mkdir(parents=True)
        yield folder
        shutil.rmtree(folder, ignore_errors=True)

    @property
    def dataset_name(self) -> str:
        """What the product is called."""
        return publishing.dataset_name(self.parameters.dataset)

    @property
    def destination(self) -> str:
        """Where the product goes."""
        return product_uri(self.parameters)

    def finished(self, record: RunRecord, product: str) -> None:
        """Tell whoever watches that the product is in its place."""
        self.task_runs += PRODUCT_TASKS + bool(self.endpoint.times) + (not self.keeps_work)
        watcher().finished(self.task_runs, record, product)

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
            "parameters": self.parameters.model_dump(mode="json"),
            "started": self.started,
            "finished": datetime.now(UTC),
            "endpoint": self.endpoint.to_dict(),
        }

    def final_state(self) -> State[Any]:
        """Completed where every tile is done, or no more failed than is tolerated; what failed is said in the name."""
        total, failed = len(self.jobs), len(self.ledger.failed)
        message = f"{total - failed} of {total} tiles done, {failed} failed"
        if self.endpoint.left:
            left = "; ".join(self.endpoint.left)
            return Failed(name=ENDPOINT_LEFT, message=f"{message}; the sweep must still delete: {left}")
        if not failed:
            return Completed(message=message)
        if failed == total:
            return Failed(
                name=NO_PRODUCT, message=f"all {total} tiles failed; the first: {self.ledger.failed[0].error}"
            )
        if failed <= self.parameters.failure_tolerance * total:
            return Completed(name=SOME_FAILED, message=message)
        return Failed(name=TOO_MANY, message=message)
