"""``docs/scaling.md``: what datasets of any size take, as Markdown."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from deployments.scaling import texts
from deployments.scaling.figures import Figure, Prices, UnitCosts, Way
from deployments.scaling.limits import Limit, limits_of_rate, limits_of_size
from deployments.scaling.needs import BYTES_IN_GB, SECONDS_AN_HOUR, Needs, money, needs

COST_ROWS = ("endpoint", "machines", "S3 requests", "S3, a month")


def page(costs: UnitCosts, prices: Prices, shown: Sequence[Figure], ways: Sequence[Way]) -> str:
    """The whole document.

    Args:
        costs: What one of each takes.
        prices: Of what is paid for.
        shown: Both, as their files have them.
        ways: Sizes, and how each is done.
    """
    taken = [needs(way.tiles, way, costs) for way in ways]
    parts = (
        texts.BEFORE,
        _table(_heads(ways), _need_rows(taken)),
        texts.AFTER_NEEDS,
        "## How each is run",
        _table(_heads(ways), _way_rows(ways, taken)),
        texts.WAYS_TEXT,
        texts.COSTS_TEXT,
        _table(_heads(ways), _money_rows(taken, prices)),
        texts.SIZE_TEXT,
        _limits("tiles", limits_of_size(costs)),
        texts.RATE_TEXT,
        _limits("tiles a second", limits_of_rate(costs)),
        texts.AFTER_LIMITS,
        texts.COST_FIGURES,
        _table(("name", "value", "unit", "from"), (_figure(one) for one in shown if not one.date)),
        texts.PRICE_FIGURES,
        _table(("name", "value", "for", "from", "looked up"), ([*_figure(one), one.date] for one in shown if one.date)),
        texts.LEFT_OUT,
    )
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _table(heads: Sequence[str], rows: "Iterator[Sequence[str]]") -> str:
    lines = chain([heads, ["---"] * len(heads)], rows)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _heads(ways: Sequence[Way]) -> list[str]:
    return ["tiles", *(f"{way.tiles:,}" for way in ways)]


def _need_rows(taken: Sequence[Needs]) -> Iterator[list[str]]:
    shown: dict[str, Callable[[Needs], str]] = {
        "wall time": lambda one: duration(one.wall_s),
        "of it listing and planning": lambda one: duration(one.parts_s[0]),
        "of it the stages, endpoint's start included": lambda one: duration(one.parts_s[1]),
        "of it the product": lambda one: duration(one.parts_s[2]),
        "stages wait most for": lambda one: f"`{one.held_back_by}`",
        "CPU hours, endpoint apart": lambda one: number(one.cpu_s / SECONDS_AN_HOUR),
        "memory of a worker": lambda one: size(one.worker_bytes),
        "memory of what plans and assembles": lambda one: size(one.planner_bytes),
        "vertices of a product": lambda one: number(one.vertices),
        "S3: PUT": lambda one: number(one.put_requests),
        "S3: GET and HEAD": lambda one: number(one.get_requests),
        "S3: written": lambda one: size(one.sent_bytes),
        "S3: read": lambda one: size(one.read_bytes),
        "Prefect: flow runs": lambda one: number(one.runs),
        "Prefect: task runs": lambda one: number(one.task_runs),
        "Prefect: events": lambda one: number(one.events),
        "Prefect: database": lambda one: size(one.database_bytes),
        "endpoint: instance hours": lambda one: number(one.instance_hours),
    }
    for name, told in shown.items():
        yield [name, *map(told, taken)]


def _way_rows(ways: Sequence[Way], taken: Sequence[Needs]) -> Iterator[list[str]]:
    yield ["as", *(_kind(way) for way in ways)]
    yield ["`block_size`", *("" if way.block_size is None else f"{way.block_size:,}" for way in ways)]
    yield ["blocks, and their runs", *(_blocks(way, one) for way, one in zip(ways, taken, strict=True))]
    yield ["`parallel_blocks`: workers", *(f"{way.parallel_blocks}" for way in ways)]
    yield ["processors of each", *(f"{way.processors}" for way in ways)]
    yield ["`instance_count`", *(f"{way.instances}" for way in ways)]


def _kind(way: Way) -> str:
    if way.block_size is None:
        return "one run"
    return "a campaign" if way.campaigns == 1 else f"{way.campaigns} campaigns in turn"


def _blocks(way: Way, taken: Needs) -> str:
    return "" if way.block_size is None else f"{taken.runs - way.campaigns:,}"


def _money_rows(taken: Sequence[Needs], prices: Prices) -> Iterator[list[str]]:
    bills = [money(one, prices) for one in taken]
    for name in COST_ROWS:
        yield [name, *(f"{bill[name]:,.2f}" for bill in bills)]
    yield ["all", *(f"{sum(bill.values()):,.2f}" for bill in bills)]
    each = zip(bills, taken, strict=True)
    yield ["a thousand tiles", *(f"{1000 * sum(bill.values()) / one.tiles:,.2f}" for bill, one in each)]


def _limits(unit: str, limits: Sequence[Limit]) -> str:
    return _table(("limit", unit, "moved by"), ([one.name, number(one.at), one.moved_by] for one in limits))


def _figure(one: Figure) -> list[str]:
    return [f"`{one.name}`", f"{one.value:,.10g}", one.unit, one.source]


def number(value: float) -> str:
    """With three digits, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits


def size(value: float) -> str:
    """Bytes in MB, GB or TB."""
    for factor, unit in ((1e12, "TB"), (BYTES_IN_GB, "GB")):
        if value >= factor:
            return f"{number(value / factor)} {unit}"
    return f"{number(value / 1e6)} MB"


def duration(seconds: float) -> str:
    """Seconds in seconds, minutes or hours."""
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return f"{number(seconds)} s"
    return f"{number(seconds / 60)} min" if seconds < 2 * SECONDS_AN_HOUR else f"{number(seconds / SECONDS_AN_HOUR)} h"
