"""Batches of tile tasks in a worker's thread: what is set up for a flow run is kept for its next batch."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.context import SyncClientContext
from prefect.runtime import flow_run

from tasks.runtime.worker_batches import KEPT, Access, FlowRunValues, run_tiles

pytestmark = pytest.mark.usefixtures("prefect_api")

# Clients of the task runs, in order.
clients: list[Any] = []


@task(cache_policy=NO_CACHE, persist_result=False)
def answer(number: int) -> tuple[str, int]:
    """The flow run, as the task sees it."""
    context = SyncClientContext.get()
    assert context
    clients.append(context.client)
    return str(flow_run.get_id()), number


@flow(persist_result=False)
def giving() -> tuple[str, FlowRunValues]:
    """A flow run that has workers."""
    return str(flow_run.get_id()), FlowRunValues.here()


@pytest.fixture
def worker() -> Iterator[ThreadPoolExecutor]:
    """A worker's one thread."""
    clients.clear()
    with ThreadPoolExecutor(1) as thread:
        yield thread


def batch(worker: ThreadPoolExecutor, of: FlowRunValues, numbers: Sequence[int]) -> list[Any]:
    """What its tasks return."""
    given = [(uuid4(), {"number": number}) for number in numbers]
    sent = worker.submit(run_tiles, f"{__name__}:answer", given, of, Access())
    return [state.result() for state in sent.result().states]


def test_runs_that_take_turns_keep_their_contexts(worker: ThreadPoolExecutor) -> None:
    """Each task is run in its own run's context, with a client that all batches of the run share."""
    (one, first), (other, second) = giving(), giving()
    assert batch(worker, first, [1, 2]) == [(one, 1), (one, 2)]
    assert batch(worker, second, [3]) == [(other, 3)]
    assert batch(worker, first, [4]) == [(one, 4)]
    assert clients[0] is clients[1] is clients[3]
    assert clients[0] is not clients[2]


def test_the_one_that_was_used_longest_ago_goes(worker: ThreadPoolExecutor) -> None:
    """A worker serves runs for weeks: it holds connections of the last few, and sets up again what is asked again."""
    runs = [giving() for _ in range(KEPT + 1)]
    for _, values in [*runs[:KEPT], runs[0], runs[KEPT]]:
        batch(worker, values, [1])
    assert clients[0] is clients[KEPT]
    closed = [client._client.is_closed for client in clients[: KEPT + 2]]
    assert closed == [False, True, *[False] * KEPT]
    name, values = runs[1]
    assert batch(worker, values, [2]) == [(name, 2)]
