"""A Prefect process worker with the flow deployed to its pool, as tests use it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from command_line import QUIET, ROOT

from deployments.worker import run_of

ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
WAIT_SECONDS = 180
UUID_LENGTH, UUID_DASHES = 36, 4
DEPLOY = """
from prefect.flows import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate

with get_client(sync_client=True) as client:
    client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
for entrypoint in ("flows/flood_extent.py:flood_extent", "flows/sweep_endpoints.py:sweep_endpoints"):
    flow = Flow.from_source(source=ROOT, entrypoint=entrypoint)
    print(flow.deploy(name=POOL, work_pool_name=POOL, build=False, push=False, print_next_steps=False))
"""


@dataclass(frozen=True)
class Worker:
    """A running worker.

    Attributes:
        api: Of the Prefect server.
        deployment: Id of the deployment of ``flood-extent`` to the worker's pool.
        sweep: Id of the deployment of ``sweep-endpoints`` there.
        mark: In the environment of the worker and of all that it starts.
    """

    api: str
    deployment: str
    sweep: str
    mark: str

    def create_run(self, parameters: Mapping[str, Any], in_seconds: float = 0.0) -> str:
        """Schedule a flow run; its id."""
        when = (datetime.now(UTC) + timedelta(seconds=in_seconds)).isoformat()
        state = {"type": "SCHEDULED", "state_details": {"scheduled_time": when}}
        body = {"parameters": dict(parameters), "state": state}
        return str(self._ask(f"deployments/{self.deployment}/create_flow_run", body)["id"])

    def set_state(self, run: str, state: str, name: str, *, force: bool = False) -> None:
        """Set a flow run's state, as the buttons in the UI do."""
        self._ask(f"flow_runs/{run}/set_state", {"state": {"type": state, "name": name}, "force": force})

    def state(self, run: str) -> dict[str, Any]:
        """The flow run's state."""
        answer = httpx.get(f"{self.api}/flow_runs/{run}", timeout=30, trust_env=False)
        return dict(answer.raise_for_status().json()["state"])

    def final_state(self, run: str) -> str:
        """Wait until the run has ended; the name of its state."""
        deadline = time.monotonic() + WAIT_SECONDS
        while (state := self.state(run))["type"] not in ENDED:
            assert time.monotonic() < deadline, f"still {state['name']}"
            time.sleep(0.2)
        return str(state["name"])

    def _ask(self, path: str, body: Mapping[str, Any]) -> Any:
        return httpx.post(f"{self.api}/{path}", json=body, timeout=30, trust_env=False).raise_for_status().json()


@contextmanager
def running_worker(api: str, home: Path, environment: Mapping[str, str]) -> Iterator[Worker]:
    """A worker with a pool and a deployment of its own, ended with all that it started.

    Args:
        api: Of the Prefect server.
        home: Its Prefect home; its log is there.
        environment: Added to this process's; flow runs inherit it.
    """
    pool = f"pool-{uuid4().hex[:8]}"
    variables = _variables(api, home, pool, environment)
    deployed = _deployed(api, pool, variables)
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
    with (home / f"{pool}.log").open("wb") as log:
        process = subprocess.Popen(command, env=variables, cwd=home, stdout=log, stderr=log)
    try:
        yield deployed
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            kill_marked(pool)
            process.wait(30)


def deployed_without_worker(api: str, home: Path) -> Worker:
    """A pool and deployments of its own, for a test that executes the runs itself."""
    pool = f"pool-{uuid4().hex[:8]}"
    return _deployed(api, pool, _variables(api, home, pool, QUIET))


def _variables(api: str, home: Path, pool: str, environment: Mapping[str, str]) -> dict[str, str]:
    settings = {"PREFECT_API_URL": api, "PREFECT_HOME": str(home), "PREFECT_WORKER_QUERY_SECONDS": "1"}
    settings |= {"FLOOD_EXTENT_TEST_MARK": pool, "PYTHONPATH": str(ROOT)}
    return {**os.environ, **environment, **settings}


def _deployed(api: str, pool: str, variables: Mapping[str, str]) -> Worker:
    script = f"POOL, ROOT = {pool!r}, {str(ROOT)!r}\n{DEPLOY}"
    done = subprocess.run(
        [sys.executable, "-c", script], env=variables, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    ids = [line for line in done.stdout.split() if len(line) == UUID_LENGTH and line.count("-") == UUID_DASHES]
    return Worker(api, *ids, mark=pool)


def kill_marked(mark: str) -> int:
    """SIGKILL the processes that carry the mark in their environment; how many there were."""
    return kill_with("FLOOD_EXTENT_TEST_MARK", mark)


def kill_flow(run: str) -> int:
    """SIGKILL the process of a flow run; how many there were."""
    return kill_with("PREFECT__FLOW_RUN_ID", run)


def kill_worker_of(run: str) -> None:
    """SIGKILL the worker that executes a flow run, and leave the run's own process."""
    for place in Path("/proc").glob("[0-9]*"):
        if run_of(place) == run:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            if run_of(Path("/proc") / str(parent)) != run:
                os.kill(parent, 9)
                return
    raise AssertionError(f"no worker executes {run}")


def kill_with(variable: str, value: str) -> int:
    """SIGKILL the processes that have this variable in their environment; how many there were."""
    found = 0
    for place in Path("/proc").glob("[0-9]*"):
        try:
            marked = f"{variable}={value}\0".encode() in (place / "environ").read_bytes() + b"\0"
            if marked and int(place.name) != os.getpid():
                os.kill(int(place.name), 9)
                found += 1
        except (OSError, ProcessLookupError):
            continue
    return found
