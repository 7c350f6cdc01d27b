"""The campaign flow: a dataset of any size, cut into blocks, each done by a run of flood-extent, and joined to one map.

All blocks share one endpoint, which the campaign owns, and one calibration. A block that is lost is done again alone;
what is done stays in the work directory, for this campaign and the next.
"""

from functools import partial
from typing import Any

from prefect import Flow, State, flow
from prefect.client.schemas.objects import FlowRun
from prefect.logging.loggers import flow_run_logger
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import ValidationError

from flows.parameter_types import BlockSize, ParallelBlocks, Text
from flows.parameters import RunParameters
from flows.run.block_runs import cancel_blocks, check_blocks
from flows.run.campaign import Campaign
from flows.run.campaign_page import BlockMap
from flows.run.delivery import deliver
from flows.run.earlier_record import first_problem
from flows.run.run import Run
from tasks.core.errors import UnusableArgument
from tasks.core.tiles.block_records import PREPARE
from tasks.dataset import list_tiles
from tasks.endpoint import tear_down_endpoint

BLOCKS = "flood-extent/block"
# Settings of a run that a campaign has no use for, and what to do instead.
NOT_TAKEN = {
    "review": "Look at its product, and correct that with `flood-extent release`",
    "dry_run": "`flood-extent plan DATASET` says what a run of it would do",
    "block": "Campaigns give it to their blocks",
}


def end_campaign(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Hook of a campaign that failed, crashed or was cancelled: cancel its blocks, then delete what is left."""
    settings = flow_run.parameters.get("settings") or {}
    try:
        count = cancel_blocks(flow_run.id)
        flow_run_logger(flow_run).info("%d runs of its blocks are cancelled", count)
    finally:
        tear_down_endpoint(flow, flow_run.model_copy(update={"parameters": settings}), state)


@flow(
    name="flood-campaign",
    task_runner=ThreadPoolTaskRunner[Any](max_workers=1),  # type: ignore[arg-type] # invariant in its future
    persist_result=False,
    on_failure=[end_campaign],
    on_crashed=[end_campaign],
    on_cancellation=[end_campaign],
)
def flood_campaign(
    dataset: Text,
    output_directory: Text = "out",
    work_directory: Text = "work",
    block_size: BlockSize = 500,
    parallel_blocks: ParallelBlocks = 2,
    settings: dict[str, Any] = {},  # noqa: B006 - never changed; the run form shows it
    block_deployment: Text = BLOCKS,
) -> State[Any]:
    """Map the flooded ground of a dataset of any size, by many runs.

    Args:
        dataset: As of flood-extent: s3://bucket/prefix, a folder, or a .txt list; workers of the blocks must reach it.
        output_directory: Where the product goes, in a folder named after the dataset: local or s3://.
        work_directory: Intermediates and cache, which all workers share: s3://, or a folder on a disk that they share.
        block_size: Tiles in a block, at most; each block is a run.
        parallel_blocks: Blocks at a time: as many as there are workers for.
        settings: Any other parameters of flood-extent, by name: endpoint, training_job, width, event_name and so on.
        block_deployment: Deployment of flood-extent that does a block.
    """
    asked = _asked(settings, dataset=dataset, output_directory=output_directory, work_directory=work_directory)
    check_blocks(block_deployment)
    with Run.begin(asked) as run:
        run.plan(list_tiles(dataset, run.parameters.crs, run.parameters.max_tile_megapixels))
        campaign = Campaign(run, block_deployment, block_size, parallel_blocks, BlockMap(run.dataset_name).show)
        with ThreadPoolTaskRunner[Any](max_workers=1) as in_this_process:
            try:
                run.tiles.calibrate(partial(campaign.do, phase=PREPARE))
                if run.owns_endpoint_of_others and run.tiles.unpredicted:
                    run.endpoint.start(in_this_process)
                    run.endpoint.wait_until_answering()
                campaign.do(run.tiles.open)
            except BaseException:
                cancel_blocks(run.id)
                raise
            finally:
                run.endpoint.end()
        return deliver(run)


def _asked(settings: dict[str, Any], **own: Any) -> RunParameters:
    """The campaign's own run.

    Raises:
        UnusableArgument: Of the settings, what is wrong.
    """
    for name in sorted(settings.keys() & {*NOT_TAKEN, *own}):
        remedy = NOT_TAKEN.get(name, "It is a parameter of the campaign itself")
        raise UnusableArgument(f"`settings`: a campaign takes no `{name}` here. {remedy}")
    try:
        return RunParameters(**{**settings, **own})
    except ValidationError as error:
        raise UnusableArgument(f"`settings`: {first_problem(error)}") from error
