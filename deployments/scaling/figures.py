"""Unit costs, prices and ways, as their files have them."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from tasks.core.errors import UnusableArgument

HERE = Path(__file__).parent
UNIT_COSTS, PRICES, WAYS = HERE / "unit_costs.toml", HERE / "prices.toml", HERE / "ways.toml"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that all others are worked out from.

    Attributes:
        name: By which it is used.
        value: In its unit.
        unit: Of it, and what it is a figure of.
        source: The benchmark that measured it, in backticks, or where it comes from.
        date: When a price was looked up; empty of others.
    """

    name: str
    value: float
    unit: str
    source: str
    date: str = ""


@dataclass(frozen=True, slots=True)
class UnitCosts:
    """What one of each takes: ``unit_costs.toml`` has units and sources."""

    tile_cpu_s: float
    flow_cpu_s: float
    server_cpu_s: float
    run_cpu_s: float
    run_bytes: float
    run_bytes_a_tile: float
    server_bytes: float
    task_runs: float
    events: float
    events_a_second: float
    database_bytes: float
    in_flight_bytes: float
    vertices: float
    planning_cpu_s: float
    planning_bytes: float
    record_bytes: float
    assembling_cpu_s: float
    assembling_bytes: float
    writing_cpu_s: float
    listing_requests: float
    worker_requests: float
    asking_requests: float
    product_requests: float
    put_requests: float
    sent_bytes: float
    read_bytes: float
    s3_request_s: float
    s3_bytes_a_second: float
    predict_seconds: float
    requests_per_instance: float
    service_processors: float


@dataclass(frozen=True, slots=True)
class Prices:
    """Of what is paid for: ``prices.toml`` has units, sources and dates."""

    instance_hour: float
    processor_hour: float
    gb_hour: float
    put_thousand: float
    get_thousand: float
    gb_month: float


@dataclass(frozen=True, slots=True)
class Way:
    """How a dataset is done.

    Attributes:
        tiles: Of the dataset.
        processors: Of each worker.
        instances: Of the endpoint.
        campaigns: One after another; each makes a product of its own.
        block_size: Tiles in a block; None: one run does all of them, without a campaign.
        parallel_blocks: Blocks at a time, each on a worker.
    """

    tiles: int
    processors: int
    instances: int
    campaigns: int = 1
    block_size: int | None = None
    parallel_blocks: int = 1


Kind = TypeVar("Kind", UnitCosts, Prices)


def read_figures(path: Path, kind: type[Kind]) -> tuple[Kind, list[Figure]]:
    """The figures of a file: by name, and as they are shown.

    Raises:
        UnusableArgument: The file cannot be read, a figure is missing, unknown, negative, or says not what it is.
    """
    found = {name: _figure(path, name, entry) for name, entry in _read(path).items()}
    wanted = {field.name for field in fields(kind)}
    if wrong := sorted(wanted ^ found.keys()):
        what = "is missing" if wrong[0] in wanted else "is not known"
        raise UnusableArgument(f"{path}: {wrong[0]} {what}. The figures are {', '.join(sorted(wanted))}")
    return kind(**{name: figure.value for name, figure in found.items()}), list(found.values())


def read_ways(path: Path = WAYS) -> list[Way]:
    """The sizes to work out, and how each is done."""
    entries: Sequence[Mapping[str, Any]] = _read(path)["way"]
    return [Way(**entry) for entry in entries]


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnusableArgument(f"{path}: cannot be read ({error}). It is TOML, as {PRICES.name} here is") from error


def _figure(path: Path, name: str, entry: Any) -> Figure:
    if not isinstance(entry, Mapping) or "unit" not in entry or not {"benchmark", "source"} & entry.keys():
        raise UnusableArgument(f"{path}: {name} needs a table [{name}] with value, unit, and source or benchmark")
    value = entry.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise UnusableArgument(f"{path}: {name} is {value!r}. It is a number from 0")
    source = f"`{entry['benchmark']}`" if "benchmark" in entry else str(entry["source"])
    return Figure(name, float(value), str(entry["unit"]), source, str(entry.get("date", "")))
