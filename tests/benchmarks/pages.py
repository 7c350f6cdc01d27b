"""How long the dashboard's pages wait for ``serve`` while two runs of 500 tiles report to it.

The requests are those that a run's page and the dashboard make again and again. With ``FLOOD_EXTENT_BENCH_DATABASE``
(``postgresql://USER@HOST:PORT/DATABASE``, empty) the same is measured on it, in the same run.
"""

import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from dashboard import Dashboard

TILES, RUNS = 500, 2
PAUSE_SECONDS, TIMEOUT_SECONDS = 0.25, 70.0
SLOW_SECONDS = 2.0
DATABASE = "FLOOD_EXTENT_BENCH_DATABASE"


def run() -> None:
    """Print how long requests took, and what was refused, by database."""
    options = {"SQLite": []} | ({"PostgreSQL": ["--database", os.environ[DATABASE]]} if DATABASE in os.environ else {})
    for name, option in options.items():
        with tempfile.TemporaryDirectory(prefix="flood-extent-benchmark-") as place:
            seconds, statuses, lasted = _measured(Path(place), option)
        statuses.pop(httpx.codes.OK, None)
        slow = sum(one > SLOW_SECONDS for one in seconds)
        print(
            f"pages: {name}: {RUNS} runs of {TILES} tiles in {lasted:.0f} s; {len(seconds)} requests, half within "
            f"{1000 * statistics.median(seconds):.0f} ms, 99 of 100 within "
            f"{1000 * statistics.quantiles(seconds, n=100)[-1]:.0f} ms, the longest {1000 * max(seconds):.0f} ms; "
            f"{slow} longer than {SLOW_SECONDS:g} s; not answered or refused: {dict(statuses) or 'none'}"
        )


def _measured(folder: Path, options: list[str]) -> tuple[list[float], Counter[int], float]:
    from command_line import QUIET, CommandLine  # noqa: PLC0415 - of tests/support, which __main__ adds to the path
    from dashboard import served  # noqa: PLC0415
    from many_tiles import make_tiles  # noqa: PLC0415

    towns = [make_tiles(folder / f"town_{number}", TILES) for number in range(RUNS)]
    command = CommandLine(folder, {"PREFECT_HOME": str(folder / "home"), **QUIET})
    with served(command, *options) as dashboard:
        start = time.monotonic()
        runs = [dashboard.create_run({"dataset": str(town), **_places(folder, town.name)}) for town in towns]
        seconds, statuses = _asked_until_ended(dashboard, runs)
        return seconds, statuses, time.monotonic() - start


def _places(folder: Path, name: str) -> dict[str, str]:
    return {"output_directory": str(folder / "out"), "work_directory": str(folder / f"work_{name}")}


def _asked_until_ended(dashboard: "Dashboard", runs: list[str]) -> tuple[list[float], Counter[int]]:
    seconds: list[float] = []
    statuses: Counter[int] = Counter()
    asking = {"base_url": f"{dashboard.api}/", "headers": dashboard.headers, "timeout": TIMEOUT_SECONDS}
    with httpx.Client(**asking, trust_env=False) as client:
        ended: set[str] = set()
        while len(ended) < len(runs):
            for run in runs:
                for path, body in _of_a_page(run):
                    answer, took = _timed(client, path, body)
                    seconds.append(took)
                    statuses[0 if answer is None else answer.status_code] += 1
                    if body is None and answer is not None and answer.is_success:  # the run itself
                        ended |= {run} if answer.json().get("end_time") else set()
            time.sleep(PAUSE_SECONDS)
    return seconds, statuses


def _of_a_page(run: str) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """Paths, with the body of a POST or None for a GET."""
    of_run = {"flow_runs": {"id": {"any_": [run]}}}
    yield f"flow_runs/{run}", None
    yield "task_runs/count", of_run
    yield "task_runs/filter", {**of_run, "sort": "EXPECTED_START_TIME_DESC", "limit": 20}
    yield "logs/filter", {"logs": {"flow_run_id": {"any_": [run]}}, "sort": "TIMESTAMP_ASC", "limit": 100}
    yield "artifacts/filter", of_run
    yield "flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 20}


def _timed(client: httpx.Client, path: str, body: Mapping[str, Any] | None) -> tuple[httpx.Response | None, float]:
    start = time.monotonic()
    try:
        answer = client.get(path) if body is None else client.post(path, json=body)
    except httpx.TransportError:
        answer = None
    return answer, time.monotonic() - start
