"""Tiles on a real Dask cluster of two worker processes that share no disk with the flow: work and product in S3."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from command_line import ROOT, CommandLine, Scene
from distributed import Client, LocalCluster
from prefect_api import PrefectApi

from tasks.runtime.dask_batches import DIED

DEADLINE_SECONDS = 200

pytestmark = pytest.mark.slow


@pytest.fixture
def bucket(s3_bucket: str) -> Any:
    """A fresh bucket, which the environment of commands and workers points at."""
    return boto3.resource("s3").Bucket(s3_bucket.removeprefix("s3://"))


@pytest.fixture
def cluster(
    bucket: Any,  # noqa: ARG001 - workers get their environment when they start
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Client]:
    """Two worker processes in a folder and with temporary files of their own."""
    folder = tmp_path / "workers"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.chdir(folder)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as workers,
        Client(workers) as client,
    ):
        yield client


def record(bucket: Any, product: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bucket.Object(f"{product}/run.json").get()["Body"].read())
    return found


def on_dask(bucket: Any, cluster: Client, output: str) -> list[str]:
    where = f"s3://{bucket.name}"
    places = ["--output", f"{where}/{output}", "--work-directory", f"{where}/work-{output}"]
    return [*places, "--task-runner", "dask", "--dask-scheduler", cluster.scheduler.address]


def test_workers_give_the_extent_of_threads(
    command: CommandLine, scene: Scene, bucket: Any, cluster: Client, prefect_server: str
) -> None:
    """Frames, work and product in S3: the hash is that of a run in threads, with a task run a tile and stage.

    Nothing of the run stays on the cluster, which serves others.
    """
    for path in sorted(scene.dataset.iterdir()):
        bucket.upload_file(str(path), f"frames/{path.name}")
    status, said = command("run", f"s3://{bucket.name}/frames", *on_dask(bucket, cluster, "maps"))
    assert status == 0, said
    assert cluster.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks)) == []
    assert command("run", scene.dataset)[0] == 0
    found = record(bucket, "maps/frames")
    assert found["content_hash"] == command.record()["content_hash"]
    runs = PrefectApi(prefect_server).task_runs(found["flow_run_id"])
    names = [Path(tile["tile"]).stem for tile in found["tiles"]]
    expected = {f"{stage} {name}" for stage in ("prepare", "predict", "extract") for name in names}
    assert expected <= {run["name"] for run in runs if run["state_type"] == "COMPLETED"}


def run_and_kill_a_worker(
    command: CommandLine, scene: Scene, bucket: Any, cluster: Client, *more: str
) -> tuple[int, str]:
    """A run whose worker is killed (SIGKILL) in the middle of the first stage: exit status, and what it printed."""
    process = command.start("run", scene.dataset, *on_dask(bucket, cluster, "maps"), *more)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not any(bucket.objects.filter(Prefix="work-maps/cache/records/prepare/")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(next(iter(cluster.run(os.getpid).values())), signal.SIGKILL)
    said, _ = process.communicate(timeout=DEADLINE_SECONDS)
    return process.returncode, said


def test_a_killed_worker_costs_nothing_but_time(
    command: CommandLine, scene: Scene, bucket: Any, cluster: Client
) -> None:
    """What it had under way is done by another: nothing changes in the map."""
    status, said = run_and_kill_a_worker(command, scene, bucket, cluster)
    assert status == 0, said
    assert command("run", scene.dataset)[0] == 0
    assert record(bucket, f"maps/{scene.dataset.name}")["content_hash"] == command.record()["content_hash"]


def test_a_tile_that_costs_its_workers_their_lives_crashes_alone(
    command: CommandLine, scene: Scene, bucket: Any, cluster: Client, prefect_server: str
) -> None:
    """Where Dask tries no other worker the tiles under way are lost, each with its reason, and none seems to run on."""
    cluster.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 0))
    run_and_kill_a_worker(command, scene, bucket, cluster, "--failure-tolerance", "1")
    found = record(bucket, f"maps/{scene.dataset.name}")
    failed = {tile["tile"]: tile["error"] for tile in found["tiles"] if tile["state"] == "failed"}
    assert 0 < len(failed) < len(found["tiles"])
    assert all(DIED in error for error in failed.values())
    runs = PrefectApi(prefect_server).task_runs(found["flow_run_id"])
    states = {run["state_type"] for run in runs if run["name"] in {f"prepare {Path(tile).stem}" for tile in failed}}
    assert states <= {"CRASHED"}


def test_without_a_cluster_there_are_processes_for_the_run(
    command: CommandLine, scene: Scene, prefect_server: str
) -> None:
    """On this machine, and only as long as the run; the map is that of threads, which find nothing left to compute."""
    status, said = command("run", scene.dataset, "--task-runner", "dask")
    assert status == 0, said
    on_dask = command.record()
    assert all(not tile["cached"] for tile in on_dask["tiles"])
    assert len(PrefectApi(prefect_server).task_runs(on_dask["flow_run_id"])) >= 3 * len(on_dask["tiles"])
    assert command("run", scene.dataset)[0] == 0
    again = command.record()
    assert again["content_hash"] == on_dask["content_hash"]
    assert {stage for tile in again["tiles"] for stage in tile["cached"]} == {"prepare", "predict", "extract"}
