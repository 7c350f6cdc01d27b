"""A 10,000 px tile at its own resolution with ``water-index``, in chips: seconds, peak memory and requests by stage.

Each stage runs in a child process of its own, against the same tile at a width of 1,000 px in one request; the model
server is another process, whose memory is not counted.
"""

import json
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

from big_tile import SIDE_PX, big_tile
from measuring import measure

from flows.parameters import RunParameters
from flows.preflight import identity_of_model, plan_tiles
from flows.run.known_calibration import by_tile, known_calibration
from tasks.core.tiles.jobs import TileJob
from tasks.extent import extract_extent
from tasks.imagery import prepare
from tasks.prediction import predict
from tasks.services.endpoints.endpoint_kinds import endpoint_service
from tasks.services.frames.dataset_listing import list_tiles

STAGES = ("prepare", "predict", "extract")
WHOLE, CHIPS = {"width": 1000}, {"width": SIDE_PX, "chip_px": 720}
KIB = 1024


def run() -> None:
    """Print both, and their ratio, measured in one run."""
    with tempfile.TemporaryDirectory() as folder:
        frames = Path(folder) / "frames"
        frames.mkdir()
        shutil.copyfile(big_tile(), frames / "tile.jp2")
        rows = {name: _stages(folder, name, settings) for name, settings in (("whole", WHOLE), ("chips", CHIPS))}
    for stage in STAGES:
        one, many = (rows[name][stage] for name in ("whole", "chips"))
        print(
            f"{stage} of {SIDE_PX:,} px at {WHOLE['width']:,} px in {one['requests']} request: {one['seconds']:.1f} s, "
            f"{one['mb']:.0f} MB; at full resolution in {many['requests']} requests: {many['seconds']:.1f} s, "
            f"{many['mb']:.0f} MB more than the process had before (aim: below 600)"
        )


def _stages(folder: str, name: str, settings: dict[str, int]) -> dict[str, dict[str, float]]:
    arguments = [json.dumps({"dataset": f"{folder}/frames", "work_directory": f"{folder}/{name}", **settings})]
    return {stage: json.loads(measure(sys.executable, __file__, stage, *arguments).printed) for stage in STAGES}


def _measured(stage: str, parameters: RunParameters) -> dict[str, float]:
    job, service = _job(parameters), endpoint_service(parameters.endpoint_spec())
    endpoint = service.deploy("chips", lambda _: None) if stage == "predict" else None
    before, start = _peak_mb(), time.perf_counter()
    if stage == "prepare":
        prepare(job)
    elif endpoint is None:
        extract_extent(job)
    else:
        predict(job, service, endpoint)
    used = {"requests": len(job.layout), "seconds": time.perf_counter() - start, "mb": _peak_mb() - before}
    service.delete("chips")
    return used


def _job(parameters: RunParameters) -> TileJob:
    tiles = list_tiles(parameters.dataset, crs=None, max_pixels=SIDE_PX**2)
    identity = identity_of_model(parameters)
    jobs = plan_tiles(parameters, tiles, identity)
    calibration = known_calibration(parameters, jobs, None)
    return jobs[0] if calibration is None else plan_tiles(parameters, tiles, identity, by_tile(calibration))[0]


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB / 1e6


if __name__ == "__main__":
    print(json.dumps(_measured(sys.argv[1], RunParameters(**json.loads(sys.argv[2])))))
