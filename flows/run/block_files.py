"""What a campaign and the runs of its blocks tell each other, in the work directory."""

import re
from dataclasses import replace

from tasks.core.errors import UnusableArgument
from tasks.core.tiles.block_records import BlockOrder, BlockResult
from tasks.core.tiles.jobs import TileJob
from tasks.services import storage
from tasks.services.work_directory import run_records

KEY = re.compile(r"[0-9a-f]{64}")


def read_order(uri: str, work_directory: str) -> BlockOrder:
    """What a campaign wrote for a block.

    Whoever may write to the work directory may have changed it. So where files lie is not taken from there, but from
    their keys and this run's own work directory.

    Raises:
        UnusableArgument: There is none, or it has another shape than a campaign gives it.
    """
    values = run_records.read(uri)
    if values is None:
        raise UnusableArgument(f"`block` {uri}: does not exist. Campaigns give it to their runs; leave it out")
    try:
        order = BlockOrder.from_dict(values)
    except ValueError as error:
        text = f"`block` {uri}: not what a campaign writes ({error}). Start the campaign again"
        raise UnusableArgument(text) from error
    return replace(order, jobs=tuple(_checked(job, work_directory) for job in order.jobs))


def _checked(job: TileJob, work_directory: str) -> TileJob:
    for key in (job.prepare_key, job.predict_key, job.extract_key):
        if not KEY.fullmatch(key):
            raise UnusableArgument(f"`block`: {key!r} is no key of a tile's files. Start the campaign again")
    return replace(job, work_directory=work_directory)


def result_uri(order_uri: str) -> str:
    """Where a block's run hands back what became of its tiles."""
    return f"{order_uri.removesuffix('.json')}.ended.json"


def order_uri(work_directory: str, campaign: str, phase: str, number: int) -> str:
    """Where a campaign orders a block."""
    return storage.join(work_directory, "campaigns", campaign, f"{phase}-{number:05}.json")


def read_result(order: str) -> BlockResult | None:
    """What became of a block; None where its run has not handed it back.

    Raises:
        UnusableArgument: It has another shape than a block's run gives it.
    """
    uri = result_uri(order)
    values = run_records.read(uri)
    try:
        return None if values is None else BlockResult.from_dict(values)
    except ValueError as error:
        raise UnusableArgument(f"{uri}: not what a block's run writes ({error}). Remove it and start again") from error
