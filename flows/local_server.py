"""The Prefect API that a run on this machine reports to: the one that is set, the one of ``serve``, or one of its own.

Prefect's ephemeral server forgets most task runs and ends in a stack trace, so a run without a server starts a real one
as a child process, waits until every task run is recorded, and stops it. Its database is the user's own and stays: a
server started later shows the run.
"""

import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import httpx

from flows.waiting import wait_for_all
from infra import lifeline
from tasks.core.errors import FloodExtentError

SERVE_PORT = 4200
SERVE_URL = f"http://127.0.0.1:{SERVE_PORT}/api"
START_SECONDS = 120.0
RECORD_SECONDS = 60.0
# A server at work writes what it has every second.
STALLED_SECONDS = 10.0
POLL_SECONDS = 0.1
# A task run costs the server 22 ms of CPU with Prefect's default of 1, and the last of 3,000 shows half a minute after
# the run's end; with these about 8, and it shows at once (tests/benchmarks/orchestration.py).
BATCH_SETTINGS = {
    f"PREFECT_SERVER_{name}": "100"
    for name in (
        "SERVICES_TASK_RUN_RECORDER_BATCH_SIZE",
        "SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE",
        "SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE",
        "SERVICES_TRIGGERS_READ_BATCH_SIZE",
    )
}
# A task run is written when a batch is full or so many seconds have passed (Prefect's default: 5; 1 is its least).
BATCH_SETTINGS["PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL"] = "1"
QUIET_SETTINGS = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
# A server that serves one run has nothing to schedule, nobody else's runs to judge, and no page to show.
ONE_RUN_SETTINGS = {
    f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false"
    for name in ("SCHEDULER", "LATE_RUNS", "CANCELLATION_CLEANUP", "PAUSE_EXPIRATIONS", "FOREMAN")
} | {"PREFECT_SERVER_UI_ENABLED": "false"}


class ServerNotStarted(FloodExtentError):
    """The Prefect server of this run did not come up."""


class ApiUnreachable(FloodExtentError):
    """The Prefect API that this machine's settings name does not answer."""


@contextmanager
def prefect_api(environment: Mapping[str, str], log: Path) -> Iterator["Server | None"]:
    """Make sure that there is a Prefect API while the block runs.

    Yields:
        The run's own server, already starting: ``wait_until_up`` before the first request. None where an API is set or
        a server of ``serve`` answers; ``PREFECT_API_URL`` is set in this process in either case.

    Args:
        environment: Of the process.
        log: Where the server's output goes.

    Raises:
        ApiUnreachable: The API that is set does not answer.
    """
    if environment.get("PREFECT_API_URL") or _is_configured():
        _check_configured()
        yield None
    elif is_healthy(SERVE_URL):
        with using(SERVE_URL):
            yield None
    else:
        server = Server.start(log)
        try:
            with using(server.url):
                yield server
        finally:
            server.stop()


def _is_configured() -> bool:
    """Whether a profile or a prefect.toml names an API."""
    from prefect.settings import get_current_settings  # noqa: PLC0415 - takes a second

    return get_current_settings().api.url is not None


def _check_configured() -> None:
    """Ask as the flow will, with the same address, credentials and certificates."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - takes a second

    with get_client(sync_client=True) as client:
        error = client.api_healthcheck()
        if error is not None:
            raise ApiUnreachable(
                f"the Prefect API at {client.api_url} does not answer ({error}). Start it, correct PREFECT_API_URL, or "
                "unset it (also: prefect config unset PREFECT_API_URL) to let the run start a server of its own"
            )


@contextmanager
def using(url: str) -> Iterator[None]:
    """Let this process's Prefect, which has read the environment already, report there."""
    from prefect.context import refresh_global_settings_context  # noqa: PLC0415 - takes a second

    os.environ["PREFECT_API_URL"] = url
    refresh_global_settings_context()
    try:
        yield
    finally:
        del os.environ["PREFECT_API_URL"]
        refresh_global_settings_context()


def is_healthy(url: str) -> bool:
    """Whether a Prefect API answers there within a second."""
    try:
        return httpx.get(f"{url}/health", timeout=1.0, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


class Server:
    """A Prefect server on a free loopback port, as a child that ends with this process.

    Attributes:
        url: Of its API.
    """

    def __init__(self, child: lifeline.Child, url: str) -> None:
        self._child = child
        self.url = url

    @classmethod
    def start(cls, log: Path, settings: Mapping[str, str] = ONE_RUN_SETTINGS, port: int | None = None) -> "Server":
        """Start it and return at once: it takes seconds, the first time up to half a minute.

        Args:
            log: Where its output goes.
            settings: Environment variables on top of this process's and of those that every server of ours has.
            port: On loopback; a free one where None.
        """
        port = _free_port() if port is None else port
        app = ("uvicorn", "--factory", "prefect.server.api.server:create_app", "--host", "127.0.0.1")
        command = [sys.executable, "-m", "infra.lifeline", *app, "--port", str(port), "--log-level", "warning"]
        url = f"http://127.0.0.1:{port}/api"
        # The pages ask the API where the server says that it is: Prefect's default port unless told.
        place = {"PREFECT_SERVER_UI_API_URL": url, "PREFECT_SERVER_API_PORT": str(port)}
        place["PREFECT_UI_URL"] = url.removesuffix("/api")
        child = lifeline.start(command, env={**BATCH_SETTINGS, **QUIET_SETTINGS, **place, **settings}, log=log)
        return cls(child, url)

    def wait_until_up(self) -> None:
        """Return when it answers.

        Raises:
            ServerNotStarted: It ended, or took longer than two minutes.
        """
        deadline = time.monotonic() + START_SECONDS
        while not is_healthy(self.url):
            if not self._child.alive or time.monotonic() > deadline:
                raise ServerNotStarted(f"the Prefect server did not start; it said:\n{self._child.log_tail()}")
            time.sleep(POLL_SECONDS)

    @property
    def alive(self) -> bool:
        """Whether its process is running."""
        return self._child.alive

    def wait_until_recorded(self, flow_run_id: UUID, task_runs: int) -> int:
        """Wait, a minute at most, until so many task runs of a flow run are recorded in a final state.

        Some may never be: where the machine's clock was set back during the run, the server takes a task run's end for
        older than its beginning. So once nothing more comes, the wait is over.

        Returns:
            How many are not.
        """
        return wait_for_all(
            lambda: task_runs - self._final_task_runs(flow_run_id),
            seconds=RECORD_SECONDS,
            stalled_seconds=STALLED_SECONDS,
            poll_seconds=POLL_SECONDS,
        )

    def _final_task_runs(self, flow_run_id: UUID) -> int:
        final = {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]}}}
        body = {"flow_runs": {"id": {"any_": [str(flow_run_id)]}}, "task_runs": final}
        try:
            answer = httpx.post(f"{self.url}/task_runs/count", json=body, timeout=10.0, trust_env=False)
            return int(answer.raise_for_status().json())
        except httpx.HTTPError:
            return 0

    def stop(self) -> None:
        """End it: SIGTERM, then kill."""
        self._child.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
