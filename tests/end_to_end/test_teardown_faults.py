"""The fault table: whatever goes wrong or dies, nothing of a run stays in SageMaker, and nobody else's is touched.

Four layers may delete: ``finally`` in the flow, the hook of its final state, the command that ran it, and the sweep.
Rows of the first assert its line in the run's log; rows of the sweep, that something was left before it.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from cloud_runs import PHASES, SIGNALS, CloudRuns, client_of, on_sagemaker

from tasks.services.endpoints.teardown.sagemaker_resources import run_of
from tasks.services.endpoints.teardown.teardown import DONE, delete_run

pytestmark = pytest.mark.slow

FINALLY = "torn down"


@dataclass(frozen=True)
class Row:
    """A fault that AWS is ordered to make, and how the run ends.

    Attributes:
        faults: Of the sandbox: operation, error, and further settings.
        status: The command's exit status.
        said: Words that a person sees.
        options: Further options of the run.
    """

    faults: list[dict[str, Any]]
    status: int
    said: str
    options: list[str] = field(default_factory=list)


def fault(operation: str, error: str, **settings: Any) -> dict[str, Any]:
    return {"operation": operation, "error": error, **settings}


ROWS = {
    "a tile task fails": Row([fault("InvokeEndpoint", "garbage", after=1)], 2, "the answer is not a PNG"),
    "deploying fails after the model": Row(
        [fault("CreateEndpointConfig", "access-denied", times=None)], 1, "sagemaker:CreateEndpointConfig"
    ),
    "deploying fails after the configuration": Row(
        [fault("CreateEndpoint", "resource-limit", times=None)], 1, "account-level service limit"
    ),
    "deploying fails after the endpoint": Row(
        [fault("DescribeEndpoint", "access-denied", times=3)], 1, "sagemaker:DescribeEndpoint"
    ),
    "the answer to a creation is lost": Row(
        [fault(f"Create{kind}", "after-effect-500") for kind in ("Model", "EndpointConfig", "Endpoint")], 0, "6 done"
    ),
    "the endpoint goes Failed": Row([fault("CreateEndpoint", "goes-failed")], 1, "ping health check"),
    "AWS is short of an instance type": Row([fault("CreateEndpoint", "capacity")], 0, "1 x ml.m5.xlarge"),
    "the endpoint stays Creating past the limit": Row(
        [fault("CreateEndpoint", "stays-creating", seconds=10)],
        1,
        "not in service after",
        options=["--deploy-minutes", "0.05"],
    ),
    "AWS answers 500 to the first deletions": Row([fault("DeleteEndpoint", "internal", times=4)], 0, "6 done"),
    "AWS denies the first deletions": Row(
        [fault(f"Delete{kind}", "access-denied", times=3) for kind in ("Endpoint", "EndpointConfig", "Model")],
        0,
        "6 done",
    ),
    "AWS does not see yet what was created": Row(
        [fault(f"Create{kind}", "stale", seconds=2) for kind in ("Model", "EndpointConfig", "Endpoint")], 0, "6 done"
    ),
    "deploying fails on what AWS does not see": Row(
        [fault("CreateEndpointConfig", "stale", seconds=14)],
        1,
        "Could not find endpoint configuration",
        options=["--deploy-minutes", "0.05"],
    ),
    "the first answer has the wrong format": Row(
        [fault("InvokeEndpoint", "mask-rgb", times=None)], 1, "the mask is 8-bit RGB"
    ),
    "renewing the lease is denied": Row(
        [fault("AddTags", "access-denied", times=None, name_contains=":model/")], 1, "permission sagemaker:AddTags"
    ),
    "AddTags is denied": Row([fault("AddTags", "access-denied", times=None)], 1, "permission sagemaker:AddTags"),
}


@pytest.mark.parametrize("name", ROWS)
def test_nothing_is_left_when_aws_refuses(cloud: CloudRuns, name: str) -> None:
    """What AWS refuses is said in its own words, and the endpoint is gone when the command ends."""
    row = ROWS[name]
    for ordered in row.faults:
        cloud.sandbox.fault(**ordered)
    status, said = cloud.run(*row.options)
    assert status == row.status, said
    assert row.said in said
    assert "a fault of the program" not in said
    assert cloud.everything() == cloud.others
    assert FINALLY in cloud.log()


def test_without_the_permission_to_tag_nothing_is_created(cloud: CloudRuns) -> None:
    """A lease that could not be renewed is found out before anything costs money."""
    cloud.sandbox.fault("AddTags", "access-denied", times=None)
    cloud.run()
    assert cloud.everything() == cloud.others
    assert not {"CreateEndpointConfig", "CreateEndpoint"} & cloud.sandbox.requests().keys()


def test_an_endpoint_that_stays_creating_is_deleted_by_the_command(cloud: CloudRuns) -> None:
    """Where AWS refuses deletion for longer than flow and hook may wait, the command goes on asking."""
    cloud.sandbox.fault("CreateEndpoint", "stays-creating", seconds=60)
    status, said = cloud.run("--deploy-minutes", "0.05")
    assert status == 1, said
    assert "trying again" in said
    assert "deletion accepted" in said
    assert cloud.everything() == cloud.others


BROKEN_BODY = """
from tasks.runtime.progress import ToLog, watched_by
from flows.flood_extent import flood_extent

class Broken(ToLog):
    def stage(self, stage, ended, failed, total):
        if stage == "predict" and ended:
            raise RuntimeError("a fault in the flow's own body")

with watched_by(Broken()):
    flood_extent(**PARAMETERS)
"""
TIMED_OUT = """
from flows.flood_extent import flood_extent

flood_extent.with_options(timeout_seconds=TIMEOUT)(**PARAMETERS)
"""


def script(cloud: CloudRuns, code: str, **values: Any) -> str:
    """Code that starts a run, with what it names."""
    named = {"PARAMETERS": on_sagemaker(cloud), **values}
    return "\n".join(f"{name} = {value!r}" for name, value in named.items()) + code


def test_a_fault_in_the_flow_body_tears_down(cloud: CloudRuns) -> None:
    """An exception that no task caught ends the run as Failed, with the endpoint gone."""
    assert "RuntimeError: a fault in the flow's own body" in cloud.python(script(cloud, BROKEN_BODY))
    assert FINALLY in cloud.log()
    assert cloud.everything() == cloud.others


def test_a_flow_that_times_out_tears_down(cloud: CloudRuns) -> None:
    """Prefect's own timeout, which interrupts the flow wherever it is, does not keep the endpoint."""
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=40, times=None)
    assert "timeout" in cloud.python(script(cloud, TIMED_OUT, TIMEOUT=20)).lower()
    assert FINALLY in cloud.log()
    assert cloud.everything() == cloud.others


def test_a_run_on_stale_reads_leaves_nothing(cloud: CloudRuns) -> None:
    """AWS shows nothing for some seconds after its creation: the run waits, maps, and deletes all of it."""
    cloud.sandbox.settings(stale_seconds=3.0)
    status, said = cloud.run()
    assert status == 0, said
    assert FINALLY in cloud.log()
    assert cloud.everything() == cloud.others


@pytest.mark.parametrize("number", SIGNALS)
def test_a_run_that_is_interrupted_before_aws_sees_its_endpoint_leaves_nothing(cloud: CloudRuns, number: str) -> None:
    """An endpoint that AWS does not show yet is on the bill: it is not called deleted, and deleted once it is seen."""
    cloud.sandbox.settings(creating_seconds=1.0)
    cloud.sandbox.fault("CreateEndpoint", "stale", seconds=25)
    process = cloud.command.start(*cloud.arguments())
    cloud.wait_for(cloud.is_deploying)
    process.send_signal(SIGNALS[number][0])
    said = process.communicate(timeout=180)[0]
    assert process.returncode == SIGNALS[number][1], said
    assert "may only not see it yet" in cloud.log() + said
    assert cloud.everything() == cloud.others


@pytest.mark.parametrize("phase", ["deploying", "predicting"])
def test_a_killed_run_is_swept(cloud: CloudRuns, phase: str) -> None:
    """After SIGKILL nothing of ours is left to act but the sweep: not before the lease has lapsed, and then at once."""
    cloud.sandbox.settings(creating_seconds=5.0)
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=5, times=None)
    process = cloud.command.start(*cloud.arguments())
    cloud.wait_for(lambda: PHASES[phase](cloud))
    process.kill()
    process.communicate(timeout=60)
    status, said = cloud.sweep()
    assert (status, "1 kept" in said) == (0, True), said
    assert cloud.left(), "the sweep must not delete what may still be alive"
    cloud.let_leases_lapse()
    assert "its lease lapsed" in cloud.sweep_until_clean()
    assert cloud.everything() == cloud.others


def test_two_runs_at_once_do_not_touch_each_other(cloud: CloudRuns) -> None:
    """Two runs have an endpoint each; the one that ends first leaves the other's alone."""
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=2, times=None)
    first = cloud.command.start(*cloud.arguments("--output", "one", "--work-directory", "work-1"))
    second = cloud.command.start(
        *cloud.arguments("--output", "two", "--work-directory", "work-2", "--requests-per-instance", "1")
    )
    said = [process.communicate(timeout=240)[0] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), said
    assert cloud.command.record(output="one")["content_hash"] == cloud.command.record(output="two")["content_hash"]
    assert cloud.everything() == cloud.others


def test_a_healthy_run_outlives_its_first_lease(cloud: CloudRuns) -> None:
    """A run that lives renews its lease, so that no sweep touches its endpoint however long it takes."""
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=5, times=None)
    process = cloud.command.start(*cloud.arguments("--lease-minutes", "0.25", "--requests-per-instance", "1"))
    cloud.wait_for(cloud.is_predicting)
    time.sleep(17)
    status, said = cloud.sweep()
    assert status == 0
    assert "1 kept" in said
    told = process.communicate(timeout=120)[0]
    assert process.returncode == 0, told
    assert cloud.everything() == cloud.others


def test_layers_that_delete_at_once_end_well(cloud: CloudRuns) -> None:
    """Two sweeps and a hook's deletion of the same run at once: each ends well, and nothing is left."""
    process = cloud.command.start(*cloud.arguments())
    cloud.wait_for(cloud.is_predicting)
    process.kill()
    process.communicate(timeout=60)
    run = run_of(next(iter(cloud.ours())))
    assert run is not None
    cloud.let_leases_lapse()
    sweeps = [cloud.command.start("sweep") for _ in range(2)]
    with ThreadPoolExecutor() as hook:
        passes = [hook.submit(delete_run, client_of(cloud.sandbox), run, seconds=20, until=DONE) for _ in range(3)]
    said = [sweep.communicate(timeout=120)[0] for sweep in sweeps]
    assert [sweep.returncode for sweep in sweeps] == [0, 0], said
    assert all(step.outcome in DONE for one in passes for step in one.result())
    assert cloud.everything() == cloud.others
