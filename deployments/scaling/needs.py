"""What a dataset takes, done in a certain way: time, machines, storage, and what is paid for them."""

import math
from dataclasses import dataclass

from deployments.scaling.figures import Prices, UnitCosts, Way
from tasks.core.tiles.estimates import DEPLOY_MINUTES, SECONDS_A_MINUTE
from tasks.runtime.reading_ahead import READS_AT_ONCE
from tasks.services.frames.dataset_listing import PROBES_AT_ONCE

SECONDS_AN_HOUR = 3600.0
BYTES_IN_GB = 1e9
DEPLOY_S = DEPLOY_MINUTES * SECONDS_A_MINUTE


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that the tiles of a campaign take through the stages, by what may hold them back.

    Attributes:
        endpoint: Answering, by all instances.
        workers: Fetching, decoding and tracing, by all processors of the workers.
        runs: What each run's own process does, one processor of it.
        server: What the Prefect server does, one processor of it.
    """

    endpoint: float
    workers: float
    runs: float
    server: float

    @property
    def slowest(self) -> str:
        """The name of what holds the others back."""
        return max(self.__slots__, key=lambda name: float(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class Needs:
    """What a dataset takes.

    Attributes:
        tiles: Of it.
        wall_s: From start to product, of all campaigns.
        parts_s: The same by part: listing and planning, stages, product.
        held_back_by: What the stages wait for most.
        cpu_s: Of runs and server, without the endpoint's instances.
        worker_bytes: Memory of a worker.
        planner_bytes: Memory of the process that plans and assembles.
        put_requests: To S3.
        get_requests: Likewise, HEAD among them.
        sent_bytes: To S3.
        read_bytes: From S3.
        task_runs: In Prefect.
        runs: Flow runs.
        events: In Prefect.
        database_bytes: Of the Prefect server.
        instance_hours: Billed.
        processor_hours: Of workers, server and planner while they are up.
        gb_hours: Of their memory.
        vertices: Of a product, at most.
    """

    tiles: int
    wall_s: float
    parts_s: tuple[float, float, float]
    held_back_by: str
    cpu_s: float
    worker_bytes: float
    planner_bytes: float
    put_requests: float
    get_requests: float
    sent_bytes: float
    read_bytes: float
    task_runs: float
    runs: int
    events: float
    database_bytes: float
    instance_hours: float
    processor_hours: float
    gb_hours: float
    vertices: float


def pace(tiles: float, way: Way, costs: UnitCosts) -> Pace:
    """How fast so many tiles go through the stages of one campaign."""
    in_flight = way.instances * costs.requests_per_instance
    waiting_s = costs.worker_requests * costs.s3_request_s + costs.read_bytes / costs.s3_bytes_a_second
    return Pace(
        endpoint=tiles * (costs.predict_seconds + costs.asking_requests * costs.s3_request_s) / in_flight,
        workers=tiles * (costs.tile_cpu_s + waiting_s) / (way.parallel_blocks * way.processors),
        runs=tiles * costs.flow_cpu_s / way.parallel_blocks,
        server=tiles * costs.server_cpu_s,
    )


def stages_s(tiles: float, way: Way, costs: UnitCosts) -> float:
    """Seconds of the stages, the endpoint's deployment among them: its billed time."""
    found = pace(tiles, way, costs)
    others = max(found.workers, found.runs, found.server)
    starting = costs.run_cpu_s * _runs(tiles, way) / way.parallel_blocks
    if way.block_size is None:  # tiles are prepared while the endpoint comes up
        return max(DEPLOY_S + found.endpoint, others) + starting
    return DEPLOY_S + max(found.endpoint, others) + starting


def needs(tiles: int, way: Way, costs: UnitCosts) -> Needs:
    """What a dataset takes.

    Args:
        tiles: Of it; ``way.tiles`` does not matter.
        way: How it is done.
        costs: What one of each takes.
    """
    each = tiles / way.campaigns
    listing_s = each * (costs.listing_requests * costs.s3_request_s / PROBES_AT_ONCE + costs.planning_cpu_s)
    billed_s, vertices = stages_s(each, way, costs), each * costs.vertices
    making_s = vertices * (costs.assembling_cpu_s + costs.writing_cpu_s)
    product_s = making_s + each * costs.product_requests * costs.s3_request_s / READS_AT_ONCE
    wall_s = way.campaigns * (listing_s + billed_s + product_s)
    runs = way.campaigns * (_runs(each, way) + (way.block_size is not None))
    worker, planner = _worker_bytes(each, way, costs), _planner_bytes(each, costs)
    gets = sum((costs.listing_requests, costs.worker_requests, costs.asking_requests, costs.product_requests))
    up_bytes = way.parallel_blocks * worker + (planner if way.block_size is not None else 0) + costs.server_bytes
    return Needs(
        tiles=tiles,
        wall_s=wall_s,
        parts_s=(way.campaigns * listing_s, way.campaigns * billed_s, way.campaigns * product_s),
        held_back_by=pace(each, way, costs).slowest,
        cpu_s=tiles * (costs.tile_cpu_s + costs.flow_cpu_s + costs.server_cpu_s + costs.planning_cpu_s)
        + way.campaigns * making_s
        + runs * costs.run_cpu_s,
        worker_bytes=worker,
        planner_bytes=planner,
        put_requests=tiles * costs.put_requests,
        get_requests=tiles * (gets - costs.put_requests),
        sent_bytes=tiles * costs.sent_bytes,
        read_bytes=tiles * costs.read_bytes,
        task_runs=tiles * costs.task_runs,
        runs=runs,
        events=tiles * costs.events,
        database_bytes=tiles * costs.database_bytes,
        instance_hours=way.campaigns * way.instances * billed_s / SECONDS_AN_HOUR,
        processor_hours=wall_s * (way.parallel_blocks * way.processors + costs.service_processors) / SECONDS_AN_HOUR,
        gb_hours=wall_s * up_bytes / BYTES_IN_GB / SECONDS_AN_HOUR,
        vertices=vertices,
    )


def money(taken: Needs, prices: Prices) -> dict[str, float]:
    """What is paid, by what for, in the prices' currency; what was sent to S3 stays there for a month."""
    return {
        "endpoint": taken.instance_hours * prices.instance_hour,
        "machines": taken.processor_hours * prices.processor_hour + taken.gb_hours * prices.gb_hour,
        "S3 requests": (taken.put_requests * prices.put_thousand + taken.get_requests * prices.get_thousand) / 1000,
        "S3, a month": taken.sent_bytes / BYTES_IN_GB * prices.gb_month,
    }


def _runs(tiles: float, way: Way) -> int:
    """Runs that take the tiles of a campaign through the stages."""
    return 1 if way.block_size is None else math.ceil(tiles / way.block_size)


def _worker_bytes(tiles: float, way: Way, costs: UnitCosts) -> float:
    """Of a worker; one that does without a campaign makes the product, too."""
    own = tiles if way.block_size is None else min(tiles, way.block_size)
    beside = way.processors * costs.in_flight_bytes + own * costs.run_bytes_a_tile
    return beside + (_planner_bytes(tiles, costs) if way.block_size is None else costs.run_bytes)


def _planner_bytes(tiles: float, costs: UnitCosts) -> float:
    return costs.run_bytes + tiles * (costs.planning_bytes + costs.vertices * costs.assembling_bytes)
