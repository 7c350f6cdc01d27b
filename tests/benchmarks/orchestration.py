"""What Prefect costs beside the work: 1,000 tiny tiles through a real server, and once more without Prefect.

Server and flow are processes of their own. CPU seconds (user and system) are those of each process alone, read from
``/proc``: the model server is a child of the flow and is not counted. What the flow's process would do anyhow, from its
imports to the product, is measured in a third process that calls the same functions without Prefect.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from measuring import measure

from flows.local_server import Server

TILES = 1000
ROOT = Path(__file__).parents[2]
ENDED = ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]
SERVER_AIM_MS, FLOW_AIM_MS, SHOWN_AIM_SECONDS = 15, 12, 120
# A task run that nothing delays is Pending, Running, Completed.
EVENTS_A_TASK_RUN = 3
PATIENCE_SECONDS, POLL_SECONDS = 600.0, 0.25
QUIET = {"AWS_EC2_METADATA_DISABLED": "true"}


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run took.

    Attributes:
        task_runs: How many the API shows in a final state.
        server_cpu_s: CPU seconds of the server, from just before the run until all was visible.
        flow_cpu_s: CPU seconds of the flow's process, from its start to its end.
        flow_s: Seconds from its start to its end.
        tasks_shown_s: Seconds from its end until every task run is visible in a final state.
        events_shown_s: Seconds from its end until every event of the task runs is visible, too.
    """

    task_runs: int
    server_cpu_s: float
    flow_cpu_s: float
    flow_s: float
    tasks_shown_s: float
    events_shown_s: float


def run() -> None:
    """Print what server and flow take a task run, and how soon after the flow's end the API shows all of it."""
    from many_tiles import make_tiles  # noqa: PLC0415 - of tests/support, which __main__ adds to the path

    with tempfile.TemporaryDirectory(prefix="flood-extent-benchmark-") as place:
        folder = Path(place)
        dataset = make_tiles(folder / "tiles", TILES)
        with _server(folder) as (server, pid):
            figures = _measured(server.url, pid, dataset, folder)
        plain_cpu_s = _without_prefect_cpu_s(dataset, folder / "plain")
    _show(figures, plain_cpu_s)


def _show(figures: Figures, plain_cpu_s: float) -> None:
    server_ms, flow_ms, plain_ms = (
        1000 * cpu_s / figures.task_runs for cpu_s in (figures.server_cpu_s, figures.flow_cpu_s, plain_cpu_s)
    )
    print(
        f"orchestration of {TILES} tiles, {figures.task_runs} task runs, in {figures.flow_s:.0f} s\n"
        f"  server: {server_ms:.1f} ms CPU a task run (aim: {SERVER_AIM_MS} ms)\n"
        f"  flow: {flow_ms - plain_ms:.1f} ms CPU a task run (aim: {FLOW_AIM_MS} ms): its process took {flow_ms:.1f} ms, "
        f"the same work without Prefect {plain_ms:.1f} ms, imports included\n"
        f"  visible after the flow's end: task runs in {figures.tasks_shown_s:.1f} s (aim: {SHOWN_AIM_SECONDS} s), "
        f"their events in {figures.events_shown_s:.1f} s"
    )


@contextmanager
def _server(folder: Path) -> Iterator[tuple[Server, int]]:
    """A server as ``serve`` has, with a database of its own, and its process id."""
    server = Server.start(folder / "server.log", {"PREFECT_HOME": str(folder / "home"), **QUIET})
    try:
        server.wait_until_up()
        yield server, server._child.pid
    finally:
        server.stop()


def _measured(api: str, server: int, dataset: Path, folder: Path) -> Figures:
    before_s, start = _cpu_s(server), time.monotonic()
    flow_cpu_s = _flow_cpu_s(api, dataset, folder)
    ended = time.monotonic()
    # The stages, and what a run has besides: list, deploy, assemble, write, draw, report, package, publish, clean up.
    task_runs = _seen(lambda: _task_runs(api), 3 * TILES + 9)
    tasks_shown = time.monotonic()
    _seen(lambda: _events(api), EVENTS_A_TASK_RUN * task_runs)
    shown = time.monotonic()
    return Figures(task_runs, _cpu_s(server) - before_s, flow_cpu_s, ended - start, tasks_shown - ended, shown - ended)


def _flow_cpu_s(api: str, dataset: Path, folder: Path) -> float:
    """Run the flow as a person does, reporting to ``api``; what its process took, without its children."""
    home = {"PREFECT_HOME": str(folder / "home"), "PREFECT_API_URL": api, "PYTHONPATH": str(ROOT)}
    with (folder / "flow.log").open("w") as said:
        child = subprocess.Popen(
            [sys.executable, "-m", "flows", "run", dataset],
            cwd=folder,
            env={**os.environ, **QUIET, **home},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and still in /proc
    cpu_s = _cpu_s(child.pid)
    if child.wait():
        raise subprocess.CalledProcessError(child.returncode, child.args, (folder / "flow.log").read_text())
    return cpu_s


def _without_prefect_cpu_s(dataset: Path, folder: Path) -> float:
    script = str(Path(__file__).with_name("without_prefect.py"))
    return float(json.loads(measure(sys.executable, script, str(dataset), str(folder)).printed))


def _cpu_s(pid: int) -> float:
    """User and system CPU seconds of a process, without its children: fields 14 and 15 of proc(5)."""
    after_the_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, after_the_name[11:13])) / os.sysconf("SC_CLK_TCK")


def _seen(count: Callable[[], int], number: int) -> int:
    """Wait until so many are there; how many are."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := count()) < number:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the API shows {found} of {number} after {PATIENCE_SECONDS:g} s")
        time.sleep(POLL_SECONDS)
    return found


def _task_runs(api: str) -> int:
    return int(_post(f"{api}/task_runs/count", {"task_runs": {"state": {"type": {"any_": ENDED}}}}))


def _events(api: str) -> int:
    return int(
        _post(f"{api}/events/filter", {"filter": {"event": {"prefix": ["prefect.task-run."]}}, "limit": 1})["total"]
    )


def _post(url: str, body: Mapping[str, Any]) -> Any:
    answer = httpx.post(url, json=body, timeout=60, trust_env=False)
    # SQLite is busy: ask again.
    return (
        _post(url, body) if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer.raise_for_status().json()
    )
