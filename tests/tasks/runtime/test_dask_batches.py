"""Tiles in batches, against a client of which each test says what becomes of what it is sent."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect import State, flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterId
from prefect.logging import disable_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed, Running, StateType

from tasks.core.errors import UnusableArgument
from tasks.extent import extract_tile
from tasks.imagery import prepare_tile
from tasks.runtime import dask_batches
from tasks.runtime.dask_batches import AHEAD, COST_SHARE, MOST_TILES, NO_WORKER, WAY_SECONDS, BatchSize, DaskCluster
from tasks.runtime.policies import as_it_is
from tasks.runtime.progress import ToLog, watched_by
from tasks.runtime.runners import TileFuture
from tasks.runtime.worker_batches import Access, Batch, run_tiles

SETUP_SECONDS = 0.03
seconds = st.floats(0.001, 100)


class Sent:
    """What was sent to the cluster."""

    def __init__(self, task: str, tiles: list[tuple[Any, dict[str, Any]]]) -> None:
        self.task, self.tiles, self.released = task, tiles, False
        self._ended: Future[Batch] = Future()

    @property
    def names(self) -> list[str]:
        """Of its tiles."""
        return [arguments["job"]["name"] for _, arguments in self.tiles]

    def good(self, task_seconds: float = 1.0) -> None:
        """Each tile takes so long and ends well; the state's data is its name."""
        states: tuple[State[Any], ...] = tuple(Completed(data=name) for name in self.names)
        whole = len(states) * task_seconds
        self._ended.set_result(Batch(states, whole, whole + SETUP_SECONDS))

    def bad(self, error: BaseException) -> None:
        """It comes to nothing."""
        self._ended.set_exception(error)

    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        """As Dask's futures have it."""
        self._ended.add_done_callback(lambda _: fn(self))

    def result(self) -> Batch:
        """As above."""
        return self._ended.result()

    def release(self) -> None:
        """As above."""
        self.released = True


@dataclass
class Client:
    """A Dask client as far as it is used.

    Attributes:
        threads: By worker.
        sent: All that was.
        closed: What it answers once it is closed.
    """

    threads: dict[str, int] = field(default_factory=lambda: {"one": 1, "two": 1})
    sent: list[Sent] = field(default_factory=list)
    closed: Exception | None = None

    def nthreads(self) -> dict[str, int]:
        """Of each worker."""
        if self.closed:
            raise self.closed
        return self.threads

    def submit(self, function: Any, task: str, tiles: Any, _context: Any, _access: Access, *, pure: bool) -> Sent:
        """Take it."""
        assert (function, pure) == (run_tiles, False)
        if self.closed:
            raise self.closed
        self.sent.append(Sent(task, tiles))
        return self.sent[-1]


class Heard(ToLog):
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def reported(self, line: str) -> None:
        """Keep it."""
        self.lines.append(line)


class KilledWorker(Exception):
    """Named as Dask's."""


class FutureCancelledError(Exception):
    """Likewise."""


@pytest.fixture
def client() -> Iterator[Client]:
    """Two workers of one thread."""
    with disable_run_logger():
        yield Client()


@pytest.fixture
def cluster(client: Client) -> DaskCluster:
    """Those two."""
    return DaskCluster(client, Access())


def submit(cluster: DaskCluster, names: str, task: Any = prepare_tile, **job: Any) -> list[TileFuture]:
    return [cluster.submit(task, {"job": as_it_is({"name": name, **job})}) for name in names]


def grown(cluster: DaskCluster, client: Client, tiles: int) -> None:
    """Batches of so many tiles of ``prepare`` from now on, and none on its way."""
    size = 1
    while size < tiles:
        submit(cluster, "x" * size)
        client.sent[-1].good(SETUP_SECONDS / COST_SHARE / tiles + 0.01)
        size *= 2
    client.sent.clear()


@given(st.lists(st.tuples(st.integers(1, 32), seconds, st.floats(0, 10)), min_size=1))
def test_a_batch_is_never_empty_nor_beyond_its_bound(batches: list[tuple[int, float, float]]) -> None:
    """Whatever was measured; and the size at most doubles from one batch to the next."""
    size = BatchSize()
    for tiles, work, cost in batches:
        before = size.tiles
        size.learn(tiles, Batch((), tiles * work, tiles * work + cost))
        assert 1 <= size.tiles <= min(MOST_TILES, 2 * before)


@given(work=st.floats(0.05, 20), setup=st.floats(0.001, 0.06))
def test_a_batchs_own_cost_is_below_its_share(work: float, setup: float) -> None:
    """With as few tiles as that takes, once some batches have been seen."""
    size, cost = BatchSize(), setup + WAY_SECONDS
    for _ in range(12):
        size.learn(size.tiles, Batch((), size.tiles * work, size.tiles * work + setup))
    assert cost <= COST_SHARE * size.tiles * work * 1.000001 or size.tiles == MOST_TILES
    assert size.tiles == 1 or cost > COST_SHARE * (size.tiles - 1) * work * 0.999999


def test_a_slow_batch_among_others_changes_nothing() -> None:
    """As that of a worker which has just begun, or whose machine was busy."""
    size = BatchSize()
    for setup in (0.03, 0.03, 5.0, 0.03, 5.0):
        size.learn(1, Batch((), 2.0, 2.0 + setup))
    assert size.tiles == 1


def test_tiles_of_one_stage_go_together(client: Client, cluster: DaskCluster) -> None:
    """A full batch is sent at once, by the name under which a worker finds its task; each future has its own state."""
    grown(cluster, client, 4)
    futures = submit(cluster, "abcd") + submit(cluster, "e", extract_tile)
    assert [(sent.task, sent.names) for sent in client.sent] == [
        ("tasks.imagery:prepare_tile", ["a", "b", "c", "d"]),
        ("tasks.extent:extract_tile", ["e"]),
    ]
    for sent in client.sent:
        sent.good()
    assert [future.state.result() for future in futures] == ["a", "b", "c", "d", "e"]
    assert all(sent.released for sent in client.sent)


def test_cached_tiles_do_not_make_batches_of_others_large(client: Client, cluster: DaskCluster) -> None:
    """They take a millisecond each; who computes goes alone until that is known to be worth more."""
    for _ in range(8):
        submit(cluster, "x" * 32, cached=True)
        cluster.flush()
        for sent in client.sent:
            if not sent.released:
                sent.good(0.001)
    assert len(client.sent[-1].names) == MOST_TILES
    submit(cluster, "ab")
    assert [sent.names for sent in client.sent[-2:]] == [["a"], ["b"]]


def test_what_waits_is_sent_once_a_worker_would_be_idle(client: Client, cluster: DaskCluster) -> None:
    """Before that more may come: a batch that was not full would cost as much as a full one."""
    grown(cluster, client, 4)
    submit(cluster, "abcdefgh" + "ij")
    cluster.flush()
    assert [sent.names for sent in client.sent] == [list("abcd"), list("efgh")]
    client.sent[0].good()
    cluster.flush()
    assert client.sent[2].names == ["i", "j"]
    cluster.flush()
    assert len(client.sent) == 3


def test_places_keep_all_threads_busy(client: Client, cluster: DaskCluster) -> None:
    """A batch under way and the next, for each thread."""
    assert cluster.places == AHEAD * 2
    grown(cluster, client, 4)
    assert cluster.places == AHEAD * 2 * 4


def test_a_cluster_without_workers_is_said_once(client: Client) -> None:
    """Tiles wait for a worker, and whoever watches knows why nothing moves."""
    client.threads, heard = {}, Heard()
    cluster = DaskCluster(client, Access())
    with watched_by(heard):
        assert (cluster.places, cluster.places) == (AHEAD, AHEAD)
    assert heard.lines == [f"warning: {NO_WORKER}"]


def test_a_batch_that_kills_its_workers_is_tried_tile_by_tile(client: Client, cluster: DaskCluster) -> None:
    """The tile at fault crashes alone, and says what to look at; the others are done."""
    grown(cluster, client, 4)
    futures = submit(cluster, "abcd")
    client.sent[0].bad(KilledWorker())
    assert [sent.names for sent in client.sent[1:]] == [["a"], ["b"], ["c"], ["d"]]
    for sent in client.sent[1:]:
        sent.bad(KilledWorker()) if sent.names == ["c"] else sent.good()
    states = [future.state for future in futures]
    assert [state.is_crashed() for state in states] == [False, False, True, False]
    assert "its Dask worker died, and so did others" in str(states[2].message)
    assert states[2].state_details.task_run_id == cast("Any", futures[2]).id
    assert client.sent[1].tiles[0][0] == client.sent[0].tiles[0][0]


@pytest.mark.usefixtures("prefect_api")
@pytest.mark.parametrize("is_known", [True, False])
def test_a_tile_whose_workers_died_is_not_left_running(
    client: Client, is_known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They cannot tell the API any more what became of its task run, where it has heard of one; so the flow does."""
    monkeypatch.setattr(dask_batches, "RECORDED_SECONDS", 0.0)

    @flow(persist_result=False)
    def having_a_tile_done() -> UUID:
        cluster = DaskCluster(client, Access())
        (future,) = submit(cluster, "a")
        task_run: UUID = cast("Any", future).id
        with get_client(sync_client=True) as api:
            if is_known:
                api.create_task_run(prepare_tile, flow_run.id, "a", id=task_run, state=Running())
            client.sent[0].bad(KilledWorker())
            cluster.close()
        return task_run

    task_run = having_a_tile_done()
    with get_client(sync_client=True) as api:
        found = api.read_task_runs(task_run_filter=TaskRunFilter(id=TaskRunFilterId(any_=[task_run])))
    assert [one.state_type for one in found] == [StateType.CRASHED] * is_known


def test_what_a_lost_scheduler_has_cancelled_is_sent_once_more(client: Client, cluster: DaskCluster) -> None:
    """A lost connection costs time; one that is lost again costs the tile."""
    good, bad = submit(cluster, "ab")
    for sent in list(client.sent):
        sent.bad(FutureCancelledError("scheduler-connection-lost"))
    first, second = client.sent[2:]
    first.good()
    second.bad(FutureCancelledError("scheduler-connection-lost"))
    assert (good.state.is_completed(), bad.state.is_crashed()) == (True, True)
    assert len(client.sent) == 4


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("odd"), "Dask: ValueError: odd"),
        (ModuleNotFoundError("No module named 'tasks'"), "Dask workers need the versions of flood-extent"),
        (UnusableArgument("block 'x' does not exist"), "block 'x' does not exist"),
    ],
)
def test_any_other_error_crashes_the_batchs_tiles(
    client: Client, cluster: DaskCluster, error: Exception, words: str
) -> None:
    """With its words, and at once: it would happen again."""
    (future,) = submit(cluster, "a")
    client.sent[0].bad(error)
    assert future.state.is_crashed()
    assert words in str(future.state.message)
    assert (len(client.sent), client.sent[0].released) == (1, True)


def test_what_batches_cost_is_told(client: Client, cluster: DaskCluster) -> None:
    """Beside their tasks, as a share of what these take."""
    submit(cluster, "ab")
    for sent in client.sent:
        sent.good(task_seconds=1.0)
    share = SETUP_SECONDS * len(client.sent) / 2.0
    assert (
        cluster.cost == f"Dask: 2 tasks in {len(client.sent)} batches, which add {share:.1%} to the time of the tasks"
    )


def test_nobody_waits_for_a_client_that_is_closed(client: Client, cluster: DaskCluster) -> None:
    """What was cancelled with it, and what is submitted after that, crashes."""
    grown(cluster, client, 2)
    before = submit(cluster, "ab")
    client.closed = RuntimeError("Client is closed")
    client.sent[0].bad(KilledWorker())
    after = submit(cluster, "cd")
    states = [future.state for future in (*before, *after)]
    assert all(state.is_crashed() for state in states)
    assert "Client is closed" in str(states[-1].message)


def test_a_run_that_breaks_off_sends_nothing_again(client: Client, cluster: DaskCluster) -> None:
    """Its client is closed next, and cancels what is on its way."""
    (future,) = submit(cluster, "a")
    cluster.close()
    client.sent[0].bad(FutureCancelledError("client closed"))
    assert (future.state.is_crashed(), len(client.sent)) == (True, 1)
