"""A Prefect server, and an AWS that is a simulated one, for the tests of this folder."""

from collections.abc import Iterator
from uuid import uuid4

import boto3
import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings


@pytest.fixture
def prefect_api(prefect_server: str) -> Iterator[str]:
    """The server's API, as the one that this process uses."""
    with temporary_settings({PREFECT_API_URL: prefect_server, PREFECT_LOGGING_TO_API_ENABLED: False}):
        yield prefect_server


@pytest.fixture
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of somebody with keys of their own, and with nothing else of AWS in it."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name in ("FLOOD_EXTENT_KMS_KEY", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ambient")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


@pytest.fixture
def bucket(s3_server: str, aws_environment: pytest.MonkeyPatch) -> str:
    """``s3://`` URI of a fresh bucket in the simulated S3, which the environment points at."""
    aws_environment.setenv("AWS_ENDPOINT_URL", s3_server)
    name = f"test-{uuid4().hex}"
    boto3.Session().client("s3").create_bucket(Bucket=name)
    return f"s3://{name}"
