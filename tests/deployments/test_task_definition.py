"""What the stack's task definition gives a run, held against the deployment, on a simulated ECS."""

from typing import Any

import boto3
import pytest

from deployments import task_definition
from deployments.deploying import NotDeployed
from deployments.task_definition import VARIABLE, compare, family_of

FAMILY, REGION = "flood", "ap-southeast-2"
SECRET = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:prefect-AbCdEf"
GIVEN = {
    task_definition.IMAGE: "flood-extent:7",
    task_definition.CLUSTER: f"arn:aws:ecs:{REGION}:123456789012:cluster/flood",
    task_definition.FAMILY: FAMILY,
    task_definition.SECRET: SECRET,
}


@pytest.fixture
def ecs(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """boto3's client for a simulated ECS, which the environment points at, in no region of its own."""
    for name, value in {"ACCESS_KEY_ID": "testing", "SECRET_ACCESS_KEY": "testing", "ENDPOINT_URL": s3_server}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    return boto3.client("ecs", region_name=REGION)


def register(ecs: Any, **container: Any) -> None:
    """The task definition's next revision."""
    whole = {"name": "prefect", "image": "flood-extent:7", "secrets": [{"name": VARIABLE, "valueFrom": SECRET}]}
    ecs.register_task_definition(family=FAMILY, containerDefinitions=[{"memory": 512, **whole, **container}])


def test_one_that_fits_is_taken(ecs: Any) -> None:
    """Nothing is said; it is the latest revision that counts."""
    register(ecs, secrets=[])
    register(ecs)
    assert compare(GIVEN) == ""


@pytest.mark.parametrize("secrets", [[], [{"name": "PREFECT_API_KEY", "valueFrom": SECRET}]])
def test_a_container_without_the_password_is_refused(ecs: Any, secrets: list[dict[str, str]]) -> None:
    """The server would answer every run with 401: what to update the stack with is said."""
    register(ecs, secrets=secrets)
    with pytest.raises(
        NotDeployed, match=rf"{VARIABLE} as PrefectSecretName, and with the ARN in {task_definition.SECRET}"
    ):
        compare(GIVEN)


def test_all_differences_are_said_at_once(ecs: Any) -> None:
    """Another image and another secret than the deployment names."""
    register(ecs, image="flood-extent:6", secrets=[{"name": VARIABLE, "valueFrom": f"{SECRET}2"}])
    with pytest.raises(NotDeployed, match=r"runs the image flood-extent:6.*\n.*from another secret"):
        compare(GIVEN)


def test_another_s_task_definition_is_refused(ecs: Any) -> None:
    """Prefect's worker would start a container that is not the flow's."""
    register(ecs, name="web")
    with pytest.raises(NotDeployed, match="no container 'prefect'"):
        compare(GIVEN)


@pytest.mark.usefixtures("ecs")
def test_one_that_is_not_there_is_refused() -> None:
    """A slip in the variable, or another account: where to look is said."""
    with pytest.raises(NotDeployed, match="output TaskDefinitionFamily"):
        compare({**GIVEN, task_definition.FAMILY: "nothing"})


def test_where_aws_cannot_be_asked_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who deploys to Prefect need not have rights in AWS: it is deployed, and the gap is named."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "PROFILE", "CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    for name in ("SHARED_CREDENTIALS_FILE", "CONFIG_FILE"):
        monkeypatch.setenv(f"AWS_{name}", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert "flood was not compared" in compare(GIVEN)


@pytest.mark.parametrize(
    "given", ["flood", "flood:3", "arn:aws:ecs:ap-southeast-2:123456789012:task-definition/flood:3"]
)
def test_a_revision_is_taken_for_its_family(given: str) -> None:
    """An update of the stack deregisters the revision that somebody copied from its outputs."""
    assert family_of(given) == "flood"
