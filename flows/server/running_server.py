"""The Prefect API that a command reports to: the one that is set, the one of ``serve``, or one of its own.

Prefect's ephemeral server forgets most task runs and ends in a stack trace, so a run without a server starts a real one
as a child process, waits until every task run is recorded, and stops it. Its database is the user's own and stays: a
server started later shows the run.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flows.server.local_server import Server, using
from flows.server.proxies import is_loopback, no_proxy_for_loopback
from flows.server.server_proof import accepts, is_healthy, is_ours
from tasks.core.errors import FloodExtentError
from tasks.services.temp_folders import temp_folder

SERVE_PORT = 4200
SERVE_ADDRESS = f"http://127.0.0.1:{SERVE_PORT}"


class ApiUnreachable(FloodExtentError):
    """The Prefect API that this machine's settings name does not answer."""


@contextmanager
def prefect_api(report: Callable[[str], None]) -> Iterator[Server | None]:
    """Make sure that this process has a Prefect API while the block runs; ``report`` takes lines for who started it.

    Yields:
        The run's own server, already starting: ``wait_until_up`` before the first request. None where there is one.

    Raises:
        ApiUnreachable: The API that is set does not answer.
    """
    is_set = bool(configured_url())  # of a `serve` that is found, more than its answer is known
    with api_at_hand(report) as is_there:
        if is_there:
            if is_set:
                _check_configured()
            yield None
            return
        with temp_folder("server") as folder:
            server = Server.start(folder / "server.log")
            try:
                with using(server.url, server.access.auth_string):
                    yield server
            finally:
                server.stop()


@contextmanager
def api_at_hand(report: Callable[[str], None] = lambda _: None) -> Iterator[bool]:
    """Let this process use the API that is set, or the ``serve`` of this Prefect home, in the block; whether one is."""
    if url := configured_url():
        with no_proxy_for_loopback(url):
            yield True
        return
    with no_proxy_for_loopback() as left_out:
        for name in left_out:
            report(f"{name}: no client here can use such a proxy (http:// or https://): AWS is asked without one")
        serve = serve_of_this_home(report)
        if serve is None:
            yield False
        else:
            with using(f"{serve[0]}/api", serve[1]):
                yield True


def _check_configured() -> None:
    """Ask as the flow will, with the same address, credentials and certificates."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - takes a second

    try:
        with get_client(sync_client=True) as client:
            url, error = client.api_url, client.api_healthcheck()
    except (ImportError, ValueError) as unusable:  # what httpx says of a proxy that it cannot use
        raise ApiUnreachable(f"the Prefect API cannot be asked through the proxy that is set: {unusable}") from unusable
    if error is not None:
        raise ApiUnreachable(
            f"the Prefect API at {url} does not answer ({error}). Start it, correct PREFECT_API_URL, or "
            "unset it (also: prefect config unset PREFECT_API_URL) to let the run start a server of its own"
        )


def serve_of_this_home(report: Callable[[str], None] = lambda _: None) -> tuple[str, str] | None:
    """The address of the ``serve`` that works with this Prefect home, and what it asks for; None where none answers.

    Another server, perhaps of another user, is not joined: it would get what the run has to tell.
    """
    from flows.server.serve_files import read_address, read_auth_string  # noqa: PLC0415 - takes a second

    address, key = read_address(), read_auth_string()
    if address is not None and key is not None and is_loopback(address) and is_ours(address, key):
        for auth_string in dict.fromkeys([*configured_auth_strings(), key]):
            if accepts(address, auth_string):
                return address, auth_string
        report(
            f"`serve` at {address} asks for a password of its own: set PREFECT_API_AUTH_STRING as where it was started"
        )
        return None
    if is_healthy(f"{SERVE_ADDRESS}/api"):
        report(
            f"{SERVE_ADDRESS} is not the `serve` of this PREFECT_HOME: this run has a server of its own. "
            f"To report there all the same, set PREFECT_API_URL={SERVE_ADDRESS}/api"
        )
    return None


def configured_auth_strings() -> list[str]:
    """The user's own password for a Prefect server, where one is set: as servers read it, then as clients do."""
    from prefect.settings import get_current_settings  # noqa: PLC0415 - takes a second

    settings = get_current_settings()
    found = (settings.server.api.auth_string, settings.api.auth_string)
    return [secret.get_secret_value() for secret in found if secret is not None and secret.get_secret_value()]


def configured_url() -> str:
    """The API that environment or profile name; empty where none does."""
    from prefect.settings import get_current_settings  # noqa: PLC0415 - takes a second

    return get_current_settings().api.url or ""
