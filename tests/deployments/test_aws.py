"""``make deploy-aws``: what it asks for, and what it leaves on a real Prefect server."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import yaml
from command_line import QUIET, ROOT
from prefect.automations import AutomationCore, EventTrigger, Posture, RunDeployment
from prefect.client.orchestration import get_client
from prefect_api import PrefectApi
from prefect_aws.workers.ecs_worker import ECSJobConfiguration

from deployments import automations, aws
from flows.server.local_server import using
from tasks.core.errors import UnusableArgument
from tasks.services.endpoints.teardown.sagemaker_resources import PROJECT, PROJECT_TAG

ARN = "arn:aws:ecs:ap-southeast-2:123456789012:"
GIVEN = {
    "FLOOD_EXTENT_IMAGE": "123456789012.dkr.ecr.ap-southeast-2.amazonaws.com/flood-extent:7",
    "FLOOD_EXTENT_CLUSTER": f"{ARN}cluster/flood",
    "FLOOD_EXTENT_TASK_DEFINITION": f"{ARN}task-definition/flood:3",
    "FLOOD_EXTENT_OUTPUT": "s3://maps/products",
    "FLOOD_EXTENT_WORK": "s3://scratch/cache",
    "FLOOD_EXTENT_VPC": "vpc-1",
    "FLOOD_EXTENT_SUBNET_1": "subnet-1",
    "FLOOD_EXTENT_SUBNET_2": "subnet-2",
    "FLOOD_EXTENT_SECURITY_GROUP": "sg-1",
    "FLOOD_EXTENT_AUTH_SECRET": "arn:aws:secretsmanager:ap-southeast-2:123456789012:secret:prefect-AbCdEf",
    "FLOOD_EXTENT_TRAINING_JOB": "flood-2022",
}


def command(api: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What make runs, with these variables and no others of ours."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("FLOOD_", "PREFECT_API"))}
    variables = {**inherited, **QUIET, "PREFECT_API_URL": api, **environment}
    words = [sys.executable, "-m", "deployments.aws"]
    return subprocess.run(words, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=300, check=False)


def ask(api: str, path: str, body: Any = None) -> Any:
    """GET, or POST where there is a body."""
    return PrefectApi(api).ask(path, body)


def things(api: str) -> dict[str, int]:
    """How many there are of what a deployment makes."""
    return {kind: len(ask(api, f"{kind}/filter", {})) for kind in ("work_pools", "deployments", "automations")}


@pytest.fixture(scope="module")
def deployed(prefect_server: str) -> Iterator[str]:
    """The API of a server to which all was deployed once."""
    done = command(prefect_server, **GIVEN)
    assert done.returncode == 0, done.stdout + done.stderr
    yield prefect_server
    api = PrefectApi(prefect_server)
    made_here = [f"deployments/{api.deployment(name)['id']}" for name in (aws.DEPLOYMENT, aws.SCORE)]
    pools = {pool["name"] for pool in api.ask("work_pools/filter", {})} & {aws.POOL}  # a test deletes it, too
    for made in (*made_here, *(f"work_pools/{pool}" for pool in pools)):
        api.ask(made, method="DELETE")


def test_make_runs_it() -> None:
    """The target is the command that these tests run."""
    command = ["make", "--dry-run", "--no-print-directory", "deploy-aws"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1].endswith("-m deployments.aws")


@pytest.mark.parametrize("name", GIVEN)
def test_what_is_missing_is_said_by_name(name: str) -> None:
    """A gap would otherwise be noticed when a flood is there and the run does not start."""
    with pytest.raises(UnusableArgument, match=rf"{name}: ") as refused:
        aws.settings({**GIVEN, name: ""})
    assert str(refused.value).count("FLOOD_EXTENT_") == 1


def test_a_choice_is_one_of_its_words() -> None:
    """Prefect would take any other word for an error of its own, after it has changed the deployment."""
    with pytest.raises(UnusableArgument, match="FLOOD_EXTENT_UPLOADS_AWS=maybe: true or false"):
        aws.settings({**GIVEN, "FLOOD_EXTENT_UPLOADS_AWS": "maybe"})


def test_nothing_is_created_while_something_is_missing(prefect_server: str) -> None:
    """Neither pool nor deployment: the command can be repeated from the start."""
    before = things(prefect_server)
    done = command(prefect_server, **{**GIVEN, "FLOOD_EXTENT_VPC": ""})
    assert (done.returncode, "FLOOD_EXTENT_VPC" in done.stderr) == (1, True)
    assert things(prefect_server) == before


def test_the_registry_the_command_and_the_instructions_name_the_same() -> None:
    """Every variable of the deployment is asked for, and explained where the stack is."""
    registry = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    registered = [one for one in registry if one["name"] == "aws"]
    named = set(re.findall(r"\{\{ \$(\w+) \}\}", str(registered)))
    assert named == set(aws.settings(GIVEN))
    readme = (ROOT / "infra" / "aws" / "README.md").read_text()
    assert [name for name in named if f"`{name}`" not in readme] == []


def test_a_revision_does_not_reach_the_deployment() -> None:
    """The stack's next update deregisters it, and every run after that would fail to start."""
    assert aws.settings(GIVEN)["FLOOD_EXTENT_TASK_DEFINITION"] == "flood"


def test_outputs_are_the_stack_s() -> None:
    """Who is told to look for an output finds it."""
    template = (ROOT / "infra" / "aws" / "template.yaml").read_text().partition("\nOutputs:\n")[2]
    assert set(aws.OUTPUTS.values()) <= set(re.findall(r"^  (\w+):$", template, re.MULTILINE))


@pytest.mark.slow
def test_the_pool_is_of_ecs_and_the_deployment_is_on_it(deployed: str) -> None:
    """Image, pull step and parameters are those of the account and of the image."""
    found = ask(deployed, f"deployments/name/{aws.DEPLOYMENT}")
    assert ask(deployed, f"work_pools/{aws.POOL}")["type"] == "ecs"
    assert (found["work_pool_name"], found["job_variables"]["image"]) == (aws.POOL, GIVEN["FLOOD_EXTENT_IMAGE"])
    assert found["pull_steps"] == [
        {"prefect.deployments.steps.set_working_directory": {"directory": "/opt/flood-extent"}}
    ]
    assert found["parameters"] == {
        "endpoint": "sagemaker",
        "training_job": "flood-2022",
        "output_directory": "s3://maps/products",
        "work_directory": "s3://scratch/cache",
        "log_storage_directory": "s3://scratch/cache/logs",
    }


@pytest.mark.slow
def test_the_worker_would_start_it_in_the_stack(deployed: str) -> None:
    """Prefect's own ECS worker makes of pool and deployment a request for the stack's cluster and task definition."""
    template = ask(deployed, f"work_pools/{aws.POOL}")["base_job_template"]
    values = ask(deployed, f"deployments/name/{aws.DEPLOYMENT}")["job_variables"]
    with using(deployed):
        job = asyncio.run(ECSJobConfiguration.from_template_and_values(template, values))
    assert job.task_run_request["taskDefinition"] == "flood"
    assert job.labels.items() >= {PROJECT_TAG: PROJECT}.items()
    assert (job.cluster, job.vpc_id) == (GIVEN["FLOOD_EXTENT_CLUSTER"], "vpc-1")
    assert job.network_configuration == {
        "subnets": ["subnet-1", "subnet-2"],
        "securityGroups": ["sg-1"],
        "assignPublicIp": "DISABLED",
    }
    assert job.prefect_api_auth_string_secret_arn == GIVEN["FLOOD_EXTENT_AUTH_SECRET"]
    assert job.env["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == str(automations.HEARTBEAT_SECONDS)


@pytest.mark.slow
def test_products_are_scored_on_the_same_pool(deployed: str) -> None:
    """In the same image and cluster; nothing starts it until somebody turns that on."""
    ours, other = (ask(deployed, f"deployments/name/{name}") for name in (aws.SCORE, aws.DEPLOYMENT))
    assert all(ours[name] == other[name] for name in ("work_pool_name", "job_variables", "pull_steps"))
    (trigger,) = (one for one in ask(deployed, "automations/filter", {}) if one["name"].endswith("published (aws)"))
    assert trigger["enabled"] is False


@pytest.mark.slow
@pytest.mark.parametrize("name", [aws.DEPLOYMENT, aws.SCORE])
def test_its_heartbeats_are_watched(deployed: str, name: str) -> None:
    """A run whose container is gone is noticed, without another command to remember."""
    found = ask(deployed, f"deployments/name/{name}")["id"]
    (watching,) = (one for one in ask(deployed, "automations/filter", {}) if one["name"].endswith("heartbeat lost"))
    assert f"prefect.deployment.{found}" in watching["trigger"]["match_related"]["prefect.resource.id"]


@pytest.mark.slow
def test_again_nothing_is_doubled(deployed: str) -> None:
    """After an upgrade: the same pool, the same deployment, the same trigger, with the new image."""
    before = things(deployed)
    done = command(deployed, **{**GIVEN, "FLOOD_EXTENT_IMAGE": "flood-extent:8"})
    assert (done.returncode, things(deployed)) == (0, before)
    assert ask(deployed, f"deployments/name/{aws.DEPLOYMENT}")["job_variables"]["image"] == "flood-extent:8"


@pytest.mark.slow
@pytest.mark.parametrize("word", ["true", "false"])
def test_uploads_start_runs_where_that_was_asked_for(deployed: str, word: str) -> None:
    """The trigger is there in either case, and acts only when it is turned on."""
    done = command(deployed, **GIVEN, FLOOD_EXTENT_UPLOADS_AWS=word)
    assert done.returncode == 0, done.stderr
    (trigger,) = (one for one in ask(deployed, "automations/filter", {}) if one["name"] == aws.UPLOADED)
    assert trigger["enabled"] is (word == "true")
    assert trigger["trigger"]["match"] == {"prefect.resource.id": "s3://*"}


@pytest.mark.slow
def test_two_deployments_do_not_take_the_same_upload(deployed: str) -> None:
    """Each would map it: the second to be turned on is refused."""
    trigger = EventTrigger(expect={aws.UPLOAD_EVENT}, posture=Posture.Reactive)
    action = RunDeployment(deployment_id=uuid4(), source="selected")
    taker = AutomationCore(name="another that takes uploads", trigger=trigger, actions=[action])
    with using(deployed), get_client(sync_client=True) as client:
        made = automations.apply(taker)
        try:
            with pytest.raises(aws.NotDeployed, match="another that takes uploads"):
                aws.check_uploads(client)
        finally:
            client.delete_automation(made)
        aws.check_uploads(client)


def test_a_pool_of_another_type_is_not_taken_over(prefect_server: str) -> None:
    """Its runs would be started on the worker's own machine."""
    with using(prefect_server), get_client(sync_client=True) as client:
        there = ask(prefect_server, "work_pools/filter", {})
        if aws.POOL in {pool["name"] for pool in there}:
            client.delete_work_pool(aws.POOL)
        ask(prefect_server, "work_pools/", {"name": aws.POOL, "type": "process"})
        try:
            with pytest.raises(aws.NotDeployed, match="'process', not 'ecs'"):
                aws.make_pool(client)
        finally:
            client.delete_work_pool(aws.POOL)
