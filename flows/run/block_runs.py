"""The runs that a campaign starts, as the Prefect server knows them: who does its blocks, and their cancellation."""

from contextlib import suppress
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelling

from tasks.core.errors import UnusableArgument

ASKED_AT_ONCE = 200


def tag_of(campaign: UUID) -> str:
    """Of all runs of a campaign's blocks."""
    return f"campaign-{campaign}"


def cancel_blocks(campaign: UUID) -> int:
    """Cancel what a campaign has started and has not ended; how many runs that were."""
    with get_client(sync_client=True) as client:
        tagged = FlowRunFilter(tags=FlowRunFilterTags(all_=[tag_of(campaign)]))
        found: list[FlowRun] = []
        while page := client.read_flow_runs(flow_run_filter=tagged, limit=ASKED_AT_ONCE, offset=len(found)):
            found += page
        living = [one for one in found if one.state is None or not one.state.is_final()]
        for one in living:
            with suppress(ObjectNotFound):
                client.set_flow_run_state(one.id, Cancelling(message="its campaign has ended"))
    return len(living)


def check_blocks(deployment: str) -> None:
    """Refuse a campaign whose blocks nobody would do, or only once the campaign itself has ended.

    Args:
        deployment: Of the blocks.

    Raises:
        UnusableArgument: There is no such deployment, or its pool runs one at a time.
    """
    with get_client(sync_client=True) as client:
        try:
            found = client.read_deployment_by_name(deployment)
        except ObjectNotFound as error:
            raise UnusableArgument(
                f"`block_deployment` {deployment}: there is no such deployment. `flood-extent serve` makes one on this "
                "machine, `make deploy-aws` on ECS"
            ) from error
        if found.work_pool_name is None:
            return
        limit = client.read_work_pool(found.work_pool_name).concurrency_limit
    if limit is not None and limit < 2:  # noqa: PLR2004 - the campaign and a block
        raise UnusableArgument(
            f"work pool {found.work_pool_name} runs {limit} at a time, and the campaign is one: its blocks would wait "
            "for ever. Raise the pool's limit to 2 at least"
        )
