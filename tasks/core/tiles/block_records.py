"""What a campaign hands to the run of a block, and what that hands back: JSON in the work directory."""

from dataclasses import dataclass
from typing import ClassVar

from pydantic import ConfigDict

from tasks.core.record import Record
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.ledger import Account

PREPARE, ALL = "prepare", "all"


@dataclass(frozen=True, slots=True)
class BlockOrder(Record):
    """What is to be done.

    Attributes:
        campaign: Id of the campaign's flow run.
        number: Of the block.
        phase: ``prepare``, for a calibration over all blocks, or ``all`` stages.
        model_identity: Of the campaign's model, whose endpoint may be another one each time.
        jobs: The block's tiles.
    """

    campaign: str
    number: int
    phase: str
    model_identity: str
    jobs: tuple[TileJob, ...]


@dataclass(frozen=True, slots=True)
class BlockResult(Record):
    """What became of it.

    Attributes:
        flow_run: Id of the block's run.
        task_runs: How many it has started.
        accounts: Of every tile of the block.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="ignore")

    flow_run: str
    task_runs: int
    accounts: tuple[Account, ...]
