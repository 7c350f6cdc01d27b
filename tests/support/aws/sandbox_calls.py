"""The sandbox as real clients ask it: once, without retries of their own."""

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from cloud import ROLE, variant
from jpegs import water_and_crops

from infra.sandbox.client import IMAGE

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
ONCE = Config(retries={"total_max_attempts": 1}, read_timeout=30)
MODEL = {"ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE}}
VARIANT = variant("m")


def sagemaker(config: Config = ONCE, service: str = "sagemaker") -> Any:
    """boto3's client for SageMaker as the environment has it; kept, for making one takes a tenth of a second."""
    return _client(service, config, os.environ["AWS_ENDPOINT_URL"])


@cache
def _client(service: str, config: Config, _: str) -> Any:
    return boto3.client(service, config=config)


def deployed(client: Any, endpoint: str = "e", config: str = "c", model: str = "m") -> None:
    """Create all three."""
    client.create_model(ModelName=model, **MODEL)
    client.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant(model)])
    client.create_endpoint(EndpointName=endpoint, EndpointConfigName=config)


def invoke(endpoint: str = "e", config: Config = ONCE, **asked: Any) -> dict[str, Any]:
    """Send an image of 64 x 48 px, unless told otherwise; the answer, its body read."""
    given = {"Body": water_and_crops(), "ContentType": "image/jpeg", "Accept": "image/png", **asked}
    answer = _client("sagemaker-runtime", config, os.environ["AWS_ENDPOINT_URL"]).invoke_endpoint(
        EndpointName=endpoint, **given
    )
    return {**answer, "Body": answer["Body"].read()}


def caught(ask: Callable[..., object], *arguments: Any, **parameters: Any) -> dict[str, Any]:
    """What the client's error holds of AWS's refusal."""
    with pytest.raises(ClientError) as error:
        ask(*arguments, **parameters)
    response: dict[str, Any] = error.value.response
    return response


def refusal(ask: Callable[..., object], *arguments: Any, **parameters: Any) -> str:
    """AWS's code and words for what it refuses."""
    error = caught(ask, *arguments, **parameters)["Error"]
    return f"{error['Code']}: {error['Message']}"
