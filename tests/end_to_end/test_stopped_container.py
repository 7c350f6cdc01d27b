"""The fault table's rows of a stopped container: what SIGTERM to its init leaves, and what the run does afterwards."""

from contextlib import AbstractContextManager
from uuid import UUID

import pytest
from cloud_runs import PHASES, CloudRuns, on_sagemaker
from containers import Container, container
from dashboard import places
from worker import Worker, deployed_without_worker

from tasks.services.endpoints.teardown.sagemaker_resources import resource_name

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pool(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Worker:
    """Deployments to a pool whose runs the test executes itself, as ECS would."""
    return deployed_without_worker(prefect_server, tmp_path_factory.mktemp("pool"))


def create_run(cloud: CloudRuns, pool: Worker) -> str:
    return pool.create_run({**on_sagemaker(cloud), **places(cloud.command.folder)})


def started(cloud: CloudRuns, run: str) -> AbstractContextManager[Container]:
    return container(UUID(run), cloud.command.folder, cloud.command.environment)


def stop(cloud: CloudRuns, run: str, phase: str) -> str:
    """Execute a run in a container, and stop that when the phase is reached; what it printed."""
    with started(cloud, run) as first:
        cloud.wait_for(lambda: PHASES[phase](cloud))
        first.stop()
        assert first.wait() == 0, first.log.read_text()
        return first.log.read_text()


@pytest.mark.parametrize("phase", PHASES)
def test_a_stopped_container_tears_down_and_its_run_goes_on(cloud: CloudRuns, pool: Worker, phase: str) -> None:
    """Nothing is left, the run waits for a worker, and what that starts completes it under the next name."""
    cloud.sandbox.settings(creating_seconds=5.0)
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=3, times=None)
    run = create_run(cloud, pool)
    said = stop(cloud, run, phase)
    assert pool.state(run)["name"] == "AwaitingRetry", said
    assert "torn down" in cloud.log()
    cloud.wait_until_clean()
    cloud.sandbox.clear_faults()
    with started(cloud, run) as second:
        assert second.wait() == 0
    assert pool.state(run)["name"] == "Completed", second.log.read_text()
    assert "1: torn down" in cloud.log()
    cloud.wait_until_clean()


def test_a_run_that_is_cancelled_ends(cloud: CloudRuns, pool: Worker) -> None:
    """This is how a person ends one: the container hears of it from the server and tears down; nothing starts again."""
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=3, times=None)
    run = create_run(cloud, pool)
    with started(cloud, run) as only:
        cloud.wait_for(cloud.is_predicting)
        pool.set_state(run, "CANCELLING", "Cancelling")
        only.wait()
    assert pool.state(run)["name"] == "Cancelled", only.log.read_text()
    cloud.wait_until_clean()


def test_answers_that_are_under_way_do_not_hold_the_teardown_up(cloud: CloudRuns, pool: Worker) -> None:
    """Prefect kills the run half a minute after the signal, and SageMaker may take a minute for an answer."""
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=45, times=None)
    stop(cloud, create_run(cloud, pool), "predicting")
    assert "torn down" in cloud.log()
    cloud.wait_until_clean()


def test_an_endpoint_that_could_not_be_deleted_goes_with_the_next_attempt(cloud: CloudRuns, pool: Worker) -> None:
    """AWS deletes no endpoint that is being created, which takes minutes; the container has two."""
    cloud.sandbox.fault("CreateEndpoint", "stays-creating", seconds=60)
    run = create_run(cloud, pool)
    stop(cloud, run, "deploying")
    assert cloud.left() == {resource_name(UUID(run), 1)}
    with started(cloud, run) as second:
        assert second.wait() == 0
    assert pool.state(run)["name"] == "Completed", second.log.read_text()
    assert cloud.command.record()["endpoint"]["name"] == resource_name(UUID(run), 2)
    cloud.sweep_until_clean()
    assert cloud.everything() == cloud.others
