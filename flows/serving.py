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
from tasks.aws_access import aws_access

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


def may_sweep(aws_block: str | None) -> bool:
    """Whether credentials and region are there: without, a sweep every quarter of an hour only fails."""
    if importlib.util.find_spec("sagemaker") is None:
        return False
    import boto3  # noqa: PLC0415 - in the extra "aws"

    with aws_access(aws_block, None):
        session = boto3.Session()
        return session.region_name is not None and session.get_credentials() is not None


def serve_runs(*, sweeping: bool, aws_block: str | None = None) -> None:
    """Register the deployments, and execute what is started from them, until interrupted.

    Args:
        sweeping: Whether to sweep SageMaker on a schedule, too.
        aws_block: Credentials to sweep with; None: the default chain.
    """
    # Prefect's runner forgets to await its own end when it is interrupted.
    warnings.filterwarnings("ignore", message="coroutine 'Runner.astop' was never awaited")
    how: dict[str, Any] = {"tags": TAGS, "entrypoint_type": EntrypointType.MODULE_PATH}
    flood: Any = RunnerDeployment.from_flow(flood_extent, DEPLOYMENT, **how)
    deployments, swept_by = [flood], None
    if sweeping:
        every = timedelta(minutes=SWEEP_MINUTES)
        block = {"aws_block": aws_block} if aws_block else {}
        sweep: Any = RunnerDeployment.from_flow(sweep_endpoints, SWEEP, interval=every, parameters=block, **how)
        swept_by = sweep.apply()
        deployments.append(sweep)
    automations.apply(automations.heartbeat_lost([flood.apply()], swept_by))
    serve(*deployments, print_starting_message=False)
