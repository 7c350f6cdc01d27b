"""What Prefect has no public name for is in one module, and is still as that takes it to be."""

import logging
import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from prefect import State
from prefect.flow_engine import _send_heartbeats
from prefect.input import keyset_from_base_key, keyset_from_paused_state
from prefect.states import Completed, Running, Suspended

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
