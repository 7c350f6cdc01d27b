"""Automations of the Prefect server: what it does by itself when a run falls silent.

A run that dies together with its worker stays Running for ever, for nobody is left to say otherwise. Runs of a
deployment whose environment sets ``PREFECT_FLOWS_HEARTBEAT_FREQUENCY`` to 30 seconds say that they live; the server
marks one that has stopped as Crashed and starts the sweep, which may then delete its endpoint without waiting for the
lease. Runs of other deployments, or of none, beat every three minutes or not at all: they are left to their lease.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.automations import AutomationCore, ChangeFlowRunState, EventTrigger, Posture, RunDeployment
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.schemas.events import ResourceSpecification

from flows.run import FINAL_STATES

HEARTBEAT = "prefect.flow-run.heartbeat"
HEARTBEAT_SECONDS, SILENT_SECONDS = 30, 90
# What a run may say instead of a heartbeat without being dead: it has ended, waits for a person or its next attempt, or
# is being ended. A state that is missing here would have its runs killed.
LIVING_STATES = (
    "Completed",
    "Failed",
    "Crashed",
    "Cancelled",
    "Cancelling",
    "Suspended",
    "Paused",
    "AwaitingRetry",
    "AwaitingConcurrencySlot",
    "Scheduled",
    "Pending",
    "Late",
    "TimedOut",
    "Cached",
    "RolledBack",
    *FINAL_STATES,
)


def heartbeat_lost(deployments: Sequence[UUID], sweep_deployment: UUID | None) -> AutomationCore:
    """A run of these deployments that says nothing for three heartbeats is Crashed, and what it left is swept.

    Args:
        deployments: Of the flow ``flood-extent``, whose runs send a heartbeat every ``HEARTBEAT_SECONDS``.
        sweep_deployment: Of the flow ``sweep-endpoints``; None where there is none.
    """
    beating = [f"prefect.deployment.{deployment}" for deployment in deployments]
    trigger = EventTrigger(
        posture=Posture.Proactive,
        after={HEARTBEAT},
        expect={HEARTBEAT, *(f"prefect.flow-run.{state}" for state in LIVING_STATES)},
        match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
        match_related=ResourceSpecification({"prefect.resource.role": "deployment", "prefect.resource.id": beating}),
        for_each={"prefect.resource.id"},
        threshold=1,
        within=timedelta(seconds=SILENT_SECONDS),
    )
    words = f"no heartbeat for {SILENT_SECONDS} seconds: its process is gone"
    crash = ChangeFlowRunState(state=StateType.CRASHED, name="Crashed", message=words, force=False)
    actions: list[Any] = [crash]
    if sweep_deployment is not None:
        sweep = {"source": "selected", "deployment_id": sweep_deployment}
        actions.append(RunDeployment.model_validate(sweep))
    return AutomationCore(
        name="flood-extent: heartbeat lost",
        description="A run whose process is gone becomes Crashed, and its endpoint is swept.",
        trigger=trigger,
        actions=actions,
    )


def apply(automation: AutomationCore) -> UUID:
    """Create the automation on the server at hand, or bring the one of its name up to date; its id."""
    with get_client(sync_client=True) as client:
        there = client.read_automations_by_name(automation.name)
        if not there:
            return client.create_automation(automation)
        client.update_automation(there[0].id, automation)
        return there[0].id
