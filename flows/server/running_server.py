"""Which Prefect API is there for a command: the one that is set, or the ``serve`` of this Prefect home."""

from collections.abc import Callable

from flows.server.proxies import is_loopback
from flows.server.server_proof import accepts, is_healthy, is_ours

SERVE_PORT = 4200
SERVE_ADDRESS = f"http://127.0.0.1:{SERVE_PORT}"


def serve_of_this_home(say: Callable[[str], None] = lambda _: None) -> tuple[str, str] | None:
    """The address of the ``serve`` that works with this Prefect home, and what it asks for; None where none answers.

    Another server, perhaps of another user, is not joined: it would get what the run has to tell.
    """
    from flows.server.serve_files import read_address, read_auth_string  # noqa: PLC0415 - takes a second

    address, key = read_address(), read_auth_string()
    if address is not None and key is not None and is_loopback(address) and is_ours(address, key):
        for auth_string in dict.fromkeys([*configured_auth_strings(), key]):
            if accepts(address, auth_string):
                return address, auth_string
        say(f"`serve` at {address} asks for a password of its own: set PREFECT_API_AUTH_STRING as where it was started")
        return None
    if is_healthy(f"{SERVE_ADDRESS}/api"):
        say(
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
