"""Where limits are: at how many tiles, or tiles a second, each is met, and which setting moves it."""

from dataclasses import dataclass

from deployments.limits import INSTANCES
from deployments.scaling.figures import UnitCosts
from deployments.scaling.needs import BYTES_IN_GB, DEPLOY_S
from tasks.core.formats.shapefile_writer import LIMIT_BYTES
from tasks.core.reports.run_page import TABLE_ROWS
from tasks.core.tiles.estimates import SECONDS_A_MINUTE
from tasks.runtime.place_limit import LIMIT

ENDPOINT_MINUTES, MOST_INSTANCES, MOST_BLOCKS = 1440, 20, 100
POINT_BYTES = 16  # of a vertex in shapefile and WKB: two doubles
# SQLite's default SQLITE_MAX_LENGTH (sqlite.org/limits.html), which a geometry of a GeoPackage is a value under.
VALUE_BYTES = 1e9
# Prefect 3.8: the queue of a subscription, prefect/server/utilities/messaging/memory.py.
EVENTS_WAITING = 10_000
# A prefix of a bucket, at least, and more as S3 splits it (S3 User Guide, "Optimizing Amazon S3 performance").
PUT_A_SECOND, GET_A_SECOND = 3500, 5500


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit.

    Attributes:
        name: What is limited, and to how much.
        at: Tiles, or tiles a second, at which it is met.
        moved_by: Setting that moves it, or what to do there.
    """

    name: str
    at: float
    moved_by: str


def limits_of_size(costs: UnitCosts) -> list[Limit]:
    """Those that a number of tiles meets, the first one first."""
    planned = costs.planning_bytes + costs.vertices * costs.assembling_bytes
    answering_s = costs.predict_seconds / costs.requests_per_instance
    at_most_s = ENDPOINT_MINUTES * SECONDS_A_MINUTE - DEPLOY_S
    found = [
        Limit("rows of the table of tiles on the run's page", TABLE_ROWS, "nothing: `tiles` of the GeoPackage has all"),
        *(_memory(gb, planned, costs) for gb in (16, 64)),
        Limit(
            f"one polygon in a GeoPackage, {VALUE_BYTES / BYTES_IN_GB:g} GB, if it is all of the extent",
            VALUE_BYTES / POINT_BYTES / costs.vertices,
            "`cut_grid_m` for a copy in pieces; more campaigns",
        ),
        Limit(
            f"a shapefile, {LIMIT_BYTES / BYTES_IN_GB:.1f} GB: left out beyond, and said",
            LIMIT_BYTES / POINT_BYTES / costs.vertices,
            "`formats` without `shp`: the layer is in the GeoPackage",
        ),
        *(
            Limit(
                f"`max_endpoint_minutes`, at most {ENDPOINT_MINUTES:,}, with {instances} instance"
                + ("s" if instances > 1 else ""),
                at_most_s / answering_s * instances,
                "`instance_count`, `requests_per_instance`; more campaigns; `endpoint` `batch`",
            )
            for instances in (1, INSTANCES, MOST_INSTANCES)
        ),
        Limit(
            "run.json, 1 GB, which is read as a whole",
            BYTES_IN_GB / costs.record_bytes,
            "more campaigns: each has a record of its own",
        ),
    ]
    return sorted(found, key=lambda limit: limit.at)


def _memory(gb: int, planned: float, costs: UnitCosts) -> Limit:
    return Limit(
        f"memory of what plans and assembles, {gb} GB",
        (gb * BYTES_IN_GB - costs.run_bytes) / planned,
        "a larger machine for the campaign itself; more campaigns, by catchment or MGA zone",
    )


def limits_of_rate(costs: UnitCosts) -> list[Limit]:
    """Those that a number of tiles a second meets, the first one first."""
    gets = costs.listing_requests + costs.worker_requests + costs.asking_requests + costs.product_requests
    found = [
        Limit(
            "answers of one instance",
            costs.requests_per_instance / costs.predict_seconds,
            f"`instance_count` up to {MOST_INSTANCES}, AWS's quota (`flood-extent plan` names it), and the limit "
            f"`{LIMIT}` ({INSTANCES} instances until you set it)",
        ),
        Limit(
            "the process of one run, one processor of it",
            1 / costs.flow_cpu_s,
            f"`parallel_blocks` up to {MOST_BLOCKS}, and a work pool with a place more than that",
        ),
        Limit(
            "a Prefect server of one process, on one processor",
            1 / costs.server_cpu_s,
            "`deployments/compose.yaml`: PostgreSQL, Redis, server and services apart",
        ),
        Limit(
            f"events, {costs.events_a_second:g} a second into SQLite: Prefect drops them where {EVENTS_WAITING:,} wait",
            costs.events_a_second / costs.events,
            "`deployments/compose.yaml`: Redis keeps what waits",
        ),
        Limit(f"PUT to S3, {PUT_A_SECOND:,} a second", PUT_A_SECOND / costs.put_requests, "nothing here: S3 splits it"),
        Limit(
            f"GET from S3, {GET_A_SECOND:,} a second",
            GET_A_SECOND / (gets - costs.put_requests),
            "nothing here: S3 splits it",
        ),
    ]
    return sorted(found, key=lambda limit: limit.at)
