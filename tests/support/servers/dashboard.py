"""A running ``flood-extent serve`` as tests use it: started, asked through the API, and ended as a person would."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from command_line import ROOT, CommandLine
from prefect_api import SECONDS, PrefectApi

from deployments.server_access import authorization
from flows.server.server_proof import log_in_link

READY = "Ctrl-C ends"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(kw_only=True)
class Dashboard(PrefectApi):
    """A serve that has said that it is ready.

    Attributes:
        address: Of the pages.
        folder: That it was started in.
        environment: Of the command line that reports to it.
        process: The command.
        output: What it has printed so far.
    """

    address: str
    folder: Path
    environment: Mapping[str, str]
    process: "subprocess.Popen[bytes]"
    output: Path
    _ended: bool = False

    @property
    def auth_string(self) -> str:
        """What the API asks for."""
        home = Path(self.environment["PREFECT_HOME"])
        return (home / "flood-extent-serve" / "auth-string").read_text()

    def log_in_link(self) -> str:
        """A link that logs one browser in."""
        return log_in_link(self.address, self.auth_string)

    def said(self) -> str:
        """What it has printed."""
        return self.output.read_text()

    def check(self) -> None:
        """Fail the test where it has ended by itself."""
        assert self._ended or self.process.poll() is None, f"serve has ended:\n{self.said()}"

    def prefect(self, *arguments: str) -> str:
        """Run Prefect's own command against the server; what it printed."""
        access = {"PREFECT_API_URL": self.api, "PREFECT_API_AUTH_STRING": self.auth_string}
        variables = {**os.environ, **self.environment, **access}
        command = [sys.executable, "-m", "prefect", *arguments]
        return subprocess.run(
            command, env=variables, cwd=self.folder, check=True, capture_output=True, text=True, timeout=SECONDS
        ).stdout

    def end(self, number: signal.Signals = signal.SIGINT) -> str:
        """End it; what it has printed."""
        self._ended = True
        self.process.send_signal(number)
        self.process.wait(SECONDS)
        return self.said()


@contextmanager
def served(command: CommandLine, *options: str, **environment: str) -> Iterator[Dashboard]:
    """A dashboard in the command line's folder, ended with all that it started.

    Args:
        command: Whose folder, home and environment it has.
        options: Of ``serve``.
        environment: Added.
    """
    port, output = free_port(), command.folder / "serve.txt"
    variables = {**command.environment, "PREFECT_API_URL": "", **environment}
    arguments = [sys.executable, "-m", "flows", "serve", "--port", str(port), *options]
    with output.open("wb") as file:
        process = subprocess.Popen(
            arguments,
            cwd=command.folder,
            env={**os.environ, **variables, "PYTHONPATH": str(ROOT)},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    address, folder = f"http://127.0.0.1:{port}", command.folder
    dashboard = Dashboard(
        f"{address}/api", address=address, folder=folder, environment=variables, process=process, output=output
    )
    try:
        dashboard.wait_for(lambda: READY in dashboard.said(), "serve is not ready")
        dashboard.headers = authorization(dashboard.auth_string)
        yield dashboard
    finally:
        if process.poll() is None:
            dashboard.end()
        process.kill()
