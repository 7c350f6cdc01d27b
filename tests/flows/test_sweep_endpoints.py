"""The sweep as a flow, as a command and as a Lambda: the same rules, the same deletions."""

from uuid import uuid4

import pytest
from cloud_runs import CloudRuns

from tasks.services.endpoints.teardown.sagemaker_resources import resource_name

LAPSED, LIVING = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
FLOW = """
from flows.sweep_endpoints import sweep_endpoints

state = sweep_endpoints(return_state=True)
print(state.type.value, state.name, state.message)
"""
LAMBDA = """
from infra.aws.sweeper import handler

print(handler({}, None))
"""


def orphan(cloud: CloudRuns, lease: str) -> str:
    """What a run has left that nobody knows any more, with a lease."""
    run = uuid4()
    tags = {"project": "flood-extent", "flow-run-id": str(run), "owner": "elsewhere", "lease-until": lease}
    cloud.host_for(resource_name(run, 1), tags)
    return resource_name(run, 1)


def test_the_command_deletes_what_lapsed(cloud: CloudRuns) -> None:
    """What a dry run names is deleted by the next sweep, and a living lease is kept."""
    old, young = orphan(cloud, LAPSED), orphan(cloud, LIVING)
    status, said = cloud.sweep("--dry-run")
    assert status == 0, said
    assert f"{old}: its lease lapsed" in said
    assert {old, young} <= cloud.everything()
    status, said = cloud.sweep()
    assert (status, "deletion of 1 accepted, 0 left to the next sweep, 1 kept" in said) == (0, True), said
    cloud.wait_for(lambda: old not in cloud.everything())
    assert young in cloud.everything()


@pytest.mark.slow
def test_the_flow_deletes_what_lapsed(cloud: CloudRuns) -> None:
    """The scheduled flow says in its state what it did."""
    old = orphan(cloud, LAPSED)
    assert "COMPLETED Completed" in cloud.python(FLOW)
    cloud.wait_for(lambda: old not in cloud.everything())
    assert cloud.everything() == cloud.others


@pytest.mark.slow
def test_a_refused_deletion_fails_the_flow(cloud: CloudRuns) -> None:
    """What should go and cannot is red in the dashboard."""
    orphan(cloud, LAPSED)
    cloud.sandbox.fault("DeleteEndpoint", "access-denied", times=None)
    said = cloud.python(FLOW)
    assert "FAILED NotSwept" in said
    assert "sagemaker:DeleteEndpoint" in said


def test_the_lambda_deletes_what_lapsed_or_is_too_old(cloud: CloudRuns) -> None:
    """The handler runs against AWS alone: leases and age decide."""
    old, young = orphan(cloud, LAPSED), orphan(cloud, LIVING)
    assert old in cloud.python(LAMBDA)
    cloud.wait_for(lambda: old not in cloud.everything())
    assert young in cloud.everything()
    cloud.python(LAMBDA, MAX_ENDPOINT_MINUTES="0.0001")
    cloud.wait_until_clean()


@pytest.mark.slow
def test_the_lambda_fails_where_aws_refuses(cloud: CloudRuns) -> None:
    """A sweeper that may not delete rings its alarm instead of looking well."""
    orphan(cloud, LAPSED)
    cloud.sandbox.fault("DeleteEndpoint", "access-denied", times=None)
    assert "NotSwept" in cloud.python(LAMBDA)


@pytest.mark.slow
def test_a_sweep_without_credentials_says_so(cloud: CloudRuns) -> None:
    """Nothing is swept in silence: what is missing is named."""
    nobody = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    status, said = cloud.sweep(**nobody)
    assert status == 1, said
    assert "credentials" in said


@pytest.mark.parametrize("minutes", ["-1", "nan"])
def test_an_unusable_age_is_refused(cloud: CloudRuns, minutes: str) -> None:
    """A number of minutes that cannot be meant is refused by name."""
    status, said = cloud.sweep("--max-endpoint-minutes", minutes)
    assert status == 64
    assert "--max-endpoint-minutes" in said
