"""A bucket in the simulated S3, and the local AWS, for the tests of this folder."""

from uuid import uuid4

import boto3
import pytest
from cloud import TRAINING_JOB, Cloud

from infra.sandbox.client import Sandbox
from tasks.services.endpoints.teardown import new_resources
from tasks.services.endpoints.teardown.teardown import make_client


@pytest.fixture
def aws_settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Dummy credentials in the environment, and none looked for elsewhere."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


@pytest.fixture
def s3_bucket(s3_server: str, aws_settings: pytest.MonkeyPatch) -> str:
    """``s3://`` URI of a fresh bucket in the simulated S3, which the environment points at."""
    aws_settings.setenv("AWS_ENDPOINT_URL", s3_server)
    bucket = f"test-{uuid4().hex}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}"


@pytest.fixture
def cloud(sandbox: Sandbox, aws_settings: pytest.MonkeyPatch) -> Cloud:
    """The local AWS, emptied, which the environment points at, with a finished training job; nothing of ours in it."""
    new_resources.forget()
    for name, value in sandbox.environment.items():
        aws_settings.setenv(name, value)
    sandbox.settings(tags_by_role=True)
    sandbox.add_training_job(TRAINING_JOB)
    return Cloud(sandbox, make_client())
