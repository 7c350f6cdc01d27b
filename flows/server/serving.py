"""``flood-extent serve``: server, work pool, worker, deployments and automations on this machine, ended together."""

import fcntl
import shlex
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.settings import get_current_settings

from deployments.local import POOL, SWEEP
from deployments.server_access import Access
from deployments.worker import Worker
from flows.server import serve_files
from flows.server.interrupts import uninterrupted
from flows.server.local_server import LOG_SETTINGS, Server, using
from flows.server.proxies import no_proxy_for_loopback
from flows.server.running_server import configured_auth_strings, serve_of_this_home
from flows.server.server_environment import database_settings
from flows.server.server_proof import log_in_link
from tasks.core.errors import FloodExtentError, UnusableArgument

SWEEP_MINUTES = 15
LAST_PORT = 65_535
WATCH_SECONDS, RESTART_SECONDS = 1.0, 10.0
# Prefect's default is 10: here, who presses Run looks at the screen.
# A worker calls a run Crashed that it cannot submit: it asks a busy server for a minute. Runs have their own setting.
WORKER_SETTINGS = {"PREFECT_WORKER_QUERY_SECONDS": "2", "PREFECT_CLIENT_MAX_RETRIES": "5"}
# Of Prefect's groups of server settings, those that are as the user has them.
KEPT = ("database", "concurrency", "deployments", "docket", "events", "flow_run_graph", "logs", "services", "tasks")


class ServingEnded(FloodExtentError):
    """The server or the worker of ``serve`` ended by itself."""


@contextmanager
def dashboard(port: int, database: str | None = None) -> Iterator[Server]:
    """A Prefect server with its pages, on a loopback port, while the block runs.

    Args:
        port: On loopback.
        database: Of PostgreSQL; None: the one that is set, or Prefect's SQLite file.

    Raises:
        UnusableArgument: Another server listens there, another ``serve`` is at work, the Prefect home is not ours, or
            the database is none of PostgreSQL.
        ServerNotStarted: It did not come up; its last words are in the message.
    """
    settings = database_settings(database)
    with no_proxy_for_loopback():
        _check_free(port)
        with _alone():
            key = serve_files.own_auth_string()
            access = Access(next(iter(configured_auth_strings()), key), key)
            server = Server.start(serve_files.folder() / "server.log", settings, port, access, KEPT)
            try:
                server.wait_until_up()
                serve_files.write_address(server.address)
                with using(server.url, access.auth_string):
                    yield server
            finally:
                serve_files.forget_address()
                server.stop()


def _check_free(port: int) -> None:
    if not 0 < port <= LAST_PORT:
        raise UnusableArgument(f"--port {port}: there is no such port. Give a number from 1024 to {LAST_PORT}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError as error:
            raise UnusableArgument(f"--port {port}: only root may use it. Choose one from 1024 on") from error
        except OSError as error:
            raise UnusableArgument(
                f"--port {port}: something answers there already{_log_in_again(port)}, or choose another port"
            ) from error


def _log_in_again(port: int) -> str:
    """How to use what listens on a port, where it is our own ``serve``."""
    serve = serve_of_this_home()
    if serve is None or serve[0] != f"http://127.0.0.1:{port}":
        return ". End it"
    return f", your own `serve`. Use that one (log in: {log_in_link(*serve)}), end it"


@contextmanager
def _alone() -> Iterator[None]:
    """One ``serve`` for a Prefect home at a time: two would take each other's runs for dead.

    Raises:
        UnusableArgument: Another one is at work.
    """
    with (serve_files.private_folder() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UnusableArgument(
                f"another `serve` works with the Prefect home {get_current_settings().home}. Use that one, end it, or "
                "set another PREFECT_HOME"
            ) from error
        yield


def for_another_terminal(server: Server) -> str:
    """What to set there, so that Prefect's commands reach this server."""
    ours = server.access.auth_string == serve_files.read_auth_string()
    path = serve_files.folder() / serve_files.AUTH_STRING
    auth_string = f'"$(cat {shlex.quote(str(path))})"' if ours else '"$PREFECT_SERVER_API_AUTH_STRING"'
    return f"export PREFECT_API_URL={server.url} PREFECT_API_AUTH_STRING={auth_string}"


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


def serve_runs(server: Server, report: Callable[[str], None]) -> None:
    """Execute what is started, until interrupted; a worker that ends by itself is started again.

    Raises:
        ServingEnded: The server has ended, or the worker within seconds of its start.
    """
    while True:
        started = time.monotonic()
        log = serve_files.folder() / "worker.log"
        worker = Worker.start(POOL, "flood-extent serve", log, WORKER_SETTINGS | LOG_SETTINGS)
        try:
            while server.alive and worker.alive:
                time.sleep(WATCH_SECONDS)
        except KeyboardInterrupt:
            report("ending: runs delete their endpoints first, which takes up to a minute")
            raise
        finally:
            with uninterrupted():
                worker.stop()
        if not server.alive:
            raise ServingEnded(f"the Prefect server has ended; its log is {serve_files.folder() / 'server.log'}")
        if time.monotonic() - started < RESTART_SECONDS:
            raise ServingEnded(f"the worker does not stay; it said:\n{worker.child.log_tail()}")
        report("the worker has ended and is started again")
