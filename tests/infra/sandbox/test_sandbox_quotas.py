"""The sandbox's Service Quotas and IAM: what a look at an account's readiness asks them."""

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from infra.sandbox.client import REGION, ROLE, Sandbox

OWN, DEFAULTS = "ListServiceQuotas", "ListAWSDefaultServiceQuotas"
METHODS = {OWN: "list_service_quotas", DEFAULTS: "list_aws_default_service_quotas"}


def client(sandbox: Sandbox, service: str) -> Any:
    once = Config(retries={"total_max_attempts": 1}, read_timeout=0.3)
    session = boto3.Session("testing", "testing", region_name=REGION)
    return session.client(service, endpoint_url=sandbox.url, config=once)


def pages(sandbox: Sandbox, listing: str) -> list[list[Any]]:
    paginator = client(sandbox, "service-quotas").get_paginator(METHODS[listing])
    return [page["Quotas"] for page in paginator.paginate(ServiceCode="sagemaker")]


def quotas(sandbox: Sandbox, listing: str) -> dict[str, float]:
    return {quota["QuotaName"]: quota["Value"] for page in pages(sandbox, listing) for quota in page}


def test_an_account_has_its_own_values_and_defaults(sandbox: Sandbox) -> None:
    """What was granted is in the one listing, what every account has in the other."""
    sandbox.settings(quotas={"ml.c5.xlarge": 3.0}, default_quota=1.0)
    assert quotas(sandbox, OWN)["ml.c5.xlarge for endpoint usage"] == 3
    assert quotas(sandbox, DEFAULTS)["ml.c5.xlarge for endpoint usage"] == 1
    assert "ml.m5.xlarge for endpoint usage" not in quotas(sandbox, OWN)


@pytest.mark.parametrize("listing", METHODS)
def test_quotas_come_in_pages(sandbox: Sandbox, listing: str) -> None:
    """Whoever reads the first page alone misses some: the rest is had through its token, each quota once."""
    found = pages(sandbox, listing)
    names = [quota["QuotaName"] for page in found for quota in page]
    assert len(found) > 1
    assert len(names) == len(set(names))


def test_a_reset_forgets_quotas(sandbox: Sandbox) -> None:
    """No test sees another's."""
    sandbox.settings(quotas={"ml.c5.xlarge": 3.0})
    sandbox.reset()
    assert "ml.c5.xlarge for endpoint usage" not in quotas(sandbox, OWN)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"ServiceCode": "nothing"}, "NoSuchResourceException"),
        ({"ServiceCode": "sagemaker", "NextToken": "nonsense"}, "InvalidPaginationTokenException"),
    ],
)
def test_strange_questions_are_refused(sandbox: Sandbox, parameters: dict[str, str], code: str) -> None:
    """With the codes that AWS has for them."""
    with pytest.raises(ClientError) as caught:
        client(sandbox, "service-quotas").list_service_quotas(**parameters)
    assert caught.value.response["Error"]["Code"] == code


def ask(sandbox: Sandbox, operation: str) -> Any:
    if operation in METHODS:
        return getattr(client(sandbox, "service-quotas"), METHODS[operation])(ServiceCode="sagemaker")
    return client(sandbox, "iam").get_role(RoleName=ROLE)


@pytest.mark.parametrize(
    ("operation", "error", "code"),
    [
        ("GetRole", "access-denied", "AccessDenied"),
        ("GetRole", "internal", "ServiceFailure"),
        ("ListServiceQuotas", "access-denied", "AccessDeniedException"),
        ("ListAWSDefaultServiceQuotas", "access-denied", "AccessDeniedException"),
        ("ListServiceQuotas", "internal", "ServiceException"),
    ],
)
def test_faults_are_in_the_services_own_form(sandbox: Sandbox, operation: str, error: str, code: str) -> None:
    """boto3 reads the code from XML of the one and from JSON of the other, and words name what was denied."""
    sandbox.add_training_job("job")
    sandbox.fault(operation, error)
    with pytest.raises(ClientError) as caught:
        ask(sandbox, operation)
    assert caught.value.response["Error"]["Code"] == code
    assert operation in caught.value.response["Error"]["Message"] or error == "internal"
    assert ask(sandbox, operation)


@pytest.mark.parametrize("operation", ["GetRole", *METHODS])
def test_calls_hang_where_that_is_ordered(sandbox: Sandbox, operation: str) -> None:
    """A client with a time limit sees it pass."""
    sandbox.add_training_job("job")
    sandbox.fault(operation, "hang", seconds=1.5)
    with pytest.raises(ReadTimeoutError):
        ask(sandbox, operation)


def test_faults_can_be_about_one_role(sandbox: Sandbox) -> None:
    """Others are asked as before."""
    sandbox.add_training_job("job")
    sandbox.fault("GetRole", "access-denied", times=None, name_contains="somebody-else")
    assert ask(sandbox, "GetRole")["Role"]["RoleName"] == ROLE
