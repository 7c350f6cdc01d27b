"""What a tile costs in runs of 100, 1,000 and 10,000 small ones: the whole flow, with a server as ``serve`` has.

Each run has a server and a database of its own. CPU seconds (user and system) are those of flow, Prefect server and
model server apart. Other sizes: ``GROWTH_TILES=100,1000 python tests/benchmarks growth``.
"""

import os
import sqlite3
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from orchestration import events, server, task_runs, wait_for
from processes import Process, cpu_seconds, peak_bytes, run_watched

from flows.run.run import PRODUCT_TASKS
from flows.run.tile_work import STAGES

SIZES = "100,1000,10000"
TILE_PX = 256
AIM_RATIO, AIM_FLOW_BYTES = 1.3, 1e9
SAMPLE_SECONDS = 0.1
MODEL_SERVER = "infra.model_server"
# Of a task run: Pending, Running, Completed.
EVENTS = 3
# Beside a task a tile and stage, and those of the product: list, calibrate, deploy, clean up.
OTHER_TASKS = 4
TABLES = ("task_run", "task_run_state", "events", "event_resources", "artifact", "log")


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run took.

    Attributes:
        tiles: Of it.
        seconds: From the start of its process to its end.
        cpu_s: CPU seconds of flow, Prefect server and model server.
        peak_bytes: Most memory of each.
        database_bytes: What it added to the server's database.
        rows: What it added to each of its tables.
    """

    tiles: int
    seconds: float
    cpu_s: Mapping[str, float]
    peak_bytes: Mapping[str, int]
    database_bytes: int
    rows: Mapping[str, int]


def run() -> None:
    """Print what a tile takes by number of tiles, and as ratios to the smallest run."""
    sizes = [int(size) for size in os.environ.get("GROWTH_TILES", SIZES).split(",")]
    figures = []
    for tiles in sizes:
        figures.append(_measured(tiles))
        _show(figures[-1], figures[0])
    _show_growth(figures)


def _show(found: Figures, first: Figures) -> None:
    ratio = sum(found.cpu_s.values()) / found.tiles / (sum(first.cpu_s.values()) / first.tiles)
    cpu = ", ".join(f"{name} {1000 * seconds / found.tiles:.1f}" for name, seconds in found.cpu_s.items())
    peak = ", ".join(f"{name} {size / 1e6:.0f}" for name, size in found.peak_bytes.items())
    rows = ", ".join(f"{name} {count / found.tiles:.2f}" for name, count in found.rows.items())
    print(
        f"growth: {found.tiles:,} tiles of {TILE_PX} px in {found.seconds:.0f} s, "
        f"{1000 * found.seconds / found.tiles:.0f} ms a tile\n"
        f"  CPU ms a tile: {cpu}; {ratio:.2f} times that of {first.tiles:,} (aim: {AIM_RATIO:g})\n"
        f"  peak memory, MB: {peak} (aim: flow below {AIM_FLOW_BYTES / 1e6:.0f})\n"
        f"  database: {found.database_bytes / found.tiles / 1e3:.2f} kB a tile; rows a tile: {rows} "
        f"(events: {EVENTS * len(STAGES)} of task runs, or the server has dropped some)",
        flush=True,
    )


def _show_growth(figures: Sequence[Figures]) -> None:
    """What a further tile takes: without what every run takes once, such as imports."""
    for less, more in pairwise(figures):
        further = more.tiles - less.tiles
        cpu = ", ".join(f"{name} {1000 * (more.cpu_s[name] - less.cpu_s[name]) / further:.1f}" for name in more.cpu_s)
        print(f"growth: each tile from {less.tiles:,} to {more.tiles:,}: CPU ms: {cpu}")


def _measured(tiles: int) -> Figures:
    from many_tiles import make_tiles  # noqa: PLC0415 - of tests/support, which __main__ adds to the path

    with tempfile.TemporaryDirectory(prefix="flood-extent-benchmark-") as place:
        folder = Path(place)
        dataset = make_tiles(folder / "tiles", tiles, TILE_PX, across=max(1, round(tiles**0.5)))
        with server(folder) as (there, pid):
            before = _database(folder)
            served_s, start = cpu_seconds(pid), time.monotonic()
            found = _flow(there.url, dataset, folder)
            seconds = time.monotonic() - start
            started = len(STAGES) * tiles + PRODUCT_TASKS + OTHER_TASKS
            wait_for(started, lambda: task_runs(there.url))
            with suppress(TimeoutError):  # what a server has dropped never comes: the rows show it
                wait_for(EVENTS * started, lambda: events(there.url))
            prefect = Process("", cpu_seconds(pid) - served_s, peak_bytes(pid))
        processes = {**found, "server": prefect}
        after = _database(folder)
    return Figures(
        tiles,
        seconds,
        {name: process.cpu_s for name, process in processes.items()},
        {name: process.peak_bytes for name, process in processes.items()},
        after[0] - before[0],
        {name: after[1][name] - before[1][name] for name in TABLES},
    )


def _flow(api: str, dataset: Path, folder: Path) -> dict[str, Process]:
    """Run the flow as a person does, reporting to ``api``: what it and its model server have used."""
    env = {**os.environ, "PREFECT_HOME": str(folder / "home"), "PREFECT_API_URL": api}
    flow, found = run_watched(folder, folder / "flow.log", SAMPLE_SECONDS, env, dataset)
    model = next(process for process in found.values() if MODEL_SERVER in process.command)
    return {"flow": found[flow], "model server": model}


def _database(folder: Path) -> tuple[int, dict[str, int]]:
    """Bytes of a server's database, and rows of the tables that a run adds to."""
    file = folder / "home" / "prefect.db"
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA wal_checkpoint(PASSIVE)")
        rows = {name: int(database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]) for name in TABLES}  # noqa: S608 - names of ours
        pages = database.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        size = int(pages.fetchone()[0])
    database.close()
    return size, rows
