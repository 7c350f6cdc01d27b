"""How a run is known on its Prefect server: its name, its tags, and the process that it runs in.

Its server joins two words of the package coolname (``charcoal-cassowary``); its pages put an adjective before an animal
(``Handcrafted-Pomsky``) or a Greek letter before a star (``rho6-mankib-fringe``). What else has dashes was typed.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from coolname.data import config
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext

from flows.run.liveness import this_process
from tasks.runtime.dashboard import offer

OURS = re.compile(r".+ · [\d,]+( of [\d,]+)? tiles?")


def begin(title: str) -> None:
    """Say on the server which process this run is, and call it by a name, unless a person has named it."""

    def report(client: SyncPrefectClient, run: FlowRun) -> None:
        client.update_flow_run_labels(run.id, dict(this_process()))
        if is_made_up(run.name):
            client.update_flow_run(run.id, name=title)

    _report(report)


def name(title: str, tags: set[str]) -> None:
    """Call the run of this process by a name, unless a person has named it, and add tags to those that it has."""

    def report(client: SyncPrefectClient, run: FlowRun) -> None:
        new = title if may_rename(run.name, title) else run.name
        client.update_flow_run(run.id, name=new, tags={*run.tags, *tags})

    _report(report)


def may_rename(now: str, title: str) -> bool:
    """Whether a name was made up by Prefect, or given by an earlier attempt or the beginning of this one."""
    return bool(is_made_up(now) or OURS.fullmatch(now) or title.startswith(now))


def _report(what: Callable[[SyncPrefectClient, FlowRun], object]) -> None:
    """Tell the server; one that is away, slow or refuses costs a warning, and the run goes on as it is called."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    run = context.flow_run

    def report() -> None:
        with get_client(sync_client=True) as client:
            what(client, run)

    offer("name", report)


FROM_PAGES = re.compile(
    r"(?:Awesome|Rustic|Small|Gorgeous|Fantastic|Sleek|Intelligent|Unbranded|Refined|Licensed|Generic|Practical"
    r"|Ergonomic|Handcrafted|Tasty|Handmade|Incredible)-[A-Z][a-z]{1,5}"
    r"|(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|omicron|pi|rho|sigma|tau|upsilon|phi"
    r"|chi|psi|omega)\d{0,3}-[a-z]+(?:-[a-z]+)?"
)


def is_made_up(name: str) -> bool:
    """Whether Prefect made the name up; a name that a person typed in the same two words cannot be told from it."""
    first, _, second = name.partition("-")
    return FROM_PAGES.fullmatch(name) is not None or {first, second} <= _vocabulary()


@cache
def _vocabulary() -> frozenset[str]:
    """Every single word that coolname puts together."""
    parts: Mapping[str, Any] = config
    return frozenset(word for part in parts.values() for word in part.get("words", ()))
