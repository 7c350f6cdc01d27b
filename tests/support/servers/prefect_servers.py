"""A Prefect server as somebody else starts it: no password, no guard; runs report there by ``PREFECT_API_URL``."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dashboard import free_port

from flows.server.local_server import BATCH_SETTINGS
from flows.server.server_proof import is_healthy
from tasks.services import child_process

START_SECONDS = 120.0
APPLICATION = ("uvicorn", "--factory", "prefect.server.api.server:create_app", "--host", "127.0.0.1")


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        child: Its process.
        url: Of its API.
    """

    child: child_process.Child
    url: str

    @classmethod
    def start(cls, log: Path, settings: Mapping[str, str]) -> "Server":
        """Start it on a free port and return at once."""
        port = free_port()
        command = [
            sys.executable,
            "-m",
            "tasks.services.child_process",
            *APPLICATION,
            "--port",
            str(port),
            "--log-level",
            "warning",
        ]
        place = {"PREFECT_SERVER_API_PORT": str(port), "PREFECT_API_URL": ""}
        child = child_process.start(command, env={**BATCH_SETTINGS, **place, **settings}, log=log)
        return cls(child, f"http://127.0.0.1:{port}/api")

    def wait_until_up(self) -> None:
        """Return when it answers."""
        deadline = time.monotonic() + START_SECONDS
        while not is_healthy(self.url):
            assert self.child.alive, self.child.log_tail()
            assert time.monotonic() < deadline, self.child.log_tail()
            time.sleep(0.1)

    def stop(self) -> None:
        """End it."""
        self.child.stop()
