"""How a campaign has its blocks done: a real Prefect server, and a stand-in for the workers that do them."""

import contextvars
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from loopback import Handler, listening
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Completed, Crashed, Running, State
from prefect_api import PLAIN
from tile_jobs import tile_job

from flows.parameters import RunParameters
from flows.run.block_files import read_order, result_uri
from flows.run.block_runs import tag_of
from flows.run.campaign import ATTEMPTS, DONE, FAILED, RUNNING, BlockRun, Campaign
from flows.run.run import Run
from flows.run.tile_work import TileWork
from tasks.core.tiles.block_records import BlockResult
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.ledger import Account, Ledger
from tasks.endpoint import EndpointLife
from tasks.services.work_directory import run_records

POLL_SECONDS = 0.1


HELD_SECONDS = 0.3
LOST = "lost"


class Killed(Exception):
    """What becomes of a campaign's process."""


@flow(name="a-campaigns-block")
def nothing() -> None:
    """Whose runs are started by campaigns, and done by ``Workers``."""


@dataclass
class Workers:
    """Do the runs of a campaign's blocks as they are told.

    Attributes:
        outcome: By number of the block and of the attempt: ``done``, ``lost`` or ``failed``, which is a tile of it.
        ended: Number and attempt of each run, in the order of their ends.
    """

    outcome: Callable[[int, int], str] = lambda *_: DONE
    ended: list[tuple[int, int]] = field(default_factory=list)

    def work(self, client: SyncPrefectClient, campaign: UUID, over: threading.Event) -> None:
        """Until told that it is over."""
        tagged = FlowRunFilter(tags=FlowRunFilterTags(all_=[tag_of(campaign)]))
        while not over.wait(POLL_SECONDS):
            living = [run for run in client.read_flow_runs(flow_run_filter=tagged) if not _state(run).is_final()]
            for run in living:
                self._step(client, run)

    def _step(self, client: SyncPrefectClient, run: FlowRun) -> None:
        if not _state(run).is_running():
            client.set_flow_run_state(run.id, Running(), force=True)
        elif (datetime.now(UTC) - _state(run).timestamp).total_seconds() > HELD_SECONDS:
            client.set_flow_run_state(run.id, self._end(run), force=True)

    def _end(self, run: FlowRun) -> State[None]:
        uri = str(run.parameters["block"])
        order = read_order(uri, str(run.parameters["work_directory"]))
        attempt = 1 + [number for number, _ in self.ended].count(order.number)
        self.ended.append((order.number, attempt))
        outcome = self.outcome(order.number, attempt)
        if outcome == LOST:
            return Crashed(message="killed")
        accounts = [Account(job, "extract", seconds={"extract": 1.0}) for job in order.jobs]
        accounts[0].error = "cut short" if outcome == FAILED else None
        run_records.write(result_uri(uri), BlockResult(str(run.id), 3, tuple(accounts)).to_dict())
        return Completed()


def _state(run: FlowRun) -> State[Any]:
    assert run.state is not None
    return run.state


@dataclass
class Scene:
    """A campaign over tiles in a row, with its workers.

    Attributes:
        client: Of the server.
        deployment: That does the blocks.
        folder: Of its work.
        campaign: Its id.
        ledger: Of its tiles.
        shown: States of the blocks, whenever they were shown.
        dies: Whether the campaign does when its first blocks are under way.
    """

    client: SyncPrefectClient
    deployment: str
    folder: Path
    jobs: list[TileJob]
    campaign: UUID = field(default_factory=uuid4)
    ledger: Ledger = field(default_factory=Ledger)
    shown: list[list[str]] = field(default_factory=list)
    dies: bool = False

    def do(self, workers: Workers, size: int = 1, parallel: int = 2) -> None:
        """Have them done, in a flow run as the campaign's own."""
        self.ledger = Ledger(self.jobs)
        asked = RunParameters(dataset=str(self.folder), work_directory=str(self.folder / "work"))
        tiles = TileWork(asked, "m", jobs=self.jobs, ledger=self.ledger, task_runs=0)
        run = Run(asked, self.campaign, EndpointLife(asked.endpoint_spec(), "e"), datetime.now(UTC), "", tiles)
        campaign = Campaign(run, self.deployment, size, parallel, self._show, POLL_SECONDS)

        @flow
        def having_blocks_done() -> None:
            campaign.do(self.jobs)

        with working(workers, self.client, self.campaign):
            having_blocks_done()

    def _show(self, blocks: Sequence[BlockRun]) -> None:
        self.shown.append([one.state for one in blocks])
        if self.dies and RUNNING in self.shown[-1]:
            raise Killed

    def runs(self) -> int:
        """How many runs the server knows of it."""
        tagged = FlowRunFilter(tags=FlowRunFilterTags(all_=[tag_of(self.campaign)]))
        return len(self.client.read_flow_runs(flow_run_filter=tagged))


@contextmanager
def working(workers: Workers, client: SyncPrefectClient, campaign: UUID) -> Iterator[None]:
    """While the block runs."""
    over = threading.Event()
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(workers.work, client, campaign, over))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture
def scene(prefect_server: str, tmp_path: Path) -> Iterator[Scene]:
    """Of four tiles."""
    with temporary_settings({PREFECT_API_URL: prefect_server}), get_client(sync_client=True) as client:
        name = uuid4().hex
        client.create_deployment(client.create_flow(nothing), name)
        jobs = [tile_job(str(tmp_path / "work"), letter) for letter in "abcd"]
        yield Scene(client, f"a-campaigns-block/{name}", tmp_path, jobs)


def test_blocks_are_done_a_few_at_a_time(scene: Scene) -> None:
    """Each once, by a run that is told what a block needs and nothing of the product; the ledger has every tile."""
    workers = Workers()
    scene.do(workers, parallel=2)
    assert sorted(workers.ended) == [(1, 1), (2, 1), (3, 1), (4, 1)]
    assert max(states.count(RUNNING) for states in scene.shown) == 2
    assert [account.seconds for account in scene.ledger.accounts] == [{"extract": 1.0}] * 4
    assert scene.shown[0] == ["waiting"] * 4
    assert scene.shown[-1] == [DONE] * 4


def test_a_block_that_is_lost_is_tried_again_alone(scene: Scene) -> None:
    """The others are done once."""
    workers = Workers(lambda number, attempt: LOST if (number, attempt) == (2, 1) else DONE)
    scene.do(workers)
    assert sorted(workers.ended) == [(1, 1), (2, 1), (2, 2), (3, 1), (4, 1)]
    assert not scene.ledger.failed


def test_a_block_that_is_lost_each_time_costs_its_tiles_alone(scene: Scene) -> None:
    """They are accounted for, with what became of the run, and a remedy."""
    workers = Workers(lambda number, _: LOST if number == 2 else DONE)
    scene.do(workers)
    assert [number for number, _ in workers.ended].count(2) == ATTEMPTS
    (account,) = scene.ledger.failed
    assert "ended as Crashed without its tiles. Run again: what was done is kept" in str(account.error)
    assert scene.shown[-1].count(FAILED) == 1


def test_what_is_done_is_not_done_again(scene: Scene) -> None:
    """A campaign that is tried again, as by *Retry*, starts only the blocks with a tile that failed."""
    workers = Workers(lambda number, attempt: FAILED if (number, attempt) == (3, 1) else DONE)
    scene.do(workers)
    assert [account.error for account in scene.ledger.failed] == ["cut short"]
    scene.do(workers)
    assert not scene.ledger.failed
    assert sorted(workers.ended) == [(1, 1), (2, 1), (3, 1), (3, 2), (4, 1)]


def test_runs_that_were_started_are_found_again(scene: Scene) -> None:
    """A campaign that was killed and is tried again starts no block twice."""
    scene.dies = True
    with pytest.raises(Killed):
        scene.do(Workers(), parallel=4)
    assert scene.runs() == 4
    scene.dies = False
    workers = Workers()
    scene.do(workers, parallel=4)
    assert scene.runs() == 4
    assert not scene.ledger.failed


def test_a_busy_server_does_not_end_a_campaign(scene: Scene, prefect_server: str) -> None:
    """It is asked again, and what it may have done already is not done twice."""
    refused = iter(range(3))

    class Busy(Handler):
        """The server, but that it does what the first requests for a run ask, and says that it was too busy."""

        def reply(self, sent: bytes) -> None:
            url = prefect_server.removesuffix("/api") + self.path
            headers = {name: self.headers[name] for name in ("Content-Type",) if name in self.headers}
            answer = httpx.request(self.command, url, content=sent, headers=headers, **PLAIN)
            if self.path.endswith("/create_flow_run") and next(refused, None) is not None:
                self.answer(b"{}", HTTPStatus.SERVICE_UNAVAILABLE)
            else:
                self.answer(answer.content, answer.status_code, {"Content-Type": "application/json"})

    workers = Workers()
    with (
        listening(Busy) as address,
        temporary_settings({PREFECT_API_URL: f"{address}/api", PREFECT_CLIENT_MAX_RETRIES: 0}),
    ):
        scene.do(workers)
    assert scene.runs() == 4
    assert sorted(workers.ended) == [(1, 1), (2, 1), (3, 1), (4, 1)]
