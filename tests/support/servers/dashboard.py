"""A running ``flood-extent serve`` as tests use it: started, asked through the API, and ended as a person would."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from command_line import ROOT, CommandLine

from deployments.server_access import authorization
from flows.server.server_proof import log_in_link

ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
SECONDS = 400
# SQLite may be locked by another of the server's writers: Prefect lets it wait for a minute.
PATIENCE_SECONDS = 120
POLL_SECONDS = 0.2
READY = "Ctrl-C ends"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Dashboard:
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
    _ended: bool = field(default=False)

    @property
    def api(self) -> str:
        """Of the server."""
        return f"{self.address}/api"

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

    def _request(self, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = authorization(self.auth_string)
        return httpx.request(
            method, f"{self.api}/{path}", json=body, headers=headers, timeout=PATIENCE_SECONDS, trust_env=False
        )

    def get(self, path: str) -> Any:
        """Ask the API."""
        return self._answer("GET", path)

    def post(self, path: str, body: Any) -> Any:
        """Ask or tell the API."""
        return self._answer("POST", path, body)

    def _answer(self, method: str, path: str, body: Any = None) -> Any:
        ask = partial(self._request, method, path, body)
        answer = ask()
        while answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:  # SQLite is busy: Prefect's clients try again, too
            time.sleep(POLL_SECONDS)
            answer = ask()
        return answer.raise_for_status().json() if answer.content else None

    def patch(self, path: str, body: Any) -> None:
        """Change something through the API."""
        self._request("PATCH", path, body).raise_for_status()

    def delete(self, path: str) -> None:
        """Remove something through the API."""
        self._request("DELETE", path).raise_for_status()

    def prefect(self, *arguments: str) -> str:
        """Run Prefect's own command against the server; what it printed."""
        access = {"PREFECT_API_URL": self.api, "PREFECT_API_AUTH_STRING": self.auth_string}
        variables = {**os.environ, **self.environment, **access}
        command = [sys.executable, "-m", "prefect", *arguments]
        return subprocess.run(
            command, env=variables, cwd=self.folder, check=True, capture_output=True, text=True, timeout=SECONDS
        ).stdout

    def deployment(self, name: str = "flood-extent/local") -> dict[str, Any]:
        """A deployment by its name."""
        return dict(self.get(f"deployments/name/{name}"))

    def create_run(self, parameters: Mapping[str, Any], name: str = "flood-extent/local") -> str:
        """Start a run as the form does; its id."""
        return str(
            self.post(f"deployments/{self.deployment(name)['id']}/create_flow_run", {"parameters": parameters})["id"]
        )

    def run(self, run: str) -> dict[str, Any]:
        """A flow run."""
        return dict(self.get(f"flow_runs/{run}"))

    def runs_of(self, flow: str) -> list[dict[str, Any]]:
        """All runs of a flow that are not just scheduled."""
        body = {"flows": {"name": {"any_": [flow]}}}
        found: list[dict[str, Any]] = self.post("flow_runs/filter", body)
        return [run for run in found if run["state_type"] != "SCHEDULED"]

    def wait_for(self, there: Callable[[], Any], words: str = "waited in vain") -> Any:
        """Return what it gives when it is something; fail the test where it does not become so."""
        deadline = time.monotonic() + SECONDS
        while not (found := there()):
            assert time.monotonic() < deadline, f"{words}; serve said:\n{self.said()}"
            assert self._ended or self.process.poll() is None, f"serve has ended:\n{self.said()}"
            time.sleep(POLL_SECONDS)
        return found

    def state_of(self, run: str, *names: str) -> str:
        """Wait until a run is in one of these states, or has ended; the state's name."""

        def there() -> str:
            state = self.run(run)["state"]
            return str(state["name"]) if state["name"] in names or state["type"] in ENDED else ""

        return str(self.wait_for(there, f"run {run} does not end"))

    def artifacts(self, run: str) -> dict[str, dict[str, Any]]:
        """The artifacts of a run by key."""
        body = {"flow_runs": {"id": {"any_": [run]}}, "limit": 200}
        found: list[dict[str, Any]] = self.post("artifacts/filter", body)
        return {artifact["key"]: artifact for artifact in found if artifact["key"]}

    def task_runs(self, run: str) -> list[dict[str, Any]]:
        """All task runs of a run."""
        found: list[dict[str, Any]] = []
        while page := self.post(
            "task_runs/filter", {"flow_runs": {"id": {"any_": [run]}}, "offset": len(found), "limit": 200}
        ):
            found += page
        return found

    def tasks_at_last(self, run: str, at_least: int) -> list[dict[str, Any]]:
        """The task runs of a run, once so many are recorded and all have ended."""

        def there() -> list[dict[str, Any]]:
            found = self.task_runs(run)
            return found if len(found) >= at_least and all(task["state_type"] in ENDED for task in found) else []

        return list(self.wait_for(there, "task runs are not recorded"))

    def end(self, number: signal.Signals = signal.SIGINT) -> str:
        """End it; what it has printed."""
        self._ended = True
        self.process.send_signal(number)
        self.process.wait(SECONDS)
        return self.said()


def places(folder: Path) -> dict[str, str]:
    """Parameters of a run that writes below a folder."""
    below = {"output_directory": "out", "work_directory": "work", "log_storage_directory": "logs"}
    return {name: str(folder / place) for name, place in below.items()}


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
    dashboard = Dashboard(f"http://127.0.0.1:{port}", command.folder, variables, process, output)
    try:
        dashboard.wait_for(lambda: READY in dashboard.said(), "serve is not ready")
        yield dashboard
    finally:
        if process.poll() is None:
            dashboard.end()
        process.kill()
