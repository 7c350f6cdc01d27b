"""How a run is known on its Prefect server: its name, its tags, and the process that it runs in."""

import re
from collections.abc import Callable

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException
from prefect.logging import get_run_logger

from flows.liveness import tell_where

# A server that is away, or refuses: a run goes on under the name that it has.
NOT_TAKEN = (httpx.HTTPError, PrefectException)


# What Prefect and its pages call a run that nobody has named: charcoal-cassowary, Handcrafted-Pomsky, rho6-gem-fringe.
MADE_UP = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+){1,2}")


def begin(words: str) -> None:
    """Say on the server which process this run is, and call it by a name, unless a person or this has named it."""

    def tell(client: SyncPrefectClient, run: FlowRun) -> None:
        tell_where(client, run.id)
        if MADE_UP.fullmatch(run.name):
            client.update_flow_run(run.id, name=words)

    _tell(tell)


def name(words: str, tags: set[str]) -> None:
    """Call the run of this process by a name, unless a person has named it, and add tags to those that it has."""

    def tell(client: SyncPrefectClient, run: FlowRun) -> None:
        named = not MADE_UP.fullmatch(run.name) and not words.startswith(run.name)
        client.update_flow_run(run.id, name=run.name if named else words, tags={*run.tags, *tags})

    _tell(tell)


def _tell(what: Callable[[SyncPrefectClient, FlowRun], object]) -> None:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    try:
        with get_client(sync_client=True) as client:
            what(client, context.flow_run)
    except NOT_TAKEN as error:
        get_run_logger().warning("the dashboard was not told: %s", error)
