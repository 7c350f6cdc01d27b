"""What the commands do; each returns the exit status."""

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from flows.options import parameters_of
from flows.parameters import RunParameters
from flows.terminal import Watcher, show_plan, show_product, show_score
from tasks.core.errors import FloodExtentError

DONE, NO_PRODUCT, SOME_FAILED = 0, 1, 2
DEMO_DIRECTORY = "demo"
# The terminal has its own words for what happens; the log file and the dashboard have Prefect's.
QUIET = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL", "DO_NOT_TRACK": "1"}


def run(options: argparse.Namespace) -> int:
    """Run the flow on a dataset and show what became of it."""
    return run_flow(parameters_of(options), Console())[0]


def run_flow(parameters: RunParameters, console: Console) -> tuple[int, dict[str, Any]]:
    """Run the flow here, with a Prefect server of its own where there is none.

    Returns:
        Exit status, and the run's record (empty where there is no product).
    """
    os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
    from flows.checks import check  # noqa: PLC0415 - imports what a wrong argument should not wait for
    from flows.local_server import prefect_api  # noqa: PLC0415

    check(parameters)
    watcher = Watcher(console)
    with tempfile.TemporaryDirectory(prefix="flood-extent-server-") as folder:
        with prefect_api(os.environ, Path(folder) / "server.log") as server:
            from flows.flood_extent import flood_extent  # noqa: PLC0415 - imported while the server starts

            if server is not None:
                server.wait_until_up()
            with watcher.watching():
                state = flood_extent(**parameters.model_dump(), return_state=True)
            if server is not None and (flow_run_id := state.state_details.flow_run_id):
                missing = server.wait_until_recorded(flow_run_id, watcher.task_runs)
                if missing:
                    console.print(f"{missing} task runs are not yet in the dashboard's database; the product has all")
    return _judge(state, watcher)


def _judge(state: Any, watcher: Watcher) -> tuple[int, dict[str, Any]]:
    if watcher.record:
        show_product(watcher.console, watcher.record, watcher.product)
        return (SOME_FAILED if watcher.record["counts"]["failed"] else DONE), watcher.record
    outcome = state.result(raise_on_failure=False)
    if isinstance(outcome, FloodExtentError):
        raise outcome
    raise FloodExtentError(f"no product: {state.message}. The log is {watcher.log or 'not written'}")


def demo(options: argparse.Namespace) -> int:
    """Make a scene, run on it, and score the extent against what the scene knows."""
    from tasks.core.demo_scene import make_scene  # noqa: PLC0415

    console = Console()
    folder = Path(getattr(options, "output_directory", DEMO_DIRECTORY))
    console.print(f"making a flood scene in {folder / 'scene'}")
    truth = make_scene(folder / "scene", seed=options.seed)
    options.dataset = str(truth.parent / "tiles")
    for name, place in (("output_directory", "."), ("work_directory", "work"), ("log_storage_directory", "logs")):
        setattr(options, name, getattr(options, name, str(folder / place)))
    status, _ = run_flow(parameters_of(options), console)
    return status


def plan(options: argparse.Namespace) -> int:
    """Show what a run would do; nothing is created."""
    parameters = parameters_of(options)
    from tasks.planning import plan_run  # noqa: PLC0415

    show_plan(Console(), plan_run(parameters))
    return DONE


def clean(options: argparse.Namespace) -> int:
    """Remove old files from the cache."""
    from tasks.services import storage  # noqa: PLC0415

    removed = storage.prune(options.work_directory, options.days)
    Console().print(f"{removed} files older than {options.days:g} days removed from {options.work_directory}")
    return DONE
