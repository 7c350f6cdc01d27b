"""``flood-extent serve``: server, work pool, worker, deployments and automations on this machine, ended together."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.settings import get_current_settings

from deployments.local import POOL, SWEEP
from deployments.worker import Worker
from flows.interrupts import uninterrupted
from flows.local_server import Server, is_healthy, using
from tasks.core.errors import FloodExtentError, UnusableArgument

SWEEP_MINUTES = 15
WATCH_SECONDS, RESTART_SECONDS = 1.0, 10.0
# Prefect's default is 10: here, who presses Run looks at the screen.
WORKER_SETTINGS = {"PREFECT_WORKER_QUERY_SECONDS": "2"}
# The command itself keeps its terminal quiet; what goes wrong in its server and worker belongs into their logs.
LOG_SETTINGS = {f"PREFECT_LOGGING_{what}_LEVEL": "WARNING" for what in ("HANDLERS_CONSOLE", "INTERNAL", "SERVER")}


class ServingEnded(FloodExtentError):
    """The server or the worker of ``serve`` ended by itself."""


@contextmanager
def dashboard(port: int) -> Iterator[Server]:
    """A Prefect server with its pages, on a loopback port, while the block runs.

    Raises:
        UnusableArgument: Another server answers there, or another ``serve`` is at work.
        ServerNotStarted: It did not come up; its last words are in the message.
    """
    if is_healthy(f"http://127.0.0.1:{port}/api"):
        raise UnusableArgument(
            f"--port {port}: a Prefect server answers there already, perhaps of another `serve`. Use that one at "
            f"http://127.0.0.1:{port}, end it, or choose another port"
        )
    with _alone():
        server = Server.start(log_folder() / "server.log", settings=LOG_SETTINGS, port=port)
        try:
            server.wait_until_up()
            with using(server.url):
                yield server
        finally:
            server.stop()


@contextmanager
def _alone() -> Iterator[None]:
    """One ``serve`` for a Prefect home at a time: two would take each other's runs for dead.

    Raises:
        UnusableArgument: Another one is at work.
    """
    path = log_folder() / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UnusableArgument(
                f"another `serve` works with the Prefect home {get_current_settings().home}. Use that one, end it, or "
                "set another PREFECT_HOME"
            ) from error
        yield


def log_folder() -> Path:
    """Where server and worker of ``serve`` write what they have to say."""
    return get_current_settings().home / "flood-extent-serve"


def set_up_sweeping(*, sweeping: bool, aws_block: str | None) -> None:
    """Let SageMaker be swept on a schedule, or not; a sweep that is started all the same then says that it cannot.

    Args:
        sweeping: Whether AWS can be asked from here.
        aws_block: Credentials to sweep with; None: the default chain.
    """
    with get_client(sync_client=True) as client:
        sweep = client.read_deployment_by_name(SWEEP)
        parameters = {**sweep.parameters, "only_if_possible": not sweeping, "aws_block": aws_block}
        client.update_deployment(sweep.id, DeploymentUpdate(parameters=parameters))
        for schedule in sweep.schedules:
            client.update_deployment_schedule(sweep.id, schedule.id, active=sweeping)


def start_sweep() -> None:
    """Start a sweep now: a server that has just started acts on ends of older runs a quarter of an hour later."""
    with get_client(sync_client=True) as client:
        client.create_flow_run_from_deployment(client.read_deployment_by_name(SWEEP).id)


def serve_runs(server: Server, say: Callable[[str], None]) -> None:
    """Execute what is started, until interrupted; a worker that ends by itself is started again.

    Raises:
        ServingEnded: The server has ended, or the worker within seconds of its start.
    """
    while True:
        started = time.monotonic()
        worker = Worker.start(POOL, "flood-extent serve", log_folder() / "worker.log", WORKER_SETTINGS | LOG_SETTINGS)
        try:
            while server.alive and worker.alive:
                time.sleep(WATCH_SECONDS)
        except KeyboardInterrupt:
            say("ending: runs delete their endpoints first, which takes up to a minute")
            raise
        finally:
            with uninterrupted():
                worker.stop()
        if not server.alive:
            raise ServingEnded(f"the Prefect server has ended; its log is {log_folder() / 'server.log'}")
        if time.monotonic() - started < RESTART_SECONDS:
            raise ServingEnded(f"the worker does not stay; it said:\n{worker.child.log_tail()}")
        say("the worker has ended and is started again")
