"""A block of a campaign: its tiles go through the stages in a run of their own, which hands back their accounts."""

from collections.abc import Sequence
from typing import Any

from prefect import State, Task
from prefect.states import Failed

from flows.run.block_files import result_uri
from flows.run.run import Run
from flows.run.tile_stages import prepare_tiles, runners, stream_tiles
from tasks.core.errors import EndpointGone
from tasks.core.states import CAMPAIGN_ENDED
from tasks.core.tiles.block_records import PREPARE, BlockOrder, BlockResult
from tasks.product import clean_up
from tasks.runtime.policies import as_it_is
from tasks.services import storage
from tasks.services.work_directory import run_records


def do_block(run: Run, order: BlockOrder, stages: Sequence[Task[..., Any]], **preparing: Any) -> State[Any]:
    """Take a block's tiles through the stages, and hand back what became of each.

    Where the campaign's endpoint is gone, so is the campaign: the run ends at once.

    Args:
        run: That does it.
        order: What is to be done.
        stages: The tasks prepare, predict and extract.
        preparing: Further arguments of prepare.
    """
    run.follow(order)
    with runners(run) as where:
        try:
            if order.phase == PREPARE:
                prepare_tiles(run, stages[0], where, run.tiles.jobs, **preparing)
            else:
                stream_tiles(run, stages, where, **preparing)
        except EndpointGone as error:
            return Failed(name=CAMPAIGN_ENDED, message=f"the campaign {order.campaign} has ended: {error}")
        finally:
            run.endpoint.end()
    run.endpoint.wait_until_gone()
    if order.phase != PREPARE and not run.keeps_work:
        clean_up(as_it_is(run.tiles.jobs))
        run.clear_batch()
    result = BlockResult(str(run.id), run.tiles.task_runs, tuple(run.tiles.ledger.accounts))
    run_records.write(result_uri(storage.resolve(str(run.parameters.block))), result.to_dict())
    return run.final_state()
