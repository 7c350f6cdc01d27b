"""How many instances an endpoint has, and whether that is about to change."""

from collections.abc import Mapping
from typing import Any

from tasks.services.endpoints.contract import Instances
from tasks.services.endpoints.sagemaker.aws_errors import translated
from tasks.services.endpoints.teardown.sagemaker_resources import ENDPOINT
from tasks.services.endpoints.teardown.teardown import make_client

# While the number of its instances changes, or a change is taken back, and while AWS maintains it.
CHANGING = frozenset({"Updating", "RollingBack", "SystemUpdating"})


def of_name(name: str) -> Instances | None:
    """Of an endpoint; None where there is none of this name.

    Raises:
        EndpointRefused: AWS does not let it be known.
        EndpointUnavailable: AWS does not answer.
    """
    with translated(f"instances of endpoint {name}"):
        described = ENDPOINT.described(make_client(), name)
    return None if described is None else of_endpoint(described)


def of_endpoint(described: Mapping[str, Any]) -> Instances:
    """Of what DescribeEndpoint says."""
    variants = described.get("ProductionVariants", ())
    serving = sum(variant.get("CurrentInstanceCount", 0) for variant in variants)
    desired = sum(variant.get("DesiredInstanceCount", 0) for variant in variants)
    return Instances(serving, max(serving, desired))


def is_scaling(described: Mapping[str, Any]) -> bool:
    """Whether it answers, with the models that it had, while it gets more instances or fewer.

    It serves on meanwhile. What is updated to another configuration is Updating, too, and then AWS describes the
    deployment that is pending: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html.
    """
    return described["EndpointStatus"] in CHANGING and "PendingDeploymentSummary" not in described
