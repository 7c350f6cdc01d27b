"""A Prefect server with a database of its own, which this process and its children report to."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.server.local_server import Server, using
from tasks.services.process_environment import changed_environment


@contextmanager
def own_server(folder: Path) -> Iterator[Server]:
    """A server as ``serve`` has, until the block ends; its files lie in ``folder``."""
    home = str(folder / "home")
    server = Server.start(folder / "server.log", {"PREFECT_HOME": home})
    try:
        server.wait_until_up()
        variables = {"PREFECT_API_URL": server.url, "PREFECT_HOME": home}
        with using(server.url, server.access.auth_string), changed_environment(variables):
            yield server
    finally:
        server.stop()
