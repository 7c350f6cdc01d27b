"""A campaign's runs on a real Prefect server: whether anybody would do its blocks, and their cancellation."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Running, Scheduled, State

from flows.run.block_runs import cancel_blocks, check_blocks, tag_of
from tasks.core.errors import UnusableArgument


@pytest.fixture
def client(prefect_server: str) -> Iterator[SyncPrefectClient]:
    """Of the session's server."""
    with temporary_settings({PREFECT_API_URL: prefect_server}), get_client(sync_client=True) as client:
        yield client


@flow(name="a-block")
def block() -> None:
    """A flow to have runs of."""


def deployed(client: SyncPrefectClient, places: int | None) -> str:
    """A deployment of a pool with so many places; its name."""
    name = uuid4().hex
    client.create_work_pool(WorkPoolCreate(name=name, type="process", concurrency_limit=places))
    client.create_deployment(client.create_flow(block), name, work_pool_name=name)
    return f"a-block/{name}"


def run_in(client: SyncPrefectClient, state: State[None], campaign: UUID) -> UUID:
    run = client.create_flow_run(block, tags=[tag_of(campaign), "other"])
    client.set_flow_run_state(run.id, state, force=True)
    return run.id


@pytest.mark.parametrize("places", [2, None])
def test_a_pool_with_a_place_beside_the_campaign_will_do(client: SyncPrefectClient, places: int | None) -> None:
    """One block at a time is slow, and ends."""
    check_blocks(deployed(client, places))


def test_a_pool_that_runs_one_at_a_time_is_refused(client: SyncPrefectClient) -> None:
    """The campaign would hold the place that its blocks wait for."""
    with pytest.raises(UnusableArgument, match=r"wait for ever\. Raise the pool's limit to 2 at least"):
        check_blocks(deployed(client, 1))


@pytest.mark.usefixtures("client")
def test_a_deployment_that_is_not_there_is_named() -> None:
    """With what makes it."""
    with pytest.raises(UnusableArgument, match=r"`block_deployment` flood-extent/elsewhere: .* `flood-extent serve`"):
        check_blocks("flood-extent/elsewhere")


def test_what_a_campaign_has_started_is_cancelled_and_nothing_else(client: SyncPrefectClient) -> None:
    """What has ended stays as it ended; another campaign's goes on."""
    mine, theirs = uuid4(), uuid4()
    runs = {name: run_in(client, state, mine) for name, state in states().items()}
    other = run_in(client, Running(), theirs)
    assert cancel_blocks(mine) == 2
    found = {name: client.read_flow_run(run).state for name, run in runs.items()}
    assert {name: state.name for name, state in found.items() if state} == {
        "running": "Cancelling",
        "waiting": "Cancelled",
        "done": "Completed",
    }
    there = client.read_flow_run(other).state
    assert there is not None
    assert there.is_running()


def states() -> dict[str, State[None]]:
    return {"running": Running(), "waiting": Scheduled(), "done": Completed()}
