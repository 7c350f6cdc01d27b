"""Takes a run's tiles through its stages, and the endpoint through its life meanwhile."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from prefect import Task
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.parameter_types import THREADS
from flows.run.run import Run
from flows.run.tile_work import estimate
from tasks.core.tiles.estimates import is_due
from tasks.core.tiles.jobs import TileJob
from tasks.runtime.dask_cluster import dask_cluster
from tasks.runtime.endpoint_gate import EndpointGate
from tasks.runtime.runners import TILES_AT_ONCE, TileRunner, threads
from tasks.runtime.tile_stream import AHEAD, Pool, Stage, Stream, stream
from tasks.runtime.worker_batches import Access
from tasks.services.frames import decoding

SECONDS_A_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Runners:
    """Where a run's tasks run.

    Attributes:
        deploying: One thread of this process: only it may own an endpoint.
        asking: Threads of this process, which mostly wait for the endpoint.
        working: What prepares and extracts.
    """

    deploying: TaskRunner[Any]
    asking: TileRunner
    working: TileRunner


@contextmanager
def runners(run: Run) -> Iterator[Runners]:
    """Those that the run was asked to use, until the block ends."""
    asked = run.parameters
    access = Access(asked.aws_block, asked.kms_key, asked.requester_pays)
    with ExitStack() as stack:
        deploying = stack.enter_context(ThreadPoolTaskRunner[Any](max_workers=1))
        here = stack.enter_context(threads())
        if asked.task_runner == THREADS:
            yield Runners(deploying, here, here)
        else:
            yield Runners(deploying, here, stack.enter_context(dask_cluster(asked.dask_scheduler, access)))


def stream_tiles(run: Run, stages: Sequence[Task[..., Any]], where: Runners, **preparing: Any) -> None:
    """Prepare, predict and extract every tile that nothing has failed so far; each goes on as soon as it can.

    Where the endpoint could not be deployed, the tiles that need it fail with the reason. It is deleted as soon as no
    tile needs it any more.

    Args:
        run: The run; its ledger notes what becomes of each tile.
        stages: The tasks prepare, predict and extract.
        where: Runs their tasks, and the one that deploys.
        preparing: Further arguments of prepare.
    """
    prepare, predict, extract = stages
    jobs = run.tiles.open
    gate, endpoint = EndpointGate(run.endpoint), _Endpoint(run, where.deploying)
    processors, asking = Pool(where.working), Pool(where.asking)
    begin, go_on = _split(jobs, run.tiles.prepared)
    lines = (
        Stage(prepare, processors, partial(run.tiles.cached.has, "prepare"), begin, parameters=lambda: preparing),
        Stage(predict, asking, partial(run.tiles.cached.has, "predict"), go_on, gate, endpoint.asked_for),
        Stage(extract, processors, partial(run.tiles.cached.has, "extract")),
    )
    lines[0].when_over, lines[1].when_over = decoding.stop_idle, run.endpoint.end

    # A transform job begins when all are prepared.
    ahead = len(jobs) + 1 if run.endpoint.spec.is_batch else AHEAD

    def on_turn(flow: Stream) -> None:
        if gate.gone is not None and run.order is not None:
            raise gate.gone
        endpoint.start_when_due(flow)
        asking.limit = max(TILES_AT_ONCE, endpoint.in_flight)

    try:
        run.tiles.task_runs += stream(lines, run.tiles.ledger, on_turn=on_turn, ahead=ahead)
    except BaseException:
        # An answer may take a minute, and whoever is told to stop may not have that long.
        run.endpoint.end()
        raise
    finally:
        run.endpoint.busy_seconds = gate.busy_seconds
        decoding.stop_idle()


def prepare_tiles(run: Run, prepare: Task[..., Any], where: Runners, jobs: Sequence[TileJob], **preparing: Any) -> None:
    """Prepare these tiles, and wait until each has ended."""
    is_cached = partial(run.tiles.cached.has, "prepare")
    line = Stage(prepare, Pool(where.working), is_cached, jobs, parameters=lambda: preparing)
    try:
        run.tiles.task_runs += stream([line], run.tiles.ledger)
    finally:
        decoding.stop_idle()


def _split(jobs: Sequence[TileJob], prepared: frozenset[str]) -> tuple[list[TileJob], list[TileJob]]:
    """Those that are to be prepared, and those that were for the calibration."""
    there = [job.tile.id in prepared for job in jobs]
    paired = list(zip(jobs, there, strict=True))
    return [job for job, is_there in paired if not is_there], [job for job, is_there in paired if is_there]


class _Endpoint:
    """Creates a run's endpoint no earlier than its tiles will need it, since it is billed from then on."""

    def __init__(self, run: Run, deploy_in: TaskRunner[Any]) -> None:
        self._run, self._deploy_in = run, deploy_in
        self._needed = run.tiles.unpredicted
        self._began = time.monotonic()

    @property
    def in_flight(self) -> int:
        deployment = self._run.endpoint.deployment
        return 0 if deployment is None else deployment.in_flight

    def asked_for(self) -> dict[str, Any]:
        """What the task is told of it."""
        deployment = self._run.endpoint.deployment
        return {"deployment": None if deployment is None else deployment.to_dict()}

    def start_when_due(self, flow: Stream) -> None:
        """Begin to deploy it: at once where that costs nothing, else so that it is ready when there is work for it."""
        endpoint = self._run.endpoint
        if not self._needed or endpoint.is_started or endpoint.error is not None or not flow.left("predict"):
            return
        spec = endpoint.spec
        if spec.is_batch:
            if flow.waiting("predict") and not flow.left("prepare"):
                self._run.start_batch(self._deploy_in)
        elif not spec.is_billed or self._is_due(flow):
            self._run.endpoint.start(self._deploy_in)

    def _is_due(self, flow: Stream) -> bool:
        waiting = flow.waiting("predict")
        needed = estimate(self._run.parameters, self._needed)
        return is_due(
            prepared=flow.ended("prepare"),
            waiting=waiting,
            left=min(flow.left("prepare"), max(0, AHEAD - waiting)),
            seconds=time.monotonic() - self._began,
            predict_seconds=needed.predict_minutes * SECONDS_A_MINUTE,
        )
