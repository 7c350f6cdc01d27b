"""``flood-extent serve``: the dashboard on this machine, and runs that are started from it."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.types.entrypoint import EntrypointType

from flows.flood_extent import flood_extent
from flows.local_server import Server, using

DEPLOYMENT = "local"


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


def serve_runs() -> None:
    """Register the deployment ``flood-extent/local`` and execute what is started from it, until interrupted."""
    # Prefect's runner forgets to await its own end when it is interrupted.
    warnings.filterwarnings("ignore", message="coroutine 'Runner.astop' was never awaited")
    flood_extent.serve(
        name=DEPLOYMENT,
        tags=["flood-extent"],
        entrypoint_type=EntrypointType.MODULE_PATH,
        print_starting_message=False,
    )
