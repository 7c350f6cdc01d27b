"""What a run may be called, and when its heartbeats fall silent."""

import sys
import time
from typing import Any

import pytest
from prefect import flow
from prefect.context import FlowRunContext
from prefect.flow_engine import BaseFlowRunEngine

from flows.run.run_identity import may_rename
from flows.server.local_server import using
from tasks.runtime.prefect_internals import HEARTBEAT_UNDER_WAY_SECONDS, without_heartbeat

NEW = "brewarrina 2021-04 · 5 tiles"


@pytest.mark.parametrize(
    ("now", "may"),
    [
        ("charcoal-cassowary", True),
        ("Handcrafted-Pomsky", True),
        ("rho6-mankib-fringe", True),
        ("brewarrina 2021-04", True),
        ("brewarrina 2021-04 · 4 tiles", True),
        ("town · 7 of 1,200 tiles", True),
        ("brewarrina-2021-04", False),
        ("brewarrina-north", False),
        ("Brewarrina-North", False),
        ("gauge-reading-check", False),
        ("second try", False),
        ("Brewarrina", False),
    ],
)
def test_a_name_that_a_person_typed_stays(now: str, may: bool) -> None:
    """What Prefect made up, or an earlier attempt said, gives way to what the run is."""
    assert may_rename(now, NEW) is may


@flow(persist_result=False)
def suspending() -> tuple[bool, list[bool]]:
    """Whether Prefect's heartbeats go by the object that is changed, and how they see it before, in and after."""
    frame: Any = sys._getframe()
    while not isinstance(frame.f_locals.get("engine"), BaseFlowRunEngine):
        frame = frame.f_back
    engine = frame.f_locals["engine"]
    context = FlowRunContext.get()
    assert context is not None
    seen = [engine.flow_run.state.is_final()]
    start = time.monotonic()
    with without_heartbeat():
        seen.append(engine.flow_run.state.is_final())
        assert time.monotonic() - start >= HEARTBEAT_UNDER_WAY_SECONDS
    seen.append(engine.flow_run.state.is_final())
    return engine.flow_run is context.flow_run, seen


def test_a_run_that_is_suspended_beats_no_more(prefect_server: str) -> None:
    """One heartbeat after the suspension, and the server would take the silence after it for death."""
    with using(prefect_server):
        assert suspending() == (True, [False, True, False])
