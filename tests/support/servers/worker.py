"""A Prefect process worker with the flow deployed to its pool, as tests use it."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from command_line import QUIET, ROOT
from prefect_api import PrefectApi
from processes import MARK, kill_marked

DEPLOY = """
from prefect.flows import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate

with get_client(sync_client=True) as client:
    client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
for entrypoint in ("flows/flood_extent.py:flood_extent", "flows/sweep_endpoints.py:sweep_endpoints"):
    flow = Flow.from_source(source=ROOT, entrypoint=entrypoint)
    flow.deploy(name=POOL, work_pool_name=POOL, build=False, push=False, print_next_steps=False)
"""


@dataclass(kw_only=True)
class Worker(PrefectApi):
    """A running worker.

    Attributes:
        mark: The name of its pool and deployments, in the environment of the worker and of all that it starts.
    """

    mark: str


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
    settings |= {MARK: pool, "PYTHONPATH": str(ROOT)}
    return {**os.environ, **environment, **settings}


def _deployed(api: str, pool: str, variables: Mapping[str, str]) -> Worker:
    script = f"POOL, ROOT = {pool!r}, {str(ROOT)!r}\n{DEPLOY}"
    command = [sys.executable, "-c", script]
    subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    return Worker(api, deployed_as=f"flood-extent/{pool}", mark=pool)
