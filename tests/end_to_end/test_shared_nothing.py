"""Workers that share no disk: each stage of a tile in a process of its own, and everything between them in S3."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from command_line import ROOT
from many_tiles import make_tiles
from s3_front import front
from tile_jobs import planned

from tasks.core.models.nir_threshold import Split
from tasks.core.tiles.jobs import Stage, TileJob
from tasks.extent import extract_extent
from tasks.imagery import prepare
from tasks.prediction import predict
from tasks.services import storage
from tasks.services.endpoints.contract import Deployment
from tasks.services.endpoints.local_endpoint import LocalEndpoint
from tasks.services.frames.dataset_listing import list_tiles
from tasks.services.work_directory.cached_tiles import CachedTiles

NAME, SECONDS = "shared-nothing", 120.0
STAGES: tuple[Stage, ...] = ("prepare", "predict", "extract")
WORKER = """
import json, sys
from tasks.core.tiles.jobs import TileJob
from tasks.extent import extract_extent
from tasks.imagery import prepare
from tasks.prediction import predict
from tasks.services.endpoints.contract import Deployment
from tasks.services.endpoints.local_endpoint import LocalEndpoint
asked = json.load(sys.stdin)
job = TileJob.from_dict(asked["job"])
if sys.argv[1] == "prepare":
    prepare(job)
elif sys.argv[1] == "predict":
    predict(job, LocalEndpoint("water-index"), Deployment.from_dict(asked["endpoint"]))
else:
    extract_extent(job)
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Deployment]:
    """A model server, which every process of this machine can ask."""
    service = LocalEndpoint("water-index")
    yield service.deploy(NAME, lambda _: None)
    service.delete(NAME)


def jobs_of(dataset: str, work: str) -> TileJob:
    """The only tile of a dataset."""
    (tile,) = list_tiles(dataset, crs=None, max_pixels=10**6)
    (job,) = planned([tile], work_directory=work, told={tile.id: Split(70, 96)})
    return job


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path, endpoint: Deployment) -> Start:
    """A function that starts a worker for a stage, with places of its own on the disk."""

    def work(stage: Stage, job: TileJob, **environment: str) -> "subprocess.Popen[str]":
        place = tmp_path / f"worker-{len(list(tmp_path.iterdir()))}"
        (place / "tmp").mkdir(parents=True)
        variables = {**os.environ, "TMPDIR": str(place / "tmp"), "PYTHONPATH": str(ROOT), **environment}
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, stage], cwd=place, env=variables, stdin=subprocess.PIPE, text=True
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps({"job": job.to_dict(), "endpoint": endpoint.to_dict()}))
        process.stdin.close()
        return process

    return work


def kinds(job: TileJob) -> Mapping[Stage, bool]:
    cached = CachedTiles.look_up([job])
    return {stage: cached.has(stage, job) for stage in STAGES}


@pytest.mark.slow
def test_a_worker_that_dies_costs_its_tile_alone(
    s3_bucket: str, s3_server: str, start: Start, endpoint: Deployment, tmp_path: Path
) -> None:
    """Killed in the upload of any stage's answer, it leaves nothing that counts; the next one does the stage again.

    Each worker has a disk of its own. The polygons are, byte for byte, those of one process with one disk.
    """
    (frame,) = make_tiles(tmp_path / "frames", 1, 256).iterdir()
    storage.write_bytes(f"{s3_bucket}/frames/{frame.name}", frame.read_bytes())
    job = jobs_of(f"{s3_bucket}/frames", f"{s3_bucket}/work")
    # A file in the middle, one whose files are all there, and the only one.
    cuts = {"prepare": job.valid_uri, "predict": job.record_uri("predict"), "extract": job.extent_uri}
    for stage in STAGES:
        _kill_at(cuts[stage], stage, job, start, s3_server)
        assert not storage.exists(cuts[stage])
        assert not kinds(job)[stage]
        worker = start(stage, job)
        assert worker.wait(SECONDS) == 0
        assert storage.exists(job.record_uri(stage))
    assert all(kinds(job).values())
    alone = jobs_of(str(tmp_path / "frames"), str(tmp_path / "work"))
    prepare(alone)
    predict(alone, LocalEndpoint("water-index"), endpoint)
    extract_extent(alone)
    assert storage.read_bytes(job.extent_uri) == storage.read_bytes(alone.extent_uri)


def _kill_at(uri: str, stage: Stage, job: TileJob, start: Start, server: str) -> None:
    """Kill a worker while it uploads an object: S3 has its bytes, and has not shown the object."""
    reached, killed = threading.Event(), threading.Event()

    def passes(method: str, target: str) -> bool:
        if method == "PUT" and target.endswith(storage.name(uri)):
            reached.set()
            killed.wait(SECONDS)
            return False
        return True

    with front(server, passes=passes) as held:
        worker = start(stage, job, AWS_ENDPOINT_URL=held.url)
        assert reached.wait(SECONDS), worker.poll()
        worker.kill()
        worker.wait(SECONDS)
        killed.set()
