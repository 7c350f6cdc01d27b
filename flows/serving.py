"""``flood-extent serve``: server, work pool, worker, deployments and automations on this machine, ended together."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate, WorkPoolCreate
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

from deployments.automations import FLOW, SWEEP_FLOW, switch_off, switched_off
from deployments.worker import Worker
from flows.local_server import Server, is_healthy, using
from tasks.core.errors import FloodExtentError, UnusableArgument

ROOT = Path(__file__).resolve().parents[1]
POOL = "flood-extent-local"
DEPLOYMENT, SWEEP = f"{FLOW}/local", f"{SWEEP_FLOW}/every-15-minutes"
SWEEP_MINUTES = 15
DEPLOY_SECONDS = 120
WATCH_SECONDS, RESTART_SECONDS = 1.0, 10.0
# Prefect's default is 10: here, who presses Run looks at the screen.
WORKER_SETTINGS = {"PREFECT_WORKER_QUERY_SECONDS": "2"}
# The command itself keeps its terminal quiet; what goes wrong in its server and worker belongs into their logs.
LOG_SETTINGS = {f"PREFECT_LOGGING_{what}_LEVEL": "WARNING" for what in ("HANDLERS_CONSOLE", "INTERNAL", "SERVER")}


class NotDeployed(FloodExtentError):
    """``prefect deploy`` did not take a deployment of ``prefect.yaml``."""


class ServingEnded(FloodExtentError):
    """The server or the worker of ``serve`` ended by itself."""


@contextmanager
def dashboard(port: int) -> Iterator[Server]:
    """A Prefect server with its pages, on a loopback port, while the block runs.

    Raises:
        UnusableArgument: Another server answers there.
        ServerNotStarted: It did not come up; its last words are in the message.
    """
    if is_healthy(f"http://127.0.0.1:{port}/api"):
        raise UnusableArgument(
            f"--port {port}: a Prefect server answers there already, perhaps of another `serve`. Use that one at "
            f"http://127.0.0.1:{port}, end it, or choose another port"
        )
    server = Server.start(log_folder() / "server.log", settings=LOG_SETTINGS, port=port)
    try:
        server.wait_until_up()
        with using(server.url):
            yield server
    finally:
        server.stop()


def log_folder() -> Path:
    """Where server and worker of ``serve`` write what they have to say."""
    return get_current_settings().home / "flood-extent-serve"


def make_pool() -> None:
    """See that there is the work pool of this machine; one that is there stays as it was set up."""
    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(POOL)
        except ObjectNotFound:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))


def deploy(*, sweeping: bool, aws_block: str | None) -> None:
    """Bring the local deployments of ``prefect.yaml`` up to date; schedules and switches that people set stay.

    Args:
        sweeping: Whether to sweep SageMaker on a schedule; else a sweep that is started says that it cannot.
        aws_block: Credentials to sweep with; None: the default chain.

    Raises:
        NotDeployed: With what ``prefect deploy`` said.
    """
    with get_client(sync_client=True) as client:
        before, off = {name: _schedules(client, name) for name in (DEPLOYMENT, SWEEP)}, switched_off()
        _prefect_deploy(list(before))
        switch_off(off)
        for name, schedules in before.items():
            if schedules:
                _replace_schedules(client, name, schedules)
        parameters = {"only_if_possible": not sweeping, "aws_block": aws_block}
        sweep = client.read_deployment_by_name(SWEEP)
        client.update_deployment(sweep.id, DeploymentUpdate(parameters=parameters))
        for schedule in sweep.schedules:
            client.update_deployment_schedule(sweep.id, schedule.id, active=sweeping)


def start_sweep() -> None:
    """Start a sweep now: a server that has just started acts on ends of older runs a quarter of an hour later."""
    with get_client(sync_client=True) as client:
        client.create_flow_run_from_deployment(client.read_deployment_by_name(SWEEP).id)


def _prefect_deploy(names: Sequence[str]) -> None:
    if not (ROOT / "prefect.yaml").exists():
        raise NotDeployed(
            f"{ROOT / 'prefect.yaml'} is missing: `serve` needs the project's folder, not a copy of parts"
        )
    options = [word for name in names for word in ("--name", name)]
    # prefect.yaml takes the places of a run from PWD, which is here the folder that `serve` was started in.
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", *options],
        cwd=ROOT,
        env={**os.environ, "PWD": str(Path.cwd())},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEPLOY_SECONDS,
        check=False,
    )
    if done.returncode:
        raise NotDeployed(f"prefect deploy {' '.join(options)} ended with status {done.returncode}:\n{done.stdout}")


def _schedules(client: SyncPrefectClient, name: str) -> list[DeploymentSchedule]:
    try:
        return list(client.read_deployment_by_name(name).schedules)
    except ObjectNotFound:
        return []


def _replace_schedules(client: SyncPrefectClient, name: str, schedules: Sequence[DeploymentSchedule]) -> None:
    """Deploying anew has put those of ``prefect.yaml`` in the place of what somebody set in the UI."""
    deployment = client.read_deployment_by_name(name)
    for schedule in deployment.schedules:
        client.delete_deployment_schedule(deployment.id, schedule.id)
    kept = ("schedule", "active", "max_scheduled_runs", "parameters", "slug")
    again = [DeploymentScheduleCreate(**{field: getattr(schedule, field) for field in kept}) for schedule in schedules]
    client.create_deployment_schedules(deployment.id, again)


def serve_runs(server: Server, say: Callable[[str], None]) -> None:
    """Execute what is started, until interrupted; a worker that ends by itself is started again.

    Raises:
        ServingEnded: The server has ended, or the worker twice within seconds.
    """
    while True:
        started = time.monotonic()
        worker = Worker.start(POOL, "flood-extent serve", log_folder() / "worker.log", WORKER_SETTINGS | LOG_SETTINGS)
        try:
            while server.alive and worker.alive:
                time.sleep(WATCH_SECONDS)
        finally:
            worker.stop()
        if not server.alive:
            raise ServingEnded(f"the Prefect server has ended; its log is {log_folder() / 'server.log'}")
        if time.monotonic() - started < RESTART_SECONDS:
            raise ServingEnded(f"the worker does not stay; it said:\n{worker.child.log_tail()}")
        say("the worker has ended and is started again")
