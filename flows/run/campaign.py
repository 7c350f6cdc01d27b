"""The blocks of a campaign: a child run each, a few at a time, until each has handed back what became of its tiles."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from flows.run.block_files import order_uri, read_result, result_uri
from flows.run.block_runs import ASKED_AT_ONCE, tag_of
from flows.run.run import Run
from tasks.core.tiles.block_records import ALL, BlockOrder, BlockResult
from tasks.core.tiles.blocks import Block, spatial_blocks
from tasks.core.tiles.jobs import TileJob
from tasks.runtime.progress import report
from tasks.services import storage
from tasks.services.work_directory import run_records

# How often a block is tried whose run ended without handing anything back.
ATTEMPTS = 2
POLL_SECONDS, PATIENCE_SECONDS = 2.0, 900.0
# Of a block's run: what makes a product of it, and what starts or is said of the campaign as a whole.
NOT_OF_BLOCKS = (
    "area_of_interest", "normal_water", "normal_water_tolerance", "exclude", "exposure", "formats", "profile",
    "smoothing", "cut_grid_m", "review", "dry_run", "only_failed_of", "release", "release_reason", "block",
)  # fmt: skip
WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"


@dataclass
class BlockRun:
    """How far a block is.

    Attributes:
        block: The block.
        order: URI of what is ordered.
        attempt: Of its run, from 1; 0 before the first.
        run: Id of its run; None before it.
        state: ``waiting``, ``running``, ``done``, or ``failed``: some of its tiles are, or all.
    """

    block: Block
    order: str
    attempt: int = 0
    run: UUID | None = None
    state: str = WAITING


@dataclass
class Campaign:
    """The blocks of one phase of a run, and the runs that do them.

    Attributes:
        run: The campaign's own run.
        deployment: Name of the deployment that does a block.
        block_size: Tiles in a block, at most.
        parallel: Blocks at a time.
        show: Is told how far the blocks are.
        poll_seconds: Between two looks at the runs.
        patience_seconds: How long the Prefect API may fail to answer before the campaign ends.
    """

    run: Run
    deployment: str
    block_size: int
    parallel: int
    show: Callable[[Sequence[BlockRun]], object] = lambda _: None
    poll_seconds: float = POLL_SECONDS
    patience_seconds: float = PATIENCE_SECONDS
    _blocks: list[BlockRun] = field(default_factory=list)
    _answered: float = field(default_factory=time.monotonic)

    def do(self, jobs: Sequence[TileJob], phase: str = ALL) -> None:
        """Have every tile done by the run of its block; the ledger notes what became of each.

        A block whose run hands nothing back is tried once more, alone. After that its tiles have failed.

        Args:
            jobs: Tiles to do.
            phase: ``prepare`` or ``all``.
        """
        self._blocks = [self._ordered(block, phase) for block in spatial_blocks(jobs, self.block_size)]
        self.show(self._blocks)
        report(f"{phase}: {len(jobs):,} tiles in {len(self._blocks):,} blocks, {self.parallel} at a time")
        with get_client(sync_client=True) as client:
            while not all(block.state in (DONE, FAILED) for block in self._blocks):
                with self._server_may_be_busy():
                    self._start(phase)
                time.sleep(self.poll_seconds)
                with self._server_may_be_busy():
                    for block, ended in self._ended(client):
                        self._take(block, ended)
                self.show(self._blocks)

    @contextmanager
    def _server_may_be_busy(self) -> Iterator[None]:
        """A campaign takes hours: it does not end because its server is started anew, or is busy, meanwhile."""
        try:
            yield
        except httpx.HTTPError as error:
            is_refusal = isinstance(error, httpx.HTTPStatusError) and error.response.is_client_error
            if is_refusal or time.monotonic() - self._answered > self.patience_seconds:
                raise
            get_run_logger().warning("the Prefect API does not answer (%s); the campaign goes on", error)
        else:
            self._answered = time.monotonic()

    def _ordered(self, block: Block, phase: str) -> BlockRun:
        campaign = str(self.run.id)
        uri = order_uri(storage.resolve(self.run.parameters.work_directory), campaign, phase, block.number)
        order = BlockOrder(campaign, block.number, phase, self.run.tiles.model_identity, block.jobs)
        run_records.write(uri, order.to_dict())
        found = BlockRun(block, uri)
        # Of an attempt of the campaign before this one. What has failed then is done again.
        result = _result_of(found)
        if result is not None and not any(account.error for account in result.accounts):
            self._enter(found, result)
        elif storage.exists(result_uri(uri)):
            storage.delete(result_uri(uri))
        return found

    def _start(self, phase: str) -> None:
        """As many as may run at a time; what an earlier attempt of the campaign has started is found again."""
        room = self.parallel - sum(one.state == RUNNING for one in self._blocks)
        for one in [one for one in self._blocks if one.state == WAITING][: max(0, room)]:
            attempt = one.attempt + 1
            started = cast(
                "FlowRun",
                run_deployment(
                    self.deployment,
                    parameters=self._parameters(one, phase),
                    idempotency_key=f"{self.run.id}-{phase}-{one.block.number}-{attempt}",
                    tags=[tag_of(self.run.id)],
                    timeout=0,
                ),
            )
            one.run, one.attempt, one.state = started.id, attempt, RUNNING

    def _parameters(self, one: BlockRun, phase: str) -> dict[str, Any]:
        asked = self.run.parameters.model_dump(mode="json", exclude=set(NOT_OF_BLOCKS))
        work, logs = asked["work_directory"], asked["log_storage_directory"]
        folder = storage.parent(one.order)
        places = {"work_directory": storage.resolve(work), "log_storage_directory": storage.resolve(logs)}
        own: dict[str, Any] = {"block": one.order, "output_directory": f"{folder}/{phase}-{one.block.number:05}"}
        endpoint = self.run.endpoint
        if endpoint.spec.is_billed and not endpoint.spec.is_batch:
            own |= {"endpoint_name": endpoint.name, "training_job": None, "max_instance_count": None}
        return {**asked, **places, **own, "dataset": storage.resolve(asked["dataset"])}

    def _ended(self, client: SyncPrefectClient) -> list[tuple[BlockRun, FlowRun | None]]:
        """Blocks whose runs are over, or are not known any more."""
        running = {one.run: one for one in self._blocks if one.state == RUNNING and one.run is not None}
        found: dict[UUID, FlowRun] = {}
        ids = list(running)
        for start in range(0, len(ids), ASKED_AT_ONCE):
            some = FlowRunFilter(id=FlowRunFilterId(any_=ids[start : start + ASKED_AT_ONCE]))
            found |= {one.id: one for one in client.read_flow_runs(flow_run_filter=some, limit=ASKED_AT_ONCE)}
        over = [(one, found.get(run)) for run, one in running.items()]
        return [(one, it) for one, it in over if it is None or (it.state is not None and it.state.is_final())]

    def _take(self, one: BlockRun, ended: FlowRun | None) -> None:
        result = _result_of(one)
        if result is not None:
            self._enter(one, result)
            return
        state = "is not known any more" if ended is None or ended.state is None else f"ended as {ended.state.name}"
        message = f"block {one.block.number:,}: its run {one.run} {state} without its tiles"
        if one.attempt < ATTEMPTS + flow_run.get_run_count() - 1:
            get_run_logger().warning("%s; it is tried again", message)
            one.state = WAITING
            return
        get_run_logger().error("%s", message)
        for job in one.block.jobs:
            self.run.tiles.ledger.fail(job, "prepare", f"{message}. Run again: what was done is kept")
        one.state = FAILED

    def _enter(self, one: BlockRun, result: BlockResult) -> None:
        jobs = {job.tile.id: job for job in one.block.jobs}
        for account in result.accounts:
            self.run.tiles.ledger.enter(account, jobs[account.job.tile.id])
        self.run.tiles.task_runs += result.task_runs
        failed = sum(account.error is not None for account in result.accounts)
        one.state = FAILED if failed else DONE
        text = f", {failed:,} of its tiles failed" if failed else ""
        report(f"block {one.block.number:,} has ended{text}")


def _result_of(one: BlockRun) -> BlockResult | None:
    """What its run has handed back, if it is of these tiles as they are now."""
    result = read_result(one.order)
    if result is None:
        return None
    keys = {job.tile.id: job.extract_key for job in one.block.jobs}
    return result if keys == {each.job.tile.id: each.job.extract_key for each in result.accounts} else None
