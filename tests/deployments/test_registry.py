"""prefect.yaml, the one registry of deployments."""

import inspect
from importlib import import_module
from typing import Any

import pytest
import yaml
from command_line import ROOT

from deployments import automations, aws
from deployments.automations import BEATING, HEARTBEAT_SECONDS
from deployments.local import BLOCK, CAMPAIGN, DEPLOYMENT, POOL, SCORE, SWEEP
from flows.flood_campaign import BLOCKS
from flows.parameters import RunParameters
from tasks.core.states import RED
from tasks.runtime.published_event import PUBLISHED as EVENT

REGISTRY: dict[str, Any] = yaml.safe_load((ROOT / "prefect.yaml").read_text())
FLOWS = {
    "flood_extent": "flood-extent",
    "flood_campaign": "flood-campaign",
    "sweep_endpoints": "sweep-endpoints",
    "score_extent": "score-extent",
}
BY_NAME = {f"{FLOWS[one['entrypoint'].split(':')[1]]}/{one['name']}": one for one in REGISTRY["deployments"]}


def test_all_deployments_are_in_it() -> None:
    """One file says what is deployed where; serve deploys its own by these names."""
    here = {DEPLOYMENT, BLOCK, CAMPAIGN, SWEEP, SCORE}
    on_ecs = {aws.DEPLOYMENT, aws.BLOCK, aws.CAMPAIGN, aws.SCORE}
    assert set(BY_NAME) == here | on_ecs
    assert {BY_NAME[name]["work_pool"]["name"] for name in here} == {POOL}
    assert {BY_NAME[name]["work_pool"]["name"] for name in on_ecs} == {aws.POOL}


@pytest.mark.parametrize("name", BY_NAME)
def test_entry_points_are_there(name: str) -> None:
    """A deployment whose flow was renamed would only fail when somebody needs it."""
    path, flow = BY_NAME[name]["entrypoint"].split(":")
    module = import_module(path.removesuffix(".py").replace("/", "."))
    parameters = inspect.signature(getattr(module, flow).fn).parameters
    assert set(BY_NAME[name].get("parameters", {})) <= set(parameters)


@pytest.mark.parametrize("name", BEATING)
def test_runs_beat_as_fast_as_the_server_expects(name: str) -> None:
    """The automation on lost heartbeats would otherwise call a healthy run dead."""
    deployment = BY_NAME[name]
    environment = deployment["work_pool"]["job_variables"]["env"]
    assert environment["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == str(HEARTBEAT_SECONDS)
    assert not any(schedule["active"] for schedule in deployment.get("schedules", []))


def test_a_run_that_is_a_container_hears_when_it_is_told_to_stop() -> None:
    """Prefect's way to execute a run in a container handles no SIGTERM unless it is told to; its workers do."""
    name = "PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"
    told = {
        one: BY_NAME[one]["work_pool"]["job_variables"]["env"].get(name) for one in (DEPLOYMENT, "flood-extent/aws")
    }
    assert told == {DEPLOYMENT: None, "flood-extent/aws": "reschedule"}


def test_a_campaign_has_its_blocks_done_beside_it() -> None:
    """In its own pool, by a deployment without a limit of its own; and of campaigns one at a time runs."""
    for campaign, block in ((CAMPAIGN, BLOCKS), (aws.CAMPAIGN, aws.BLOCK)):
        named = BY_NAME[campaign].get("parameters", {}).get("block_deployment", BLOCKS)
        assert named == block
        assert BY_NAME[campaign]["work_pool"]["name"] == BY_NAME[block]["work_pool"]["name"]
        assert BY_NAME[campaign]["concurrency_limit"]["limit"] == 1
        assert "concurrency_limit" not in BY_NAME[block]
    assert BLOCK == BLOCKS


def test_a_run_that_ends_badly_is_swept_and_the_sweep_is_not() -> None:
    """Every red state is listed, and the trigger looks at runs that map alone: it cannot start itself."""
    trigger = BY_NAME[SWEEP]["triggers"][0]
    bad = {"Crashed", "Failed", "Cancelled", "TimedOut", *RED} - {"NotPossible"}
    assert {state.removeprefix("prefect.flow-run.") for state in trigger["expect"]} == bad
    named = ["flood-extent", "flood-campaign"]
    assert trigger["match_related"] == {"prefect.resource.role": "flow", "prefect.resource.name": named}


@pytest.mark.parametrize(
    ("name", "called"), [(SCORE, automations.PUBLISHED), (aws.SCORE, f"{automations.PUBLISHED} (aws)")]
)
def test_a_published_product_is_scored_where_somebody_turns_that_on(name: str, called: str) -> None:
    """The trigger listens to the event that runs emit, and names the product; the reference is the deployment's."""
    (trigger,) = BY_NAME[name]["triggers"]
    assert (trigger["name"], trigger["enabled"], trigger["expect"]) == (called, False, [EVENT])
    assert trigger["parameters"] == {"product": "{{ event.resource.id }}"}


def test_an_upload_names_its_dataset() -> None:
    """The one parameter that has no default comes from the event."""
    assert RunParameters.model_fields["dataset"].is_required()
    assert BY_NAME[DEPLOYMENT]["triggers"][0]["parameters"] == {"dataset": "{{ event.payload.dataset }}"}
