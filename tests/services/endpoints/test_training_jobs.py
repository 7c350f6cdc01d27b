"""What a training job says of its model, asked through the SDK."""

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cloud import TRAINING_JOB, Cloud, spec

from infra.sandbox.client import IMAGE
from tasks.core.errors import EndpointRefused, EndpointUnavailable
from tasks.services.endpoints.sagemaker.aws_sessions import session
from tasks.services.endpoints.sagemaker.sagemaker_endpoint import SageMakerEndpoint
from tasks.services.endpoints.sagemaker.training_jobs import TrainedModel, repository_of

pytestmark = pytest.mark.usefixtures("cloud")

VPC = {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}


def of_job(name: str = TRAINING_JOB) -> TrainedModel:
    return TrainedModel.of_job(name, session())


def test_image_artifact_and_role_come_from_the_job(cloud: Cloud) -> None:
    """The same image hosts that trained; nobody has to give any of them."""
    job = cloud.client.describe_training_job(TrainingJobName=TRAINING_JOB)
    trained = of_job()
    assert (trained.image, trained.role) == (IMAGE, job["RoleArn"])
    assert trained.artifact == job["ModelArtifacts"]["S3ModelArtifacts"]


def test_a_job_without_a_network_of_its_own() -> None:
    """What AWS leaves out of its answer is empty, not a word of the SDK's."""
    trained = of_job()
    assert (trained.subnets, trained.security_groups, trained.network_isolation, trained.kms_key) == ((), (), False, "")


def test_network_and_key_are_the_jobs(cloud: Cloud) -> None:
    """Whoever trained in a closed network hosts in it."""
    cloud.sandbox.add_training_job("closed", vpc_config=VPC, network_isolation=True, volume_kms_key="key-1")
    trained = of_job("closed")
    assert trained.subnets == ("subnet-1", "subnet-2")
    assert (trained.security_groups, trained.network_isolation, trained.kms_key) == (("sg-1",), True, "key-1")


def test_the_scale_of_training_is_the_jobs(cloud: Cloud) -> None:
    """A hyperparameter, which AWS has as text; where nobody set it, the algorithm's own."""
    cloud.sandbox.add_training_job("fine", hyperparameters={"base_size": "1000"})
    assert cloud.client.describe_training_job(TrainingJobName="fine")["HyperParameters"]["base_size"] == "1000"
    assert (of_job("fine").base_size, of_job().base_size) == (1000, 520)


def test_a_job_that_is_missing() -> None:
    """The name and the region that was searched are in the message."""
    with pytest.raises(EndpointRefused, match="no training job 'flood-modle' in region us-east-1"):
        of_job("flood-modle")


@pytest.mark.parametrize("status", ["InProgress", "Failed", "Stopped"])
def test_a_job_that_is_not_completed(cloud: Cloud, status: str) -> None:
    """Only a Completed job has a model to host."""
    cloud.sandbox.add_training_job("unready", status=status)
    with pytest.raises(EndpointRefused, match=f"'unready' is {status}.*Only the model of a Completed job"):
        of_job("unready")


def test_a_job_of_another_algorithm(cloud: Cloud) -> None:
    """An object detector would be deployed, paid for, and answer nonsense."""
    cloud.sandbox.add_training_job("detector", image=IMAGE.replace("semantic-segmentation", "object-detection"))
    with pytest.raises(EndpointRefused, match="'detector' is not of the semantic segmentation algorithm"):
        of_job("detector")


def test_a_denied_look_names_the_permission(cloud: Cloud) -> None:
    """AWS's own sentence says what to grant."""
    cloud.sandbox.fault("DescribeTrainingJob", "access-denied", times=None)
    with pytest.raises(EndpointRefused, match=r"sagemaker:DescribeTrainingJob.*Grant this permission"):
        of_job()


def test_aws_that_is_away_may_come_back(aws_settings: pytest.MonkeyPatch) -> None:
    """No answer is not the same as no."""
    aws_settings.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    aws_settings.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(EndpointUnavailable, match="AWS does not answer just now"):
        of_job()


def test_without_a_region_nothing_can_be_asked(aws_settings: pytest.MonkeyPatch) -> None:
    """It is said, with the remedy, before anything is created."""
    aws_settings.delenv("AWS_DEFAULT_REGION")
    aws_settings.delenv("AWS_REGION", raising=False)
    aws_settings.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(EndpointRefused, match=r"no AWS region is set\. Set AWS_DEFAULT_REGION"):
        SageMakerEndpoint(spec()).model_identity()


def test_without_credentials_nothing_can_be_asked(aws_settings: pytest.MonkeyPatch) -> None:
    """On a machine that is no instance of AWS, and has no settings."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        aws_settings.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        aws_settings.setenv(name, "/nowhere")
    with pytest.raises(EndpointRefused, match=f"{TRAINING_JOB}.*no usable AWS settings.*credentials"):
        SageMakerEndpoint(spec()).model_identity()


def test_identity_tells_models_apart(cloud: Cloud) -> None:
    """Predictions of one model are never taken for another's."""
    cloud.sandbox.add_training_job("flood-model-2025")
    assert of_job().identity() == of_job().identity()
    assert of_job().identity() != of_job("flood-model-2025").identity()


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Sets the machine's time zone, until the end of the test."""

    def put(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield put
    monkeypatch.undo()
    os.environ.pop("TZ", None)
    time.tzset()


def test_identity_does_not_depend_on_the_machines_time_zone(zone: Any) -> None:
    """Botocore gives times in local time: a cache shared by two offices would miss."""
    zone("Australia/Sydney")
    here = of_job().identity()
    zone("Europe/London")
    assert of_job().identity() == here


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        (IMAGE, "semantic-segmentation"),
        (f"{IMAGE.partition(':')[0]}@sha256:0123", "semantic-segmentation"),
        ("registry:5000/team/semantic-segmentation:1", "team/semantic-segmentation"),
        ("", ""),
    ],
)
def test_the_repository_is_what_is_between_registry_and_tag(image: str, repository: str) -> None:
    """A fork of the algorithm in somebody's own registry folder is not the algorithm."""
    assert repository_of(image) == repository
