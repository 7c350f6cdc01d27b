"""Automations that ``prefect.yaml`` cannot express: what the server does by itself, and whom it tells.

A run that dies together with its worker stays Running for ever, for nobody is left to say otherwise. Runs of a
deployment whose environment sets ``PREFECT_FLOWS_HEARTBEAT_FREQUENCY`` to 30 seconds say that they live; the server
marks one that has stopped as Crashed, and the sweep, which ``prefect.yaml`` starts for every run that crashed, may then
delete its endpoint without waiting for the lease. Runs of other deployments, or of none, beat every three minutes or
not at all: they are left to their lease.

``python -m deployments.automations`` applies them to the server at ``PREFECT_API_URL``, and makes the limit of
endpoints (``limits``) where there is none; repeat it after a deployment was deleted and made anew.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from prefect.automations import AutomationCore, ChangeFlowRunState, EventTrigger, Posture, SendNotification
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound

from deployments.limits import make_limit
from tasks.core.states import FINAL_STATES, NOT_SWEPT, RED, REJECTED

FLOW, CAMPAIGN_FLOW, SWEEP_FLOW, SCORE_FLOW = "flood-extent", "flood-campaign", "sweep-endpoints", "score-extent"
# Those whose runs beat as fast as the trigger expects: prefect.yaml sets it.
BEATING = (
    *(f"{flow}/{place}" for flow in (FLOW, CAMPAIGN_FLOW, SCORE_FLOW) for place in ("local", "aws")),
    f"{FLOW}/block",
    f"{FLOW}/block-aws",
)
HEARTBEAT = "prefect.flow-run.heartbeat"
HEARTBEAT_SECONDS, SILENT_SECONDS = 30, 90
# What a run may say instead of a heartbeat without being dead: it has ended, waits for a person or its next attempt, or
# is being ended. A state that is missing here would have its runs killed.
NAMES = [
    "Suspended",
    "Resuming",
    "AwaitingRetry",
    "Retrying",
    "AwaitingConcurrencySlot",
    "Late",
    "TimedOut",
    "Cached",
    "RolledBack",
]
LIVING_STATES = (*(kind.value.title() for kind in StateType if kind is not StateType.RUNNING), *NAMES, *FINAL_STATES)
# A rejected run is what a person wanted; that a run was cancelled, too.
BAD_STATES = ("Crashed", "Failed", "TimedOut", NOT_SWEPT, *(state for state in RED if state != REJECTED))
# In prefect.yaml.
UPLOADED, UPLOADS_VARIABLE = "flood-extent: an upload has finished", "FLOOD_EXTENT_UPLOADS_LOCAL"
PUBLISHED = "flood-extent: a product was published"
WEBHOOK = "flood-extent-notices"
WORDS = "{{ flow_run.name }}: {{ flow_run.state.name }}. {{ flow_run.state.message }}\n{{ flow_run|ui_url }}"


def heartbeat_lost(deployments: Sequence[UUID]) -> AutomationCore:
    """A run of these deployments that says nothing for three heartbeats is Crashed.

    Args:
        deployments: Those whose runs send a heartbeat every ``HEARTBEAT_SECONDS``.
    """
    beating = [f"prefect.deployment.{deployment}" for deployment in deployments]
    trigger = EventTrigger(
        posture=Posture.Proactive,
        after={HEARTBEAT},
        expect={HEARTBEAT, *map(_event, LIVING_STATES)},
        match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
        match_related=ResourceSpecification({"prefect.resource.role": "deployment", "prefect.resource.id": beating}),
        for_each={"prefect.resource.id"},
        threshold=1,
        within=timedelta(seconds=SILENT_SECONDS),
    )
    text = f"no heartbeat for {SILENT_SECONDS} seconds: its process is gone"
    return AutomationCore(
        name="flood-extent: heartbeat lost",
        description="A run whose process is gone becomes Crashed; what it left is swept then.",
        trigger=trigger,
        # Not forced: a run that ends in the last moment stays what it became.
        actions=[ChangeFlowRunState(state=StateType.CRASHED, name="Crashed", message=text, force=False)],
    )


def ended_badly(webhook: UUID) -> AutomationCore:
    """Somebody is told of a run that failed or crashed, and of a sweep that could not delete."""
    return _notice("flood-extent: tell of failures", "A run has failed", BAD_STATES, webhook)


def waits_for_review(webhook: UUID) -> AutomationCore:
    """Somebody is told that a run waits for them."""
    return _notice("flood-extent: tell of reviews", "A run waits for your review", ("Suspended",), webhook)


def _notice(name: str, subject: str, states: Sequence[str], webhook: UUID) -> AutomationCore:
    names = [FLOW, CAMPAIGN_FLOW, SWEEP_FLOW, SCORE_FLOW]
    flows: dict[str, str | list[str]] = {"prefect.resource.role": "flow", "prefect.resource.name": names}
    trigger = EventTrigger(
        posture=Posture.Reactive,
        expect=set(map(_event, states)),
        match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
        match_related=ResourceSpecification(flows),
        threshold=1,
        within=timedelta(0),
    )
    action = SendNotification(block_document_id=webhook, subject=subject, body=WORDS)
    return AutomationCore(name=name, description=f"{subject}.", trigger=trigger, actions=[action])


def _event(state: str) -> str:
    return f"prefect.flow-run.{state}"


def apply(automation: AutomationCore) -> UUID:
    """Create the automation on the server at hand, or bring the one of its name up to date; its id."""
    with get_client(sync_client=True) as client:
        there = client.read_automations_by_name(automation.name)
        if not there:
            return client.create_automation(automation)
        # One that somebody has switched off stays so.
        client.update_automation(there[0].id, automation.model_copy(update={"enabled": there[0].enabled}))
        return there[0].id


def apply_all(notify: str | None = None, *, uploads: bool = True) -> list[str]:
    """Apply what fits the deployments that there are, and make the limit of endpoints; the names of the automations.

    Args:
        uploads: Whether finished uploads start runs of ``flood-extent/local``: not where they start others.
        notify: URL that takes a POST of ``{"text": …}``, as the incoming webhooks of Slack and Mattermost do; None:
            nobody is told, unless an earlier call has set it up.
    """
    with get_client(sync_client=True) as client:
        beating = [found.id for name in BEATING if (found := deployment_of(client, name))]
    automations = [heartbeat_lost(beating)]
    if notify:
        webhook = _save_webhook(notify)
        automations += [ended_badly(webhook), waits_for_review(webhook)]
    for automation in automations:
        apply(automation)
    make_limit()
    if not uploads:
        switch({UPLOADED: False})
    return [automation.name for automation in automations]


def switches() -> dict[str, bool]:
    """Whether each automation is on, by name."""
    with get_client(sync_client=True) as client:
        return {automation.name: automation.enabled for automation in client.read_automations()}


def switch(wanted: Mapping[str, bool]) -> None:
    """Switch automations on or off, by name."""
    with get_client(sync_client=True) as client:
        for automation in client.read_automations():
            is_wanted = wanted.get(automation.name, automation.enabled)
            if is_wanted != automation.enabled:
                put = client.resume_automation if is_wanted else client.pause_automation
                put(automation.id)


def uploads_start_local_runs(environment: Mapping[str, str]) -> bool:
    """Whether finished uploads start runs of ``flood-extent/local``: unless the environment says no."""
    return environment.get(UPLOADS_VARIABLE, "true") != "false"


def deployment_of(client: SyncPrefectClient, name: str) -> DeploymentResponse | None:
    """A deployment by its name; None where it was not made."""
    try:
        return client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None


def _save_webhook(url: str) -> UUID:
    # The address of a chat's webhook lets anybody post there: it is kept as a secret.
    fields = {
        "name": WEBHOOK,
        "url": "{{url}}",
        "secrets": {"url": url},
        "json_data": {"text": "{{subject}}: {{body}}"},
    }
    block = CustomWebhookNotificationBlock.model_validate(fields)
    return UUID(str(block.save(WEBHOOK, overwrite=True)))


def main() -> None:
    """Apply them, as a command."""
    parser = argparse.ArgumentParser(description="Apply the automations to the Prefect server at PREFECT_API_URL.")
    parser.add_argument("--notify", metavar="URL", help='is told of failures and reviews: takes a POST of {"text": …}')
    for name in apply_all(parser.parse_args().notify, uploads=uploads_start_local_runs(os.environ)):
        print(f"applied: {name}")  # noqa: T201 - it is a command


if __name__ == "__main__":
    main()
