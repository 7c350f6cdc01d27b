"""The automation on lost heartbeats: whom it may end, and whom it must not."""

from uuid import uuid4

import pytest
from prefect.automations import ChangeFlowRunState, EventTrigger

from flows.automations import HEARTBEAT_SECONDS, heartbeat_lost
from flows.commands import QUIET
from flows.run import FINAL_STATES

WAITING = ["Suspended", "Paused", "AwaitingRetry", "TimedOut", "Cancelling"]


def trigger_of(*deployments: object) -> EventTrigger:
    trigger = heartbeat_lost(list(deployments), uuid4()).trigger  # type: ignore[arg-type]
    assert isinstance(trigger, EventTrigger)
    return trigger


@pytest.mark.parametrize("state", [*WAITING, *FINAL_STATES])
def test_a_run_that_waits_or_has_ended_is_not_dead(state: str) -> None:
    """A state that the trigger does not expect would have its healthy runs crashed, and their endpoints swept."""
    assert f"prefect.flow-run.{state}" in trigger_of(uuid4()).expect


def test_only_runs_that_are_known_to_beat_are_watched() -> None:
    """Prefect's own default is a beat every three minutes: a run that nobody told to beat faster is left alone."""
    deployment = uuid4()
    trigger = trigger_of(deployment)
    assert trigger.model_dump()["match_related"] == {
        "prefect.resource.role": "deployment",
        "prefect.resource.id": [f"prefect.deployment.{deployment}"],
    }
    assert trigger.within.total_seconds() >= 3 * HEARTBEAT_SECONDS
    assert int(QUIET["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]) == HEARTBEAT_SECONDS


def test_a_final_state_is_never_overruled() -> None:
    """A run that ends in the last moment stays what it became; where nothing can be swept, nothing is started."""
    actions = heartbeat_lost([uuid4()], None).actions
    assert [type(action) for action in actions] == [ChangeFlowRunState]
    assert actions[0].force is False  # type: ignore[union-attr]
