"""Which endpoint services there are, by the name that a run's parameters use."""

import importlib

from tasks.core.errors import UnusableArgument
from tasks.services.endpoints.contract import HTTP, LOCAL, SAGEMAKER, EndpointService, EndpointSpec
from tasks.services.endpoints.http_endpoint import HttpEndpoint
from tasks.services.endpoints.local_endpoint import LocalEndpoint

__all__ = ["HTTP", "LOCAL", "SAGEMAKER", "endpoint_service"]


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
    if spec.kind != SAGEMAKER:
        raise UnusableArgument(f"endpoint {spec.kind!r}: there are only {LOCAL!r}, {SAGEMAKER!r} and {HTTP!r}")
    try:
        # Imported here: it needs the extra, and a local run should not wait for it.
        if spec.is_existing:
            module = importlib.import_module("tasks.services.endpoints.sagemaker.existing_endpoint")
            existing: EndpointService = module.ExistingEndpoint(spec)
            return existing
        module = importlib.import_module("tasks.services.endpoints.sagemaker.sagemaker_endpoint")
        importlib.import_module("sagemaker.core")
    except ImportError as error:
        raise UnusableArgument(
            f'endpoint {SAGEMAKER!r} needs the extra "aws" ({error}): pip install "flood-extent[aws]"'
        ) from error
    service: EndpointService = module.SageMakerEndpoint(spec)
    return service
