"""A Prefect server on this machine, as a child process with settings of our own: of ``serve``, or of a single run."""

import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from deployments.server_access import Access
from flows.server import server_faults
from flows.server.prefect_import import read_settings
from flows.server.server_proof import ask, is_ours
from tasks.core.errors import FloodExtentError
from tasks.services import child_process
from tasks.services.process_environment import changed_environment

# A first start takes half a minute, on a busy machine many times that, and waits for others that make the database.
START_SECONDS = 300.0
LOG_LINES = 60
# Of Prefect's groups of server settings, those that a single run's server has from the user: where runs are, how long.
ONE_RUN = ("database", "services.db_vacuum")
# A command keeps its terminal quiet; what goes wrong in its server belongs into the server's log.
LOG_SETTINGS = {f"PREFECT_LOGGING_{what}_LEVEL": "WARNING" for what in ("HANDLERS_CONSOLE", "INTERNAL", "SERVER")}
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
# Events and task runs both wait for SQLite's one writer. Beside another, 54 events a second are written in batches of
# 20 (Prefect's default), 179 of 100, 299 of 500 (trial, 2 processors). A run makes some 200, and Prefect 3.8 drops
# those beyond 10,000 that wait.
BATCH_SETTINGS["PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE"] = "500"
# They are written when a batch is full or so many seconds have passed (Prefect's default: 5; the recorder's least: 1).
BATCH_SETTINGS |= {
    f"PREFECT_SERVER_SERVICES_{name}_FLUSH_INTERVAL": "1" for name in ("TASK_RUN_RECORDER", "EVENT_PERSISTER")
}
# Prefect's own default keeps runs for ever, and events for a week.
KEPT_SETTINGS = {
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(30 * 24 * 3600),
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P30D",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_EVENT_RETENTION_OVERRIDES": '{"prefect.flow-run.heartbeat": 86400}',
}
# By Prefect's default a server keeps in memory who holds places in a limit: started anew, it counts them for ever.
LEASE_SETTINGS = {
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}
QUIET_SETTINGS = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
# A server that serves one run has nothing to schedule, nobody else's runs to judge, and no page to show. Nor has it
# kinds of blocks to offer: to find them it would import every integration of Prefect that is there, AWS's and Dask's.
# With MEMOIZE it would do so all the same, and note that they are registered, which `serve` would believe.
ONE_RUN_SETTINGS = {
    f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false"
    for name in ("SCHEDULER", "LATE_RUNS", "CANCELLATION_CLEANUP", "PAUSE_EXPIRATIONS", "FOREMAN")
} | {
    f"PREFECT_SERVER_{name}": "false"
    for name in ("UI_ENABLED", "REGISTER_BLOCKS_ON_START", "MEMOIZE_BLOCK_AUTO_REGISTRATION")
}


class ServerNotStarted(FloodExtentError):
    """The Prefect server of this run did not come up."""


@contextmanager
def using(url: str, auth_string: str | None = None) -> Iterator[None]:
    """Let this process's Prefect, which has read the environment already, report there.

    Args:
        url: Of the API.
        auth_string: That it asks for; None: what is set.
    """
    settings = {"PREFECT_API_URL": url}
    if auth_string is not None:
        # Headers that are meant for another server may take the place of its credentials.
        settings |= {"PREFECT_API_AUTH_STRING": auth_string, "PREFECT_CLIENT_CUSTOM_HEADERS": "{}"}
    try:
        with changed_environment(settings):
            _refresh_settings()
            yield
    finally:
        _refresh_settings()


def _refresh_settings() -> None:
    from prefect.context import refresh_global_settings_context  # noqa: PLC0415 - takes a second

    with read_settings():
        refresh_global_settings_context()


class Server:
    """A Prefect server on a free loopback port, as a child that ends with this process.

    Attributes:
        address: Of its pages.
        url: Of its API.
        access: What it asks its clients for.
    """

    def __init__(self, child: child_process.Child, address: str, access: Access) -> None:
        self._child, self.address = child, address
        self.url, self.access = f"{address}/api", access

    @classmethod
    def start(
        cls,
        log: Path,
        settings: Mapping[str, str] = ONE_RUN_SETTINGS,
        port: int | None = None,
        access: Access | None = None,
        kept: Sequence[str] = ONE_RUN,
    ) -> "Server":
        """Start it and return at once: it takes seconds, the first time up to half a minute.

        Args:
            log: Where its output goes.
            settings: Environment variables on top of this process's and of those that every server of ours has.
            port: On loopback; a free one where None.
            access: What it asks for; what this process alone knows where None.
            kept: Groups of Prefect's server settings that are as the user has them.
        """
        from flows.server.server_environment import prefect_settings  # noqa: PLC0415 - takes a second

        port = _free_port() if port is None else port
        access = Access.of_one_run() if access is None else access
        app = ("--factory", "deployments.server_app:create_app", "--host", "127.0.0.1", "--port", str(port))
        command = child_process.module_command("uvicorn", *app, "--log-level", "warning")
        address = f"http://127.0.0.1:{port}"
        # The pages ask the API where the server says that it is: Prefect's default port unless told.
        place = {"PREFECT_SERVER_UI_API_URL": f"{address}/api", "PREFECT_SERVER_API_PORT": str(port)}
        place |= {"PREFECT_UI_URL": address, "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": address}
        chosen = prefect_settings(kept, {**BATCH_SETTINGS, **KEPT_SETTINGS, **LEASE_SETTINGS})
        env = {**chosen, **QUIET_SETTINGS, **LOG_SETTINGS, **place, **settings, **access.variables(address)}
        # Not in this folder: of what it has, a server reads .env, prefect.toml and pyproject.toml.
        return cls(child_process.start(command, env=env, log=log, folder=log.parent), address, access)

    def wait_until_up(self) -> None:
        """Return when it answers, and has proved that it is this one.

        Raises:
            ServerNotStarted: It ended, or took longer than five minutes; the message has the reason.
        """
        deadline = time.monotonic() + START_SECONDS
        while not is_ours(self.address, self.access.key):
            if not self._child.alive or time.monotonic() > deadline:
                raise ServerNotStarted(f"the Prefect server did not start: {self._reason()}")
            time.sleep(POLL_SECONDS)

    def _reason(self) -> str:
        from prefect.settings import get_current_settings  # noqa: PLC0415 - takes a second

        return server_faults.reason(self._child.status, self._child.log_tail(LOG_LINES), get_current_settings().home)

    def why_gone(self) -> str:
        """What ended it; empty while it runs."""
        return "" if self._child.alive else f"the server of this run is gone: {self._reason()}"

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
        return wait_for_all(lambda: task_runs - self._final_task_runs(flow_run_id))

    def _final_task_runs(self, flow_run_id: UUID) -> int:
        final = {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]}}}
        body = {"flow_runs": {"id": {"any_": [str(flow_run_id)]}}, "task_runs": final}
        answer = ask("POST", f"{self.url}/task_runs/count", self.access.auth_string, body)
        return 0 if answer is None else int(answer.json())

    def stop(self) -> None:
        """End it: SIGTERM, then kill."""
        self._child.stop()


def wait_for_all(
    missing: Callable[[], int],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Wait until nothing is missing: a minute at most, and no longer once nothing more comes; how many are then."""
    start = progress = clock()
    left = missing()
    while left > 0 and clock() - start < RECORD_SECONDS and clock() - progress < STALLED_SECONDS:
        sleep(POLL_SECONDS)
        now_left = missing()
        if now_left < left:
            left, progress = now_left, clock()
    return max(0, left)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
