"""What a 10,000 px tile in flight adds to a worker's memory, from the frame to polygons: one at a time, and several.

Each figure is measured in a process of its own, above what it holds after a small tile has gone all the way: imports
and threads are there by then. A child that decodes counts in full, for it is there for the tiles. The model server is
another process, which is not counted.
"""

import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import shapely
from big_tile import SIDE_PX, big_tile
from measuring import measure
from processes import Process, look, peak_bytes, peak_from_now

from flows.parameters import RunParameters
from flows.preflight import identity_of_model, plan_tiles
from flows.run.known_calibration import by_tile, known_calibration
from tasks.core.tiles.jobs import TileJob
from tasks.extent import extract_extent
from tasks.imagery import prepare
from tasks.prediction import predict
from tasks.services.endpoints.contract import Deployment, EndpointService
from tasks.services.endpoints.endpoint_kinds import endpoint_service
from tasks.services.frames.dataset_listing import list_tiles
from tasks.services.frames.decoding import decoder_of
from tasks.services.work_directory import tile_files

AIM_BYTES = 400e6
AT_ONCE = (1, 4)
STAGES = ("prepare", "predict", "extract")
SMALL_PX = 256
NIR = 70  # a calibration that is given: which one does not matter here
DECODER = "tasks.services.frames.decoder_process"

Step = Callable[[TileJob], object]


def run() -> None:
    """Print a row a stage and one for all of them in turn, decoded in the worker's process and in a child."""
    from many_tiles import make_tiles  # noqa: PLC0415 - of tests/support, which __main__ adds to the path

    print(f"memory: MB that a {SIDE_PX:,} px tile in flight adds to its worker (aim: {AIM_BYTES / 1e6:.0f})")
    with tempfile.TemporaryDirectory(prefix="flood-extent-benchmark-") as place:
        folder = Path(place)
        make_tiles(folder / "small", 1, SMALL_PX)
        (folder / "big").mkdir()
        (folder / "big" / "tile.jp2").symlink_to(big_tile())
        for in_child, ways in ((False, [[stage] for stage in STAGES] + [STAGES]), (True, [["prepare"], STAGES])):
            for way in ways:
                columns = [_column(folder, way, tiles, in_child=in_child) for tiles in AT_ONCE]
                where = "a child decodes" if in_child else ""
                print(f"  {', '.join(way):25} {where:15}  {'   '.join(columns)}", flush=True)
        extent = tile_files.extent(_job(f"{folder}/big", f"{folder}/steps/1/0"))
        vertices = int(shapely.get_num_coordinates([extent.flood])[0])
        print(f"memory: its extent has {vertices:,} vertices, and is kept in {len(extent.to_bytes()) / 1e3:.0f} kB")


def _column(folder: Path, way: Sequence[str], tiles: int, *, in_child: bool) -> str:
    asked = {"folder": str(folder), "way": list(way), "tiles": tiles, "in_child": in_child}
    found = json.loads(measure(sys.executable, __file__, json.dumps(asked)).printed)
    each = (found["own"] + found["children"]) / tiles / 1e6
    apart = f" (of which the child {found['children'] / tiles / 1e6:.0f})" if in_child else ""
    return f"{tiles} at once: {each:4.0f} MB each{apart}, {found['seconds'] / tiles:.2f} s"


def _measured(folder: str, way: Sequence[str], tiles: int, *, in_child: bool) -> dict[str, float]:
    """What so many tiles at once add; a way that begins later goes on from what another process has left."""
    service = endpoint_service(RunParameters(dataset=folder).endpoint_spec())
    endpoint = service.deploy("memory", lambda _: None)
    try:
        steps = _steps(service, endpoint, in_child=in_child)
        _go(steps.values(), _job(f"{folder}/small", f"{folder}/steps/{os.getpid()}"))
        jobs = [_job(f"{folder}/big", f"{folder}/steps/{tiles}/{number}") for number in range(tiles)]
        return _cost([steps[stage] for stage in way], jobs)
    finally:
        service.delete("memory")


def _steps(service: EndpointService, endpoint: Deployment, *, in_child: bool) -> dict[str, Step]:
    decode = decoder_of("", "always" if in_child else "never")
    return {
        "prepare": lambda job: prepare(job, decode),
        "predict": lambda job: predict(job, service, endpoint),
        "extract": extract_extent,
    }


def _job(dataset: str, work: str) -> TileJob:
    parameters = RunParameters(dataset=dataset, work_directory=work, calibration=NIR)
    tiles, identity = list_tiles(dataset, crs=None, max_pixels=SIDE_PX**2), identity_of_model(parameters)
    told = known_calibration(parameters, plan_tiles(parameters, tiles, identity), None)
    return plan_tiles(parameters, tiles, identity, by_tile(told or ()))[0]


def _go(steps: Iterable[Step], job: TileJob) -> None:
    for step in steps:
        step(job)


def _cost(steps: Sequence[Step], jobs: Sequence[TileJob]) -> dict[str, float]:
    gc.collect()
    before, start = peak_from_now(), time.perf_counter()
    with ThreadPoolExecutor(len(jobs)) as pool:
        list(pool.map(lambda job: _go(steps, job), jobs))
    seconds, own, found = time.perf_counter() - start, peak_bytes(os.getpid()) - before, dict[int, Process]()
    look(os.getpid(), found)
    children = sum(process.peak_bytes for process in found.values() if DECODER in process.command)
    return {"own": own, "children": children, "seconds": seconds}


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    print(json.dumps(_measured(asked["folder"], asked["way"], asked["tiles"], in_child=asked["in_child"])))
