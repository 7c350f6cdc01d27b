"""The fault table's rows that need a worker or several servers: cancelled, killed, retried, unreachable, foreign."""

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
import yaml
from cloud_runs import PHASES, CloudRuns, on_sagemaker
from command_line import QUIET, ROOT
from prefect.automations import AutomationCore
from prefect.client.orchestration import get_client
from prefect.events.schemas.deployment_triggers import DeploymentEventTrigger
from prefect_api import places
from prefect_servers import Server
from processes import kill_flow, kill_marked
from worker import Worker, running_worker

from deployments import automations
from flows.server.local_server import ONE_RUN_SETTINGS, using
from infra.sandbox.client import Sandbox
from tasks.services.endpoints.teardown.sagemaker_resources import resource_name

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def worker(prefect_server: str, sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker on the session's server, whose runs reach the sandbox."""
    home = tmp_path_factory.mktemp("worker")
    with running_worker(prefect_server, home, {**QUIET, **sandbox_process.environment}) as running:
        yield running


def swept_after_bad_ends(worker: Worker) -> AutomationCore:
    """The automation that prefect.yaml has for the sweep, for the worker's own."""
    registry = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    sweep = next(one for one in registry["deployments"] if one["name"] == "every-15-minutes")
    trigger = DeploymentEventTrigger.model_validate(sweep["triggers"][0])
    trigger.set_deployment_id(UUID(worker.deployment(f"sweep-endpoints/{worker.mark}")["id"]))
    return trigger.as_automation()


def parameters(cloud: CloudRuns) -> dict[str, str]:
    return {**on_sagemaker(cloud), **places(cloud.command.folder)}


@pytest.mark.parametrize("phase", PHASES)
def test_a_cancelled_run_tears_down(cloud: CloudRuns, worker: Worker, phase: str) -> None:
    """Cancelled from the API, a run has its endpoint deleted; look-alikes of its own name are not touched."""
    cloud.sandbox.settings(creating_seconds=5.0)
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=4, times=None)
    run = worker.create_run(parameters(cloud), in_seconds=2)
    mine = resource_name(UUID(run), 1)
    cloud.host_for_somebody_else(f"{mine}-copy", f"{mine}2", mine[:-2])
    cloud.wait_for(lambda: PHASES[phase](cloud))
    worker.set_state(run, "CANCELLING", "Cancelling")
    sent = time.monotonic()
    cloud.wait_for(lambda: all(one["status"] == "Deleting" for one in cloud.ours().values()))
    assert time.monotonic() - sent < 30
    assert worker.state_of(run) == "Cancelled"
    assert "torn down" in cloud.log()
    cloud.wait_until_clean()


def test_a_run_killed_under_its_worker_is_torn_down_by_the_hook(cloud: CloudRuns, worker: Worker) -> None:
    """When the flow's process alone dies, the worker reports the crash, and the hook deletes in another process."""
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=5, times=None)
    run = worker.create_run(parameters(cloud))
    cloud.wait_for(cloud.is_predicting)
    assert kill_flow(run)
    assert worker.state_of(run) == "Crashed"
    cloud.wait_until_clean()
    assert "torn down" not in cloud.log()


@pytest.mark.parametrize("end", ["Cancelled", "Crashed"])
def test_an_endpoint_that_was_there_before_outlives_its_run(cloud: CloudRuns, worker: Worker, end: str) -> None:
    """Neither the run, nor its hooks in another process, nor a sweep after it touch an endpoint that it was given."""
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=4, times=None)
    given = {"dataset": str(cloud.scene.dataset), "endpoint": "sagemaker", "endpoint_name": "production"}
    cloud.wait_for(lambda: all(one["status"] == "InService" for one in cloud.sandbox.resources().endpoints.values()))
    before = cloud.sandbox.resources()
    run = worker.create_run({**given, **places(cloud.command.folder)})
    cloud.wait_for(cloud.is_predicting)
    if end == "Crashed":
        assert kill_flow(run)
    else:
        worker.set_state(run, "CANCELLING", "Cancelling")
    assert worker.state_of(run) == end
    assert not [name for name in cloud.sandbox.requests() if name.startswith(("Create", "Delete", "AddTags"))]
    assert cloud.sweep()[0] == 0
    assert cloud.sandbox.resources() == before


def test_a_run_that_falls_silent_is_crashed_and_swept(
    cloud: CloudRuns, worker: Worker, prefect_server: str, tmp_path: Path
) -> None:
    """When flow and worker die at once the server misses the heartbeat, and the sweep need not wait for the lease."""
    with using(prefect_server):
        automations.apply(automations.heartbeat_lost([]))
    beating = {**cloud.command.environment, "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
    with running_worker(prefect_server, tmp_path, beating) as doomed:
        with using(prefect_server):
            watching = automations.apply(automations.heartbeat_lost([UUID(doomed.deployment()["id"])]))
            sweeping = automations.apply(swept_after_bad_ends(worker))
        cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=20, times=None)
        run = doomed.create_run(parameters(cloud))
        cloud.wait_for(cloud.is_predicting)
        kill_marked(doomed.mark)
    assert cloud.left()
    assert worker.state_of(run) == "Crashed"
    assert "no heartbeat" in worker.flow_run(run)["state"]["message"]
    cloud.wait_until_clean()
    with using(prefect_server), get_client(sync_client=True) as client:
        client.delete_automation(watching)
        client.delete_automation(sweeping)


def test_a_run_killed_with_its_worker_is_swept(cloud: CloudRuns, prefect_server: str, tmp_path: Path) -> None:
    """When flow and worker die at once nothing in Prefect acts; the lapsed lease does."""
    with running_worker(prefect_server, tmp_path, cloud.command.environment) as doomed:
        cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=5, times=None)
        doomed.create_run(parameters(cloud))
        cloud.wait_for(cloud.is_predicting)
        assert kill_marked(doomed.mark) >= 2
    assert cloud.left()
    cloud.let_leases_lapse()
    assert "lapsed" in cloud.sweep_until_clean()
    assert cloud.everything() == cloud.others


def test_a_retry_deploys_beside_its_old_endpoint(cloud: CloudRuns, worker: Worker) -> None:
    """A run that is retried from the UI while AWS still deletes its old endpoint deploys under the next name."""
    cloud.sandbox.settings(deleting_seconds=50.0)
    cloud.sandbox.fault("InvokeEndpoint", "model-error-400", times=None)
    run = worker.create_run(parameters(cloud))
    assert worker.state_of(run) == "NoProduct"
    assert [endpoint["status"] for endpoint in cloud.ours().values()] == ["Deleting"]
    cloud.sandbox.clear_faults()
    worker.set_state(run, "SCHEDULED", "AwaitingRetry", force=True)
    cloud.wait_for(lambda: worker.flow_run(run)["state_type"] == "RUNNING")
    assert worker.state_of(run) == "Completed"
    assert cloud.command.record()["endpoint"]["name"] == resource_name(UUID(run), 2)
    cloud.wait_until_clean()


def test_only_the_owner_may_say_that_a_run_has_ended(cloud: CloudRuns, tmp_path: Path, worker: Worker) -> None:
    """A sweep beside another server, or one that cannot be reached, leaves a living lease alone; the owner's acts."""
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=5, times=None)
    process = cloud.command.start(*cloud.arguments())
    cloud.wait_for(cloud.is_predicting)
    process.kill()
    process.communicate(timeout=60)
    run = next(str(UUID(name.split("-")[2])) for name in cloud.left())
    worker.set_state(run, "CRASHED", "Crashed", force=True)
    other = Server.start(tmp_path / "other.log", {"PREFECT_HOME": str(tmp_path / "other"), **ONE_RUN_SETTINGS, **QUIET})
    try:
        other.wait_until_up()
        assert "1 kept" in cloud.sweep(PREFECT_API_URL=other.url)[1]
    finally:
        other.stop()
    status, said = cloud.sweep(PREFECT_API_URL="http://127.0.0.1:9/api")
    assert (status, "leases and age alone decide" in said, "1 kept" in said) == (0, True, True)
    assert "its run has ended" in cloud.sweep()[1]
    cloud.sweep_until_clean()
    assert cloud.everything() == cloud.others


def test_a_server_that_goes_away_does_not_keep_the_endpoint(cloud: CloudRuns) -> None:
    """A run whose Prefect server dies tears its endpoint down, and its process ends within two minutes."""
    server = Server.start(
        cloud.command.folder / "server.log",
        {"PREFECT_HOME": str(cloud.command.folder / "gone"), **ONE_RUN_SETTINGS, **QUIET},
    )
    try:
        server.wait_until_up()
        cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=2, times=None)
        process = cloud.command.start(*cloud.arguments(), PREFECT_API_URL=server.url)
        cloud.wait_for(cloud.is_predicting)
    finally:
        server.stop()
    gone = time.monotonic()
    said = process.communicate(timeout=240)[0]
    assert time.monotonic() - gone < 120, said
    assert process.returncode == 0, said
    assert "torn down" in cloud.log()
    assert cloud.everything() == cloud.others
