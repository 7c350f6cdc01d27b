"""The deployments on ECS: ``python -m deployments.aws``, as ``make deploy-aws`` runs it, brings them up to date.

What is particular to an account comes from environment variables, which ``prefect.yaml`` names. All are looked at
before anything is created, for a deployment with a gap would only fail when a flood is there. Repeating it doubles
nothing.
"""

import asyncio
import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.workers.utilities import get_default_base_job_template_for_infrastructure_type

from deployments import automations, task_definition
from deployments.deploying import NotDeployed, deploy
from tasks.core.errors import FloodExtentError, UnusableArgument

POOL, POOL_TYPE = "flood-extent-ecs", "ecs"
DEPLOYMENT, SCORE = f"{automations.FLOW}/aws", f"{automations.SCORE_FLOW}/aws"
BLOCK, CAMPAIGN = f"{automations.FLOW}/block-aws", f"{automations.CAMPAIGN_FLOW}/aws"
UPLOADS, UPLOAD_EVENT = "FLOOD_EXTENT_UPLOADS_AWS", "flood-extent.upload.finished"
UPLOADED = f"{automations.UPLOADED} (aws)"  # in prefect.yaml
# Where each comes from: outputs of the stack, or words.
OUTPUTS = {
    "FLOOD_EXTENT_IMAGE": "Image",
    "FLOOD_EXTENT_CLUSTER": "ClusterArn",
    "FLOOD_EXTENT_TASK_DEFINITION": "TaskDefinitionFamily",
    "FLOOD_EXTENT_OUTPUT": "OutputDirectory",
    "FLOOD_EXTENT_WORK": "WorkDirectory",
}
OTHERS = {
    "FLOOD_EXTENT_VPC": "the VPC in which runs are started",
    "FLOOD_EXTENT_SUBNET_1": "a subnet of it",
    "FLOOD_EXTENT_SUBNET_2": "a subnet of it in another zone",
    "FLOOD_EXTENT_SECURITY_GROUP": "one that lets HTTPS out",
    "FLOOD_EXTENT_AUTH_SECRET": "ARN of the secret with PREFECT_API_AUTH_STRING",
    "FLOOD_EXTENT_TRAINING_JOB": "the SageMaker training job whose model is hosted",
}
DEFAULTS = {"FLOOD_EXTENT_PUBLIC_IP": "DISABLED", UPLOADS: "false"}
CHOICES = {"FLOOD_EXTENT_PUBLIC_IP": ("ENABLED", "DISABLED"), UPLOADS: ("true", "false")}


def settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of ``prefect.yaml``, complete.

    Raises:
        UnusableArgument: Some are missing, or are none of their choices; all of them by name.
    """
    sources = {**{name: f"output {output} of the stack" for name, output in OUTPUTS.items()}, **OTHERS}
    missing = [f"  {name}: {whence}" for name, whence in sources.items() if not environment.get(name)]
    given = {name: environment.get(name) or default for name, default in DEFAULTS.items()}
    wrong = [
        f"  {name}={given[name]}: {' or '.join(CHOICES[name])}" for name in given if given[name] not in CHOICES[name]
    ]
    if missing or wrong:
        lines = "\n".join([*missing, *wrong])
        raise UnusableArgument(f"set in the environment, and repeat (infra/aws/README.md has them all):\n{lines}")
    named = {name: environment[name] for name in sources}
    named[task_definition.FAMILY] = task_definition.family_of(named[task_definition.FAMILY])
    return {**named, **given}


def check_server() -> None:
    """See that there is a server to deploy to, and what the pool's type needs.

    Raises:
        UnusableArgument: No server is named, or prefect-aws is not installed.
    """
    if get_current_settings().api.url is None:
        raise UnusableArgument("PREFECT_API_URL is not set: it names the server to deploy to")
    if find_spec("prefect_aws") is None:
        raise UnusableArgument("prefect-aws is not installed: make install-aws")


def check_uploads(client: SyncPrefectClient) -> None:
    """See that no other deployment starts a run for a finished upload.

    Raises:
        NotDeployed: One does: each upload would be mapped twice.
    """
    there = automations.deployment_of(client, DEPLOYMENT)
    ours = set() if there is None else {f"prefect.deployment.{there.id}"}
    for automation in client.read_automations():
        expected = getattr(automation.trigger, "expect", ())
        starts = {f"prefect.deployment.{getattr(action, 'deployment_id', None)}" for action in automation.actions}
        if automation.enabled and UPLOAD_EVENT in expected and not starts & ours:
            raise NotDeployed(
                f"the automation {automation.name!r} starts a run for each finished upload already. Deploy "
                f"flood-extent/local with FLOOD_EXTENT_UPLOADS_LOCAL=false, or leave {UPLOADS} out"
            )


def make_pool(client: SyncPrefectClient) -> bool:
    """See that the pool is there; one that is there stays as it was set up.

    Returns:
        Whether it was made.

    Raises:
        NotDeployed: A pool of that name starts runs elsewhere.
    """
    try:
        kind = client.read_work_pool(POOL).type
    except ObjectNotFound:
        template = asyncio.run(get_default_base_job_template_for_infrastructure_type(POOL_TYPE))
        client.create_work_pool(WorkPoolCreate(name=POOL, type=POOL_TYPE, base_job_template=template or {}))
        return True
    if kind != POOL_TYPE:
        raise NotDeployed(f"the work pool {POOL!r} is of type {kind!r}, not {POOL_TYPE!r}: delete it, and repeat")
    return False


def main() -> None:
    """Do it, as a command."""
    try:
        given = settings(os.environ)
        check_server()
        with get_client(sync_client=True) as client:
            if given[UPLOADS] == "true":
                check_uploads(client)
            uncompared = task_definition.compare(given)
            made = make_pool(client)
            deploy([DEPLOYMENT, BLOCK, CAMPAIGN, SCORE], given, {UPLOADED})
            # Lost heartbeats are watched for by the deployment's id.
            automations.apply_all()
    except FloodExtentError as error:
        sys.exit(f"flood-extent: {error}")
    if uncompared:
        sys.stderr.write(f"flood-extent: {uncompared}\n")
    deployed = f"{DEPLOYMENT}, {BLOCK}, {CAMPAIGN} and {SCORE} are deployed to the pool {POOL}"
    print(f"{deployed}{', which was made' if made else ''}")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
