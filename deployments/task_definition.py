"""Compares the stack's task definition with what the deployment on ECS says of it.

The ECS worker takes ``PREFECT_API_AUTH_STRING`` out of a run's environment where the deployment names a secret: the
task definition is to hand it to the container. Where that does not, the server answers the run with 401, and nobody
hears of it again.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from deployments.deploying import NotDeployed
from tasks.services.endpoints.teardown.sagemaker_resources import AWS_ERRORS, code_of, text_of

IMAGE, CLUSTER = "FLOOD_EXTENT_IMAGE", "FLOOD_EXTENT_CLUSTER"
FAMILY, SECRET = "FLOOD_EXTENT_TASK_DEFINITION", "FLOOD_EXTENT_AUTH_SECRET"
CONTAINER, VARIABLE = "prefect", "PREFECT_API_AUTH_STRING"
SECONDS = 10
REGION = re.compile(r"arn:[^:]+:ecs:(?P<region>[^:]+):")
REVISION = re.compile(r"(?:arn:.+:task-definition/)?(?P<family>[^:/]+)(?::\d+)?")


def family_of(task_definition: str) -> str:
    """The family of a task definition: an update of the stack deregisters the revision that an ARN names."""
    found = REVISION.fullmatch(task_definition)
    return task_definition if found is None else found["family"]


def make_client(given: Mapping[str, str]) -> Any:
    """boto3's for ECS, in the cluster's region.

    Raises:
        BotoCoreError: AWS's settings cannot be used.
    """
    import boto3  # noqa: PLC0415 - of the extra `aws`, whose absence is told with words
    from botocore.config import Config  # noqa: PLC0415

    found = REGION.match(given[CLUSTER])
    limits = Config(connect_timeout=SECONDS, read_timeout=SECONDS, retries={"total_max_attempts": 2})
    return boto3.Session().client("ecs", region_name=found["region"] if found else None, config=limits)


def compare(given: Mapping[str, str]) -> str:
    """See that a run would get what the deployment says it gets, by the variables of ``prefect.yaml``.

    Returns:
        Why it could not be compared, where AWS could not be asked; else empty.

    Raises:
        NotDeployed: It would not; all differences by name, with what to do.
    """
    try:
        there = make_client(given).describe_task_definition(taskDefinition=given[FAMILY])["taskDefinition"]
    except AWS_ERRORS as error:
        if code_of(error) == "ClientException":
            raise NotDeployed(
                f"there is no task definition of the family {given[FAMILY]!r} where the cluster is: {FAMILY} is the "
                "output TaskDefinitionFamily of the stack"
            ) from error
        return f"the task definition {given[FAMILY]} was not compared with this deployment: {text_of(error)}"
    if differences := list(_differences(there, given)):
        lines = "\n".join(f"  {one}" for one in differences)
        raise NotDeployed(f"the stack's task definition {given[FAMILY]} and this deployment differ:\n{lines}")
    return ""


def _differences(there: Mapping[str, Any], given: Mapping[str, str]) -> Iterator[str]:
    containers = {one["name"]: one for one in there["containerDefinitions"]}
    if CONTAINER not in containers:
        yield f"it has no container {CONTAINER!r}, in which Prefect's worker starts a run"
        return
    container = containers[CONTAINER]
    if container["image"] != given[IMAGE]:
        yield f"it runs the image {container['image']}, and {IMAGE} is {given[IMAGE]}: output Image of the stack"
    secrets = {one["name"]: one["valueFrom"] for one in container.get("secrets", ())}
    if VARIABLE not in secrets:
        has = " and ".join(secrets) or "no secret"
        yield (
            f"it gives its container {has}, and runs need {VARIABLE}: update the stack with {VARIABLE} as "
            f"PrefectSecretName, and with the ARN in {SECRET} as PrefectSecretArn"
        )
    elif secrets[VARIABLE] != given[SECRET]:
        yield f"it gives its container {VARIABLE} from another secret than the one in {SECRET}"
