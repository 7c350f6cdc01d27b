"""Which endpoint services there are, by the name that a run's parameters use."""

import importlib
from typing import Any

from tasks.core.errors import UnusableArgument
from tasks.services.endpoints.contract import (
    BATCH,
    HTTP,
    LOCAL,
    SAGEMAKER,
    BatchService,
    EndpointService,
    EndpointSpec,
    Instances,
)
from tasks.services.endpoints.http_endpoint import HttpEndpoint
from tasks.services.endpoints.local_endpoint import LocalEndpoint

__all__ = ["BATCH", "HTTP", "LOCAL", "SAGEMAKER", "batch_service", "endpoint_instances", "endpoint_service"]


def endpoint_service(spec: EndpointSpec) -> EndpointService:
    """The service that a run's parameters ask for.

    Args:
        spec: What is to be deployed; of an endpoint that is only to be asked or deleted, its kind alone counts.

    Raises:
        UnusableArgument: There is no such kind of endpoint, or what it needs is not installed.
    """
    if spec.kind == LOCAL:
        return LocalEndpoint(spec.model, device=spec.device, class_map=spec.class_map)
    if spec.kind == HTTP:
        return HttpEndpoint(spec)
    if spec.kind == BATCH:
        return batch_service(spec)
    if spec.kind != SAGEMAKER:
        kinds = f"{LOCAL!r}, {SAGEMAKER!r}, {HTTP!r} and {BATCH!r}"
        raise UnusableArgument(f"endpoint {spec.kind!r}: there are only {kinds}")
    if spec.is_existing:
        existing: EndpointService = _made("existing_endpoint", "ExistingEndpoint", spec)
        return existing
    service: EndpointService = _made("sagemaker_endpoint", "SageMakerEndpoint", spec)
    return service


def batch_service(spec: EndpointSpec) -> BatchService:
    """The service of a spec of kind ``batch``, which is given all images before it is deployed.

    Raises:
        UnusableArgument: What it needs is not installed.
    """
    service: BatchService = _made("batch.batch_transform", "BatchTransform", spec)
    return service


def endpoint_instances(name: str) -> Instances | None:
    """Instances of an endpoint in SageMaker now; None where there is none of this name.

    Raises:
        EndpointRefused: AWS does not let it be known.
        EndpointUnavailable: AWS does not answer.
    """
    from tasks.services.endpoints.sagemaker import instances  # noqa: PLC0415 - in the extra "aws"

    return instances.of_name(name)


def _made(module: str, name: str, spec: EndpointSpec) -> Any:
    """A service of SageMaker's. Imported here: it needs the extra, and a local run should not wait for it."""
    try:
        found = importlib.import_module(f"tasks.services.endpoints.sagemaker.{module}")
        if not spec.is_existing:
            importlib.import_module("sagemaker.core")
    except ImportError as error:
        raise UnusableArgument(
            f'endpoint {spec.kind!r} needs the extra "aws" ({error}): pip install "flood-extent[aws]"'
        ) from error
    return getattr(found, name)(spec)
