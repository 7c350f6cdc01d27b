"""The same large tiles in threads and on a Dask cluster, through the whole flow with a real Prefect server.

Two threads of the flow's process stand against two worker processes of one thread, which are there before the run, as a
team's cluster is, and have done some tiles. Both ways in turn, each with an empty work directory; the least of each is
printed. The runner's own cost is what batches take on the workers besides their tasks, as the run's log says; and, as
a bound that the code which sizes the batches has no part in, what Dask's scheduler saw the workers do for batches less
what the Prefect server says that the task runs took. In that is also what Prefect does for a task run before it is
Pending and after its end, in threads too.
"""

import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import rasterio.shutil
from big_tile import big_tile
from own_server import own_server

from deployments.server_access import authorization
from tasks.services.child_process import ROOT
from tasks.services.process_environment import changed_environment

TILES, WARM_TILES, SIDE_PX, WIDTH_PX, ACROSS = 64, 4, 4000, 1000, 8
PIXEL_M, ROUNDS, WORKERS = 0.15, 2, 2
# Of the tile that ``big_tile`` makes: east and north of its corner, m.
ORIGIN = (500_000.0, 6_000_000.0)
AIM_SHARE = 0.05
ON_WORKERS = ("prepare", "extract")
PAGE = 200


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run took.

    Attributes:
        wall_s: From its start to its end.
        cpu_s: Of the flow's process and its model server; for Dask also of workers and scheduler.
        content_hash: Of the product.
        flow_run: Its id.
    """

    wall_s: float
    cpu_s: float
    content_hash: str
    flow_run: str


@dataclass(frozen=True, slots=True)
class OwnCost:
    """What a run on Dask cost its workers.

    Attributes:
        batches: How many there were.
        batch_s: Seconds that the workers were at them, by Dask's scheduler.
        task_s: Seconds that the task runs in them took, by the Prefect server: from Pending to a final state, as they
            would take in a thread.
        logged: What the run's log says of them.
    """

    batches: int
    batch_s: float
    task_s: float
    logged: str


def run() -> None:
    """Print seconds, CPU, and the ratio of the two ways; and the runner's own cost, as a share of the work."""
    environment = {"PYTHONPATH": str(ROOT), "PREFECT_API_URL": None}
    with changed_environment(environment), tempfile.TemporaryDirectory(prefix="flood-extent-benchmark-") as place:
        folder = Path(place)
        dataset, warm = _tiles(folder / "tiles", TILES), _tiles(folder / "warm", WARM_TILES)
        with own_server(folder), _cluster() as client:
            address = client.scheduler.address
            _run(warm, folder / "warm-dask", client, address)
            rounds = [_round(dataset, folder / f"round-{number}", client, address) for number in range(ROUNDS)]
    hashes = {one.content_hash for threads, dask, _ in rounds for one in (threads, dask)}
    if len(hashes) != 1:
        raise AssertionError(f"the products differ: {hashes}")
    _show(rounds)


def _show(rounds: Sequence[tuple[Figures, Figures, OwnCost]]) -> None:
    rows = {
        name: (min(one[column].wall_s for one in rounds), min(one[column].cpu_s for one in rounds))
        for column, name in enumerate(("threads", "dask"))
    }
    wall_s, cpu_s = rows["threads"]
    print(
        f"dask: {TILES} tiles of {SIDE_PX:,} px at {WIDTH_PX:,}, {WORKERS} threads against {WORKERS} worker processes; "
        f"the least of {ROUNDS} runs; the products are the same\n  runner   seconds  ratio    CPU s  ratio"
    )
    for name, (wall, cpu) in rows.items():
        print(f"  {name:8} {wall:7.1f}  {wall / wall_s:5.2f}  {cpu:7.1f}  {cpu / cpu_s:5.2f}")
    for *_, cost in rounds:
        own_s, tasks = cost.batch_s - cost.task_s, TILES * len(ON_WORKERS)
        print(
            f"  own cost: {cost.logged} (aim: {AIM_SHARE:.0%})\n"
            f"  by both servers at most {1000 * own_s / tasks:.0f} ms a task, {own_s / cost.task_s:.1%} of "
            f"{1000 * cost.task_s / tasks:.0f} ms ({cost.batches} batches)"
        )


def _tiles(folder: Path, number: int) -> Path:
    """Frames side by side; their pixels are one tile's, their places their own."""
    folder.mkdir(parents=True)
    master = folder.with_suffix(".jp2")
    # With one box for its place, and the codestream as it is.
    rasterio.shutil.copy(big_tile(SIDE_PX), master, driver="JP2OpenJPEG", USE_SRC_CODESTREAM="YES", GMLJP2="NO")
    content, side_m = master.read_bytes(), SIDE_PX * PIXEL_M
    if content.count(_tie_point(*ORIGIN)) != 1:
        raise RuntimeError(f"{master}: the place of the tile is not where it was written")
    for one in range(number):
        place = ORIGIN[0] + one % ACROSS * side_m, ORIGIN[1] - one // ACROSS * side_m
        moved = content.replace(_tie_point(*ORIGIN), _tie_point(*place))
        (folder / f"tile_{one:02}.jp2").write_bytes(moved)
    return folder


def _tie_point(east_m: float, north_m: float) -> bytes:
    """Of the upper left corner, as GeoTIFF has it: column, row, depth, and where that is."""
    return struct.pack("<6d", 0, 0, 0, east_m, north_m, 0)


@contextmanager
def _cluster() -> Iterator[Any]:
    """A client of a scheduler in this process and of workers, which have this process's environment."""
    from distributed import Client, LocalCluster  # noqa: PLC0415 - in the extra "dask"; it takes a second

    processes: dict[str, Any] = {"n_workers": WORKERS, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(host="127.0.0.1", **processes) as workers, Client(workers) as client:
        client.get_task_stream()  # from now on it is kept
        yield client


def _round(dataset: Path, folder: Path, client: Any, address: str) -> tuple[Figures, Figures, OwnCost]:
    threads = _run(dataset, folder / "threads", client)
    started = time.time()
    dask = _run(dataset, folder / "dask", client, address)
    seen = [one for one in client.get_task_stream() if one["key"].startswith("run_tiles")]
    spans = [span["stop"] - span["start"] for one in seen for span in one["startstops"] if span["start"] >= started]
    batches = sum(any(span["start"] >= started for span in one["startstops"]) for one in seen)
    (logged,) = (line for file in (folder / "dask" / "logs").iterdir() for line in file.open() if "Dask: " in line)
    own = logged.partition("Dask: ")[2].strip()
    return threads, dask, OwnCost(batches, sum(spans), _task_s(dask.flow_run), own)


def _run(dataset: Path, folder: Path, client: Any, address: str = "") -> Figures:
    folder.mkdir(parents=True)
    places = [
        "--output",
        folder / "out",
        "--work-directory",
        folder / "work",
        "--log-storage-directory",
        folder / "logs",
    ]
    asked = [
        dataset,
        *places,
        "--width",
        WIDTH_PX,
        *(["--task-runner", "dask", "--dask-scheduler", address] * bool(address)),
    ]
    before, start, said = _workers_cpu_s(client), time.monotonic(), folder / "said"
    with said.open("w") as output:
        command = [sys.executable, "-m", "flows", "run", *map(str, asked)]
        child = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.monotonic() - start
    if child.returncode:
        raise RuntimeError(f"the flow ended with status {child.returncode}:\n{said.read_text()}")
    record = json.loads((folder / "out" / dataset.name / "run.json").read_bytes())
    cpu_s = used.ru_utime + used.ru_stime + (_workers_cpu_s(client) - before if address else 0.0)
    return Figures(wall_s, cpu_s, record["content_hash"], record["flow_run_id"])


def _workers_cpu_s(client: Any) -> float:
    """CPU seconds so far of the workers, and of this process, which has the scheduler."""
    return float(sum(client.run(time.process_time).values())) + time.process_time()


def _task_s(flow_run: str) -> float:
    """What the task runs on workers took, by the Prefect server, which hears of them in the background."""
    deadline = time.monotonic() + 120
    while True:
        runs = _task_runs(flow_run)
        if len(runs) >= TILES * len(ON_WORKERS):
            return sum((_moment(run["end_time"]) - _moment(run["expected_start_time"])).total_seconds() for run in runs)
        if time.monotonic() > deadline:
            raise TimeoutError(f"the API shows {len(runs)} of {TILES * len(ON_WORKERS)} task runs")
        time.sleep(1)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _task_runs(flow_run: str) -> list[dict[str, Any]]:
    url, headers = os.environ["PREFECT_API_URL"], authorization(os.environ["PREFECT_API_AUTH_STRING"])
    found: list[dict[str, Any]] = []
    while len(found) % PAGE == 0:
        body = {"flow_runs": {"id": {"any_": [flow_run]}}, "limit": PAGE, "offset": len(found)}
        answer = httpx.post(f"{url}/task_runs/filter", json=body, headers=headers, timeout=60, trust_env=False)
        page = answer.raise_for_status().json()
        found += page
        if len(page) < PAGE:
            break
    return [one for one in found if one["name"].startswith(ON_WORKERS) and one["state_type"] == "COMPLETED"]
