"""Which Prefect server a run belongs to, and what that server says of it.

A server is known by a random name that it keeps in its own database, as a Prefect variable: addresses say nothing, for
every machine has a 127.0.0.1:4200, and the server of a single run has another port each time.
"""

import uuid
from contextlib import suppress
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import VariableCreate
from prefect.exceptions import PrefectException
from prefect.settings import PREFECT_API_URL

VARIABLE = "flood_extent_server"
UNKNOWN = ""
# A server that is away, refuses, or is none of Prefect's: a page of HTML, another version of the records.
NO_ANSWER = (httpx.HTTPError, PrefectException, ValueError, RuntimeError)


def server_identity() -> str:
    """The name of the Prefect server at hand, made on first use; empty where it does not answer."""
    if not _is_at_hand():
        return UNKNOWN
    try:
        with get_client(sync_client=True) as client:
            return _named(client) or _name(client)
    except NO_ANSWER:
        return UNKNOWN


def has_ended(owner: str, run: UUID) -> bool:
    """Whether the server at hand is the owner, knows the run, and says that it has ended."""
    if not owner or not _is_at_hand():
        return False
    try:
        with get_client(sync_client=True) as client:
            if _named(client) != owner:
                return False
            state = client.read_flow_run(run).state
            return state is not None and state.is_final()
    except NO_ANSWER:
        return False


def _is_at_hand() -> bool:
    """Whether a server is named: without one, Prefect would start its own, which can know nothing."""
    return bool(PREFECT_API_URL.value())


def _named(client: SyncPrefectClient) -> str | None:
    variable = client.read_variable_by_name(VARIABLE)
    return None if variable is None else str(variable.value)


def _name(client: SyncPrefectClient) -> str:
    with suppress(httpx.HTTPStatusError, PrefectException):  # another run has named it since we asked
        client.create_variable(VariableCreate(name=VARIABLE, value=uuid.uuid4().hex))
    return _named(client) or UNKNOWN
