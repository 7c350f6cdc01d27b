"""Automations: whom the one on lost heartbeats may end, and whom the others tell."""

from uuid import uuid4

import pytest
from prefect.automations import AutomationCore, ChangeFlowRunState, EventTrigger
from prefect_api import PrefectApi

from deployments import automations
from deployments.automations import HEARTBEAT_SECONDS, ended_badly, heartbeat_lost, waits_for_review
from deployments.limits import INSTANCES
from flows.server.local_server import using
from flows.server.prefect_import import QUIET
from tasks.core.states import FINAL_STATES, RED, REJECTED
from tasks.runtime.place_limit import LIMIT

WAITING = ["Suspended", "Paused", "Resuming", "AwaitingRetry", "TimedOut", "Cancelling"]


def trigger_of(automation: AutomationCore) -> EventTrigger:
    assert isinstance(automation.trigger, EventTrigger)
    return automation.trigger


@pytest.mark.parametrize("state", [*WAITING, *FINAL_STATES])
def test_a_run_that_waits_or_has_ended_is_not_dead(state: str) -> None:
    """A state that the trigger does not expect would have its healthy runs crashed, and their endpoints swept."""
    assert f"prefect.flow-run.{state}" in trigger_of(heartbeat_lost([uuid4()])).expect


def test_only_runs_that_are_known_to_beat_are_watched() -> None:
    """Prefect's own default is a beat every three minutes: a run that nobody told to beat faster is left alone."""
    deployment = uuid4()
    trigger = trigger_of(heartbeat_lost([deployment]))
    assert trigger.model_dump()["match_related"] == {
        "prefect.resource.role": "deployment",
        "prefect.resource.id": [f"prefect.deployment.{deployment}"],
    }
    assert trigger.within.total_seconds() >= 3 * HEARTBEAT_SECONDS
    assert int(QUIET["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]) == HEARTBEAT_SECONDS


def test_a_final_state_is_never_overruled() -> None:
    """A run that ends in the last moment stays what it became."""
    actions = heartbeat_lost([uuid4()]).actions
    assert [type(action) for action in actions] == [ChangeFlowRunState]
    assert actions[0].force is False  # type: ignore[union-attr]


def test_people_are_told_of_what_needs_them() -> None:
    """Every red end but the one that a person wanted, and a run that waits for an answer."""
    told = trigger_of(ended_badly(uuid4())).expect
    assert told >= {f"prefect.flow-run.{state}" for state in {"Failed", "Crashed", *RED} - {REJECTED}}
    assert f"prefect.flow-run.{REJECTED}" not in told
    assert trigger_of(waits_for_review(uuid4())).expect == {"prefect.flow-run.Suspended"}


def test_uploads_start_other_runs_where_somebody_says_so() -> None:
    """A team that maps on ECS says so once, where it deploys."""
    assert automations.uploads_start_local_runs({})
    assert not automations.uploads_start_local_runs({"FLOOD_EXTENT_UPLOADS_LOCAL": "false"})


def test_applying_them_again_changes_nothing(prefect_server: str) -> None:
    """Whoever applies them after an upgrade has each of them once, and still tells whom he told before."""
    with using(prefect_server):
        assert automations.apply_all("http://127.0.0.1:9/hook") == automations.apply_all("http://127.0.0.1:9/hook")
        first = automations.apply(automations.heartbeat_lost([]))
        automations.switch({"flood-extent: heartbeat lost": False})
        assert automations.apply(automations.heartbeat_lost([])) == first
        assert automations.switches()["flood-extent: heartbeat lost"] is False
        automations.switch({"flood-extent: heartbeat lost": True})
        assert automations.switches()["flood-extent: heartbeat lost"] is True


def test_the_limit_of_endpoints_is_made_once_and_left_as_it_was_set(prefect_server: str) -> None:
    """Whoever applies the automations has the limit; the number and the switch that a person has set stay."""
    api = PrefectApi(prefect_server)
    with using(prefect_server):
        automations.apply_all()
        made = api.ask(f"v2/concurrency_limits/{LIMIT}")
        api.ask(f"v2/concurrency_limits/{LIMIT}", {"limit": 7, "active": False}, "PATCH")
        automations.apply_all()
    found = api.ask(f"v2/concurrency_limits/{LIMIT}")
    api.ask(f"v2/concurrency_limits/{LIMIT}", method="DELETE")
    assert (made["limit"], made["active"], made["slot_decay_per_second"]) == (INSTANCES, True, 0.0)
    assert (found["limit"], found["active"]) == (7, False)
