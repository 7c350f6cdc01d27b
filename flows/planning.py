"""What a run would do, found out without doing it: headers are read, nothing is written."""

from dataclasses import dataclass, replace

from flows.checks import check, product_uri
from flows.parameters import RunParameters
from flows.run import estimate, plan_tiles
from tasks.aws_access import aws_access
from tasks.core.crs import given_crs
from tasks.core.jobs import TileJob
from tasks.core.records import Tile
from tasks.dataset import MEGA, Remembered
from tasks.services import datasets
from tasks.services.endpoint_kinds import SAGEMAKER


@dataclass(frozen=True)
class Plan:
    """What a run would find and do.

    Attributes:
        jobs: A job a tile, also for those that would fail.
        remembered: What earlier runs left in the work directory.
        product: Where the product would go.
        endpoint_minutes: For which a SageMaker endpoint would be needed; None where it would not.
    """

    jobs: list[TileJob]
    remembered: Remembered
    product: str
    endpoint_minutes: float | None = None

    @property
    def unusable(self) -> list[Tile]:
        """Tiles that would fail because of their header."""
        return [job.tile for job in self.jobs if job.tile.problem is not None]

    @property
    def usable(self) -> list[TileJob]:
        """Jobs of the tiles whose header is in order."""
        return [job for job in self.jobs if job.tile.problem is None]

    def waiting(self, stage: str) -> list[TileJob]:
        """Jobs of the usable tiles that the stage would have to compute."""
        return [job for job in self.usable if self.remembered.lacks(stage, job)]


def plan_run(parameters: RunParameters) -> Plan:
    """Find out what a run would do.

    Raises:
        UnusableArgument: It would be refused.
    """
    with aws_access(parameters.aws_block, parameters.kms_key):
        check(parameters, writing=False)
        crs = None if parameters.crs is None else given_crs(parameters.crs)
        tiles = datasets.list_tiles(parameters.dataset, crs=crs, max_pixels=parameters.max_tile_megapixels * MEGA)
        jobs = plan_tiles(parameters, tiles)
        plan = Plan(jobs, Remembered.look_up(jobs), product_uri(parameters))
    waiting = plan.waiting("predict")
    if parameters.endpoint != SAGEMAKER or not waiting:
        return plan
    needed = estimate(parameters, waiting)
    needed.check(parameters.max_endpoint_minutes)
    return replace(plan, endpoint_minutes=needed.minutes)
