"""The limit of all endpoints that may exist at once, as a Prefect server has it: how many places, and who holds them.

It is one of Prefect's global concurrency limits, which holds for the runs of all deployments. An account's quota counts
instances, so a place is that of an instance. The API does not say who holds a limit's slots: runs that do carry a tag.
"""

from dataclasses import dataclass
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import TERMINAL_STATES
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.settings import PREFECT_API_URL
from prefect.utilities.urls import url_for

from tasks.core.redaction import redact
from tasks.core.text import enumerated
from tasks.core.tiles.plan import Finding, Verdict

LIMIT = "flood-extent-endpoints"
PLACES = "endpoint places"
TAG = "holds-endpoint-place"
HOLDERS_NAMED = 5
REQUEST_SECONDS = 15.0
# A server that is away, refuses, or answers with another version of the records.
NO_ANSWER = (httpx.HTTPError, PrefectException, ValueError, RuntimeError)
STALE = (
    "no run is known to hold one: a server that was started anew may have forgotten whose they were. If no run has an "
    "endpoint, set the count right: prefect global-concurrency-limit update {} --active-slots 0"
)


@dataclass(frozen=True)
class PlaceLimit:
    """How many instances may be behind endpoints at once.

    Attributes:
        limit: So many.
        taken: Of these, held now.
        holders: Runs that hold some, each with its page where the server has pages.
    """

    limit: int
    taken: int
    holders: tuple[str, ...] = ()

    @property
    def free(self) -> int:
        """Places that a run would get at once."""
        return max(0, self.limit - self.taken)

    def holding(self) -> str:
        """Who holds the places that are taken, in words."""
        if not self.holders:
            return STALE.format(LIMIT)
        return f"held by {enumerated(self.holders, HOLDERS_NAMED)}"

    def too_low(self, instances: int) -> str:
        """Why a run will never get its places, and what to do, in words."""
        return (
            f"{instances} instances are wanted for the endpoint, and the limit {LIMIT!r} of the Prefect server lets "
            f"{self.limit} exist at once: lower `instance_count`, or raise the limit, if the account's quota allows it "
            f"(prefect global-concurrency-limit update {LIMIT} --limit {instances}, or the page Concurrency)"
        )


def place_client() -> SyncPrefectClient:
    """A client that gives up soon: a deployment waits for its answer."""
    return get_client(httpx_settings={"timeout": REQUEST_SECONDS}, sync_client=True)


def read_places(limit: str = LIMIT) -> PlaceLimit | None:
    """The limit as it is; None where the server has none of this name, it is switched off, or no server is set.

    Raises:
        NO_ANSWER: The server does not answer.
    """
    if not PREFECT_API_URL.value():  # Prefect would start a server of its own, which can know nothing
        return None
    with place_client() as client:
        try:
            found = client.read_global_concurrency_limit_by_name(limit)
        except ObjectNotFound:
            return None
        if not found.active:
            return None
        return PlaceLimit(found.limit, found.active_slots, _holders(client) if found.active_slots else ())


def _holders(client: SyncPrefectClient) -> tuple[str, ...]:
    wanted = {"tags": {"all_": [TAG]}, "state": {"type": {"not_any_": sorted(TERMINAL_STATES)}}}
    runs = client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(wanted))
    pages = [(run.name, url_for("flow-run", run.id)) for run in runs]
    return tuple(f"{name} ({page})" if page else name for name, page in pages)


def mark_holder(client: SyncPrefectClient, run: UUID, *, holds: bool) -> None:
    """Put the tag of those that hold places on a run, or take it off."""
    tags = set(client.read_flow_run(run).tags)
    client.update_flow_run(run, tags=tags | {TAG} if holds else tags - {TAG})


def places_finding(instances: int) -> Finding | None:
    """Whether a run with so many instances would have its places now; None where nothing would keep it waiting."""
    try:
        places = read_places()
    except NO_ANSWER as error:
        return Finding(PLACES, Verdict.UNKNOWN, f"the Prefect server does not say ({redact(str(error))})")
    if places is None:
        return None
    found = f"{places.free} of {places.limit} free, {instances} wanted"
    if instances > places.limit:
        return Finding(PLACES, Verdict.PROBLEM, places.too_low(instances))
    if instances > places.free:
        return Finding(
            PLACES, Verdict.WARNING, f"{found}: the run would wait, with its tiles prepared; {places.holding()}"
        )
    return Finding(PLACES, Verdict.OK, found)
