"""How a run is known on its Prefect server: its name, its tags, and the process that it runs in."""

import re
from collections.abc import Callable

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext

from flows.run.liveness import tell_where
from flows.run.made_up_names import is_made_up
from tasks.runtime.dashboard import offer

OURS = re.compile(r".+ · [\d,]+( of [\d,]+)? tiles?")


def begin(words: str) -> None:
    """Say on the server which process this run is, and call it by a name, unless a person has named it."""

    def tell(client: SyncPrefectClient, run: FlowRun) -> None:
        tell_where(client, run.id)
        if is_made_up(run.name):
            client.update_flow_run(run.id, name=words)

    _tell(tell)


def name(words: str, tags: set[str]) -> None:
    """Call the run of this process by a name, unless a person has named it, and add tags to those that it has."""

    def tell(client: SyncPrefectClient, run: FlowRun) -> None:
        new = words if may_rename(run.name, words) else run.name
        client.update_flow_run(run.id, name=new, tags={*run.tags, *tags})

    _tell(tell)


def may_rename(now: str, words: str) -> bool:
    """Whether a name was made up by Prefect, or given by an earlier attempt or the beginning of this one."""
    return bool(is_made_up(now) or OURS.fullmatch(now) or words.startswith(now))


def _tell(what: Callable[[SyncPrefectClient, FlowRun], object]) -> None:
    """Tell the server; one that is away, slow or refuses costs a warning, and the run goes on as it is called."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    run = context.flow_run

    def tell() -> None:
        with get_client(sync_client=True) as client:
            what(client, run)

    offer("name", tell)
