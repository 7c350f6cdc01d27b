"""Which trust policies let SageMaker take a role on."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from tasks.services.trust_policies import lets_assume

SAGEMAKER = "sagemaker.amazonaws.com"
ALLOW: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": SAGEMAKER}, "Action": "sts:AssumeRole"}
OWN_ACCOUNT = {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([ALLOW], True),
        ([ALLOW | {"Principal": {"Service": ["ec2.amazonaws.com", SAGEMAKER]}}], True),
        ([ALLOW | {"Action": ["sts:TagSession", "sts:AssumeRole"]}], True),
        ([ALLOW | {"Action": "sts:*"}], True),
        ([ALLOW | {"Action": "STS:assumerole"}], True),
        ([ALLOW | {"Condition": OWN_ACCOUNT}], True),
        ([ALLOW | {"Principal": "*"}], True),
        ([], False),
        ([ALLOW | {"Principal": {"Service": "ec2.amazonaws.com"}}], False),
        ([ALLOW | {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}], False),
        ([ALLOW | {"Action": "sts:AssumeRoleWithSAML"}], False),
        ([ALLOW | {"Effect": "Deny"}], False),
        ([ALLOW, ALLOW | {"Effect": "Deny"}], False),
        ([ALLOW, ALLOW | {"Effect": "Deny", "Condition": OWN_ACCOUNT}], True),
    ],
)
def test_who_may_assume(statements: list[dict[str, Any]], expected: bool) -> None:
    """One statement that allows is enough, one that denies is too much; values may stand with or without a list."""
    assert lets_assume(policy(*statements), SAGEMAKER) is expected


@pytest.mark.parametrize("written", [json.dumps, lambda value: quote(json.dumps(value))])
@pytest.mark.parametrize("document", [policy(ALLOW), {"Statement": ALLOW}])
def test_a_document_may_be_text(written: Any, document: dict[str, Any]) -> None:
    """IAM sends JSON URL-encoded, and a single statement without its list is a policy, too."""
    assert lets_assume(written(document), SAGEMAKER)


@pytest.mark.parametrize("document", ["[]", "1", '{"Statement": [3]}', "no JSON"])
def test_what_is_no_policy_is_said(document: str) -> None:
    """Nothing is concluded from it."""
    with pytest.raises(ValueError, match=r"no policy|Expecting value"):
        lets_assume(document, SAGEMAKER)
