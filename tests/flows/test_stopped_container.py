"""The fault table's rows of a stopped container: what SIGTERM to its init leaves, and what the run does next."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cloud_runs import JOB, CloudRuns
from command_line import QUIET
from containers import Container, container
from worker import Worker, deployed_without_worker

from tasks.services.sagemaker_resources import resource_name

pytestmark = pytest.mark.slow
PHASES = {"deploying": CloudRuns.is_deploying, "predicting": CloudRuns.is_predicting}


@pytest.fixture(scope="module")
def pool(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Worker:
    """Deployments of a pool whose worker the test is."""
    return deployed_without_worker(prefect_server, tmp_path_factory.mktemp("pool"))


def parameters(cloud: CloudRuns) -> dict[str, Any]:
    folder = cloud.command.folder
    places = {"output_directory": "out", "work_directory": "work", "log_storage_directory": "logs"}
    where = {name: str(folder / place) for name, place in places.items()}
    return {"dataset": str(cloud.scene.dataset), "endpoint": "sagemaker", "training_job": JOB, **where}


def started(cloud: CloudRuns, run: str):
    return container(UUID(run), cloud.command.folder, cloud.command.environment)


@pytest.mark.parametrize("phase", PHASES)
def test_a_stopped_container_tears_down(cloud: CloudRuns, pool: Worker, phase: str) -> None:
    """SIGTERM to the init"""
    cloud.sandbox.settings(creating_seconds=5.0)
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=3, times=None)
    run = pool.create_run(parameters(cloud))
    with started(cloud, run) as first:
        cloud.wait_for(lambda: PHASES[phase](cloud))
        first.stop()
        t = time.monotonic()
        cloud.wait_for(lambda: not any(one["status"] != "Deleting" for one in cloud.ours().values()))
        t1 = time.monotonic()
        status = first.wait()
        t2 = time.monotonic()
        print("accepted", t1 - t, "exit", t2 - t, status)
        print(pool.state(run))
        print(first.log.read_text()[-6000:])
    assert "torn down" in cloud.log()
    cloud.wait_until_clean()
    cloud.sandbox.clear_faults()
    with started(cloud, run) as second:
        print("second", second.wait(), pool.state(run))
        print(second.log.read_text()[-3000:])
    assert 0
