"""``flood-extent serve``: the dashboard on this machine, and runs that are started from it."""

import importlib.util
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType

from flows import automations
from flows.flood_extent import flood_extent
from flows.local_server import Server, using
from flows.sweep_endpoints import sweep_endpoints

DEPLOYMENT, SWEEP = "local", "every-15-minutes"
SWEEP_MINUTES = 15
TAGS = ["flood-extent"]


@contextmanager
def dashboard(port: int) -> Iterator[str]:
    """A Prefect server with its pages, on a loopback port, while the block runs.

    Yields:
        The address of the pages.

    Raises:
        ServerNotStarted: It did not come up; its last words, such as that the port is taken, are in the message.
    """
    with tempfile.TemporaryDirectory(prefix="flood-extent-server-") as folder:
        server = Server.start(Path(folder) / "server.log", settings={}, port=port)
        try:
            server.wait_until_up()
            with using(server.url):
                yield f"http://127.0.0.1:{port}"
        finally:
            server.stop()


def may_sweep() -> bool:
    """Whether the default chain of AWS credentials holds any: without, a sweep every quarter of an hour only fails."""
    if importlib.util.find_spec("sagemaker") is None:
        return False
    import boto3  # noqa: PLC0415 - in the extra "aws"

    return boto3.Session().get_credentials() is not None


def serve_runs(*, sweeping: bool) -> None:
    """Register the deployments, and execute what is started from them, until interrupted.

    Args:
        sweeping: Whether to sweep SageMaker on a schedule, too.
    """
    # Prefect's runner forgets to await its own end when it is interrupted.
    warnings.filterwarnings("ignore", message="coroutine 'Runner.astop' was never awaited")
    how: dict[str, Any] = {"tags": TAGS, "entrypoint_type": EntrypointType.MODULE_PATH}
    deployments = [RunnerDeployment.from_flow(flood_extent, DEPLOYMENT, **how)]
    swept_by = None
    if sweeping:
        every = timedelta(minutes=SWEEP_MINUTES)
        sweep: Any = RunnerDeployment.from_flow(sweep_endpoints, SWEEP, interval=every, **how)
        swept_by = sweep.apply()
        deployments.append(sweep)
    automations.apply(automations.heartbeat_lost(swept_by))
    serve(*deployments, print_starting_message=False)
