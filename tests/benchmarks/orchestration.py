"""What Prefect costs beside the work: 1,000 tiny tiles through a real server, and once more without Prefect.

Server and flow are processes of their own. CPU seconds (user and system) are those of each process alone, read from
``/proc``: the model server is a child of the flow and is not counted. What the flow's process would do anyhow, from its
imports to the product, is measured in a third process (``without_prefect.py``) and taken off.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from measuring import measure
from processes import cpu_seconds

from deployments.server_access import authorization
from flows.run.run import PRODUCT_TASKS
from flows.run.tile_work import STAGES
from flows.server.local_server import Server, using

TILES = 1000
# Beside a task a tile and stage, and those of the product: list, deploy, clean up.
TASK_RUNS = len(STAGES) * TILES + PRODUCT_TASKS + 3
# Pending, Running, Completed.
EVENTS = 3 * TASK_RUNS
SERVER_AIM_MS, FLOW_AIM_MS, VISIBLE_AIM_SECONDS = 15, 12, 120
PATIENCE_SECONDS, POLL_SECONDS = 600.0, 0.25
ENDED = ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run took.

    Attributes:
        server_cpu_s: CPU seconds of the server, from just before the run until all of it was visible.
        flow_cpu_s: CPU seconds of the flow's process, from its start to its end.
        flow_s: Seconds from its start to its end.
        task_runs_s: Seconds from its end until the API showed every task run in a final state.
        events_s: Seconds from its end until the API showed every event of the task runs, too.
    """

    server_cpu_s: float
    flow_cpu_s: float
    flow_s: float
    task_runs_s: float
    events_s: float


def run() -> None:
    """Print what server and flow take a task run, and how soon after the flow's end the API shows all of it."""
    from many_tiles import make_tiles  # noqa: PLC0415 - of tests/support, which __main__ adds to the path

    with tempfile.TemporaryDirectory(prefix="flood-extent-benchmark-") as place:
        folder = Path(place)
        dataset = make_tiles(folder / "tiles", TILES)
        with server(folder) as (there, pid):
            figures = _measured(there.url, pid, dataset, folder)
        plain_cpu_s = _without_prefect(dataset, folder / "without")
    _show(figures, plain_cpu_s)


def _show(figures: Figures, plain_cpu_s: float) -> None:
    server_ms, flow_ms, plain_ms = (
        1000 * cpu_s / TASK_RUNS for cpu_s in (figures.server_cpu_s, figures.flow_cpu_s, plain_cpu_s)
    )
    print(
        f"orchestration: {TILES} tiles, {TASK_RUNS} task runs, {figures.flow_s:.0f} s; CPU a task run:\n"
        f"  server {server_ms:.1f} ms (aim: {SERVER_AIM_MS} ms)\n"
        f"  flow {flow_ms - plain_ms:.1f} ms (aim: {FLOW_AIM_MS} ms): {flow_ms:.1f} ms in its process, of which "
        f"{plain_ms:.1f} ms are imports and work that are the same without Prefect\n"
        f"orchestration: after the flow's end the API shows all task runs in {figures.task_runs_s:.1f} s (aim: "
        f"{VISIBLE_AIM_SECONDS} s), their {EVENTS} events in {figures.events_s:.1f} s"
    )


@contextmanager
def server(folder: Path) -> Iterator[tuple[Server, int]]:
    """A server as ``serve`` has, with a database of its own; and its process id."""
    there = Server.start(folder / "server.log", {"PREFECT_HOME": str(folder / "home")})
    try:
        there.wait_until_up()
        with using(there.url, there.access.auth_string):
            yield there, there._child.pid
    finally:
        there.stop()


def _measured(api: str, pid: int, dataset: Path, folder: Path) -> Figures:
    before_s, start = cpu_seconds(pid), time.monotonic()
    flow_cpu_s = _flow(api, dataset, folder)
    ended = time.monotonic()
    wait_for(TASK_RUNS, lambda: task_runs(api))
    task_runs_s = time.monotonic() - ended
    wait_for(EVENTS, lambda: events(api))
    events_s = time.monotonic() - ended
    return Figures(cpu_seconds(pid) - before_s, flow_cpu_s, ended - start, task_runs_s, events_s)


def _flow(api: str, dataset: Path, folder: Path) -> float:
    """Run the flow as a person does, reporting to ``api``; its CPU seconds, without its children's."""
    environment = {"PREFECT_HOME": str(folder / "home"), "PREFECT_API_URL": api}
    command = [sys.executable, "-m", "flows", "run", str(dataset)]
    said = folder / "flow.log"
    with said.open("w") as output:
        child = subprocess.Popen(command, cwd=folder, env=os.environ | environment, stdout=output, stderr=output)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is still in /proc
    cpu_s = cpu_seconds(child.pid)
    if child.wait():
        raise RuntimeError(f"the flow ended with status {child.returncode}:\n{said.read_text()}")
    return cpu_s


def _without_prefect(dataset: Path, folder: Path) -> float:
    script = str(Path(__file__).with_name("without_prefect.py"))
    return float(json.loads(measure(sys.executable, script, str(dataset), str(folder)).printed))


def wait_for(number: int, count: Callable[[], int]) -> None:
    """Return once there are so many; raise TimeoutError after ``PATIENCE_SECONDS``."""
    deadline, found = time.monotonic() + PATIENCE_SECONDS, 0
    while True:
        with suppress(httpx.HTTPStatusError):  # 503 while SQLite is busy
            found = count()
        if found >= number:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {PATIENCE_SECONDS:g} s the API shows {found} of {number}")
        time.sleep(POLL_SECONDS)


def task_runs(api: str) -> int:
    """How many task runs the API shows in a final state."""
    return int(_post(f"{api}/task_runs/count", {"task_runs": {"state": {"type": {"any_": ENDED}}}}))


def events(api: str) -> int:
    """How many events of task runs it shows."""
    of_task_runs = {"event": {"prefix": ["prefect.task-run."]}}
    return int(_post(f"{api}/events/filter", {"filter": of_task_runs, "limit": 1})["total"])


def _post(url: str, body: Mapping[str, Any]) -> Any:
    headers = authorization(os.environ["PREFECT_API_AUTH_STRING"])
    return httpx.post(url, json=body, headers=headers, timeout=60, trust_env=False).raise_for_status().json()
