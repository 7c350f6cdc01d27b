"""What a small run takes besides its tiles: CPU seconds of its process and of each child, with warm bytecode.

One run a round with a Prefect server of its own, one with a server that is there, the imports alone, and the work
without Prefect (``without_prefect.py``), in turn, for the machine's speed drifts; printed are medians. The work cache
is empty each time. A child's CPU is read from ``/proc`` until it has ended: its last ``SAMPLE_SECONDS`` may be missing.
"""

import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from measuring import measure
from processes import run_watched

from flows.server.local_server import Server, using
from tasks.services.child_process import ROOT
from tasks.services.process_environment import changed_environment

TILES, TILE_PX, ROUNDS = 5, 400, 5
AIM_CPU_S = 5.0
SAMPLE_SECONDS = 0.02
FLOW, SERVER, MODEL, OTHER = "flow", "Prefect server", "model server", "others"
# What tells a child's command line, by what it is.
CHILDREN = {SERVER: "deployments.server_app", MODEL: "infra.model_server"}
# As `flood-extent run` imports it (flows/command_line/run_command.py).
IMPORTS = """
from flows.command_line.cli import parse
parse(["run", "dataset"])
from flows.server.prefect_import import import_prefect
from tasks.services.bulk_imports import bulk_imports
import_prefect()
with bulk_imports():
    import flows.flood_extent
"""

Seconds = dict[str, float]


def run() -> None:
    """Print the CPU seconds of a small run, by process, and what of them are imports and work."""
    from many_tiles import make_tiles  # noqa: PLC0415 - of tests/support, which __main__ adds to the path

    # The first run compiles what is not compiled yet; and all is of this checkout, whatever is installed.
    environment = {"PYTHONDONTWRITEBYTECODE": None, "PYTHONPATH": str(ROOT), "PREFECT_API_URL": None}
    with changed_environment(environment), tempfile.TemporaryDirectory(prefix="flood-extent-benchmark-") as place:
        folder = Path(place)
        dataset = make_tiles(folder / "tiles", TILES, TILE_PX)
        _run(dataset, folder, {})  # makes the database
        with _server(folder) as there:
            rounds = [_round(dataset, folder, there) for _ in range(ROUNDS)]
    _show(rounds)


def _round(dataset: Path, folder: Path, there: Mapping[str, str]) -> tuple[Seconds, Seconds, float, float]:
    own, joined = _run(dataset, folder, {}), _run(dataset, folder, there)
    imports_s = measure(sys.executable, "-c", IMPORTS).cpu_s
    script = str(Path(__file__).with_name("without_prefect.py"))
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        plain_s = float(json.loads(measure(sys.executable, script, str(dataset), fresh).printed))
    return own, joined, imports_s, plain_s


def _show(rounds: list[tuple[Seconds, Seconds, float, float]]) -> None:
    own, joined, imports, plain = zip(*rounds, strict=True)
    print(f"fixed: {TILES} tiles of {TILE_PX} px, CPU seconds, medians of {ROUNDS} rounds:")
    for title, runs in (("with a Prefect server of its own", own), ("with a server that is there", joined)):
        of_each = {name: median(one.get(name, 0.0) for one in runs) for name in (FLOW, *CHILDREN, OTHER)}
        parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in of_each.items() if seconds >= SAMPLE_SECONDS)
        total_s = median(sum(one.values()) for one in runs)
        print(f"  {title}: {total_s:.1f} ({parts})" + (f"; aim: {AIM_CPU_S:g}" if runs is joined else ""))
    print(f"  imports alone: {median(imports):.1f}; imports and all of the work, without Prefect: {median(plain):.1f}")


@contextmanager
def _server(folder: Path) -> Iterator[Mapping[str, str]]:
    """A server as ``serve`` has, with a database of its own; what tells a run of it."""
    server = Server.start(folder / "server.log", {"PREFECT_HOME": str(folder / "served")})
    try:
        server.wait_until_up()
        with using(server.url, server.access.auth_string):
            names = ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_CLIENT_CUSTOM_HEADERS")
            settings = {name: os.environ[name] for name in names}
        yield settings
    finally:
        server.stop()


def _run(dataset: Path, folder: Path, environment: Mapping[str, str]) -> Seconds:
    """Run the flow as a person does, in a fresh folder; CPU seconds by process."""
    env = {**os.environ, "PREFECT_HOME": str(folder / "home"), **environment}
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        flow, found = run_watched(Path(fresh), folder / "flow.log", SAMPLE_SECONDS, env, dataset)
    seconds: Seconds = defaultdict(float)
    for pid, process in found.items():
        kinds = [FLOW] if pid == flow else [kind for kind, sign in CHILDREN.items() if sign in process.command]
        seconds[next(iter(kinds), OTHER)] += process.cpu_s
    return dict(seconds)
