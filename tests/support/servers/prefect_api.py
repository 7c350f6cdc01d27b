"""A Prefect server's API as tests ask it: runs, their task runs and artifacts."""

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
SECONDS = 400
# SQLite may be locked by another of the server's writers: Prefect lets it wait for a minute, its clients try again.
PATIENCE_SECONDS, BUSY = 120, httpx.codes.SERVICE_UNAVAILABLE
POLL_SECONDS = 0.2
# Else httpx reads the certificates of all authorities for each request: 20 ms, for servers that speak plain HTTP.
PLAIN: dict[str, Any] = {"trust_env": False, "verify": ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)}


@dataclass
class PrefectApi:
    """A running server.

    Attributes:
        api: Its URL.
        headers: Of each request.
        deployed_as: The deployment whose runs are started.
    """

    api: str
    headers: Mapping[str, str] = field(default_factory=dict)
    deployed_as: str = "flood-extent/local"

    def ask(self, path: str, body: Any = None, method: str = "") -> Any:
        """GET, or POST where there is a body, unless it is another method."""
        method = method or ("GET" if body is None else "POST")
        given: dict[str, Any] = {"json": body, "headers": self.headers, "timeout": PATIENCE_SECONDS}
        while (answer := httpx.request(method, f"{self.api}/{path}", **given, **PLAIN)).status_code == BUSY:
            time.sleep(POLL_SECONDS)
        return answer.raise_for_status().json() if answer.content else None

    def check(self) -> None:
        """Fail the test where waiting for the server is in vain."""

    def said(self) -> str:
        """What it has printed, as far as that is known."""
        return ""

    def wait_for(self, there: Callable[[], Any], words: str = "waited in vain") -> Any:
        """Return what it gives when it is something; fail the test where it does not become so."""
        deadline = time.monotonic() + SECONDS
        while not (found := there()):
            assert time.monotonic() < deadline, f"{words}\n{self.said()}"
            self.check()
            time.sleep(POLL_SECONDS)
        return found

    def deployment(self, name: str = "") -> dict[str, Any]:
        """A deployment by its name."""
        return dict(self.ask(f"deployments/name/{name or self.deployed_as}"))

    def create_run(self, parameters: Mapping[str, Any], in_seconds: float = 0.0) -> str:
        """Start a run as the form does, at once or later; its id."""
        when = (datetime.now(UTC) + timedelta(seconds=in_seconds)).isoformat()
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": when}}
        body = {"parameters": dict(parameters), "state": state}
        return str(self.ask(f"deployments/{self.deployment()['id']}/create_flow_run", body)["id"])

    def flow_run(self, run: str) -> dict[str, Any]:
        """A flow run."""
        return dict(self.ask(f"flow_runs/{run}"))

    def set_state(self, run: str, state: str, name: str, *, force: bool = False) -> None:
        """Set a flow run's state, as the buttons in the UI do."""
        self.ask(f"flow_runs/{run}/set_state", {"state": {"type": state, "name": name}, "force": force})

    def state_of(self, run: str, *names: str) -> str:
        """Wait until a run is in one of these states, or has ended; the state's name."""

        def there() -> str:
            state = self.flow_run(run)["state"]
            return str(state["name"]) if state["name"] in names or state["type"] in ENDED else ""

        return str(self.wait_for(there, f"run {run} does not end"))

    def runs_of(self, flow: str) -> list[dict[str, Any]]:
        """All runs of a flow that no schedule has made, the oldest first."""
        found: list[dict[str, Any]] = self.ask("flow_runs/filter", {"flows": {"name": {"any_": [flow]}}})
        return sorted((run for run in found if not run["auto_scheduled"]), key=lambda run: str(run["created"]))

    def artifacts(self, run: str, by: str = "key") -> dict[str, dict[str, Any]]:
        """The artifacts of a run by one of their fields, where they have it."""
        body = {"flow_runs": {"id": {"any_": [run]}}, "limit": 200}
        return {artifact[by]: artifact for artifact in self.ask("artifacts/filter", body) if artifact[by]}

    def events(self, name: str, resource: str) -> list[dict[str, Any]]:
        """The events of a name about a resource, once there are some."""
        wanted = {"filter": {"event": {"name": [name]}, "resource": {"id": [resource]}}}
        return list(self.wait_for(lambda: self.ask("events/filter", wanted)["events"], f"no {name} of {resource}"))

    def task_runs(self, run: str) -> list[dict[str, Any]]:
        """All task runs of a run."""
        found: list[dict[str, Any]] = []
        body = {"flow_runs": {"id": {"any_": [run]}}, "limit": 200}
        while page := self.ask("task_runs/filter", {**body, "offset": len(found)}):
            found += page
        return found

    def tasks_at_last(self, run: str, at_least: int) -> list[dict[str, Any]]:
        """The task runs of a run, once so many are recorded and all have ended."""

        def there() -> list[dict[str, Any]]:
            found = self.task_runs(run)
            return found if len(found) >= at_least and all(task["state_type"] in ENDED for task in found) else []

        return list(self.wait_for(there, "task runs are not recorded"))


def places(folder: Path) -> dict[str, str]:
    """Parameters of a run whose product, work directory and log lie below a folder."""
    named = {"output_directory": "out", "work_directory": "work", "log_storage_directory": "logs"}
    return {name: str(folder / place) for name, place in named.items()}
