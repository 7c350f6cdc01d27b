"""What Prefect has no public name for is in one module, and is still as that takes it to be."""

import logging
import pickle
import re
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import Flow, State, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.context import FlowRunContext
from prefect.flow_engine import _send_heartbeats
from prefect.input import keyset_from_base_key, keyset_from_paused_state
from prefect.runtime import flow_run, task_run
from prefect.states import Completed, Running, Suspended

from tasks.runtime.prefect_internals import HydratedContext, flow_run_context, run_task

ROOT = Path(__file__).parents[3]
PRIVATE = re.compile(r"prefect(\.\w+)*\._|EventsWorker\._|_sync=|FlowRunContext\b.*\.state\b|flow_run\.state = ")


def test_no_other_module_uses_them() -> None:
    """An upgrade of Prefect is looked at in one place."""
    files = [file for room in ("flows", "deployments", "tasks", "infra") for file in (ROOT / room).rglob("*.py")]
    assert [file.name for file in files if PRIVATE.search(file.read_text())] == ["prefect_internals.py"]


@pytest.mark.parametrize(("state", "beats"), [(Running(), 1), (Completed(), 0)])
def test_heartbeats_go_by_the_state_that_the_process_has(state: State, beats: int) -> None:
    """A run that is being suspended is silent from its last words on: else it would be taken for dead."""
    sent: list[object] = []
    engine = SimpleNamespace(
        flow_run=SimpleNamespace(state=state),
        heartbeat_seconds=30,
        logger=logging.getLogger(),
        _build_heartbeat_event_template=lambda: ({}, []),
        _emit_flow_run_heartbeat=lambda *event: sent.append(event),
    )
    with _send_heartbeats(engine):  # type: ignore[arg-type] # what it uses of an engine
        time.sleep(0.2)
    assert len(sent) == beats


def test_an_answer_is_looked_for_where_prefect_keeps_it() -> None:
    """The answers of runs that were suspended by an earlier version are found, too."""
    assert keyset_from_paused_state(Suspended(pause_key="k")) == keyset_from_base_key("suspended-k")


def stand_in() -> None:
    """In the place of a flow's own function."""


@task(cache_policy=NO_CACHE, persist_result=False, task_run_name="answer {number}")
def answer(number: int) -> tuple[str, str, int]:
    """Where it is run."""
    if number < 0:
        raise ValueError("negative")
    return flow_run.get_id(), task_run.get_id(), number


def elsewhere(values: bytes, given: dict[UUID, int]) -> tuple[list[bool], list[State[Any]]]:
    """In a thread that knows nothing of the flow run, as another process does not: whether it did, and the states."""
    kept, knew = HydratedContext(pickle.loads(values)), [FlowRunContext.get() is not None]  # noqa: S301 - of this test
    states = [kept.run(partial(run_task, answer, known, {"number": number})) for known, number in given.items()]
    knew.append(FlowRunContext.get() is not None)
    kept.close()
    return knew, states


@pytest.mark.usefixtures("prefect_api")
def test_tasks_elsewhere_are_the_flow_runs_own() -> None:
    """By plain values they are run in its context, under ids that are known before; a failure is a state."""
    given = {uuid4(): number for number in (1, 2, -1)}

    @flow(persist_result=False)
    def giving() -> tuple[str, tuple[list[bool], list[State[Any]]]]:
        values = pickle.dumps(flow_run_context(Flow(stand_in, name="stand-in")))
        with ThreadPoolExecutor(1) as pool:
            return str(flow_run.get_id()), pool.submit(elsewhere, values, given).result()

    run, (knew, states) = giving()
    assert knew == [False, False]
    assert [state.is_completed() for state in states] == [True, True, False]
    known = list(given)
    assert [state.result() for state in states[:2]] == [(run, str(known[0]), 1), (run, str(known[1]), 2)]
    assert (states[2].is_failed(), states[2].state_details.task_run_id) == (True, known[2])
