"""What datasets take by size: the page that is there, and the arithmetic behind it."""

from dataclasses import fields, replace
from pathlib import Path
from typing import get_args

import pytest
from annotated_types import Le
from hypothesis import given
from hypothesis import strategies as st

from deployments.scaling import limits
from deployments.scaling.__main__ import DOCUMENT, UNUSABLE, document, main
from deployments.scaling.figures import PRICES, UNIT_COSTS, Prices, UnitCosts, Way, read_figures, read_ways
from deployments.scaling.needs import Needs, money, needs, stages_s
from flows.parameter_types import InstanceCount, Minutes, ParallelBlocks

COSTS, _ = read_figures(UNIT_COSTS, UnitCosts)
PAID, _ = read_figures(PRICES, Prices)
SUMS = [field.name for field in fields(Needs) if field.name not in ("parts_s", "held_back_by")]
TILES = st.integers(1, 1_000_000)
WAYS = st.builds(
    Way,
    tiles=st.just(1),
    processors=st.integers(1, 64),
    instances=st.integers(1, 20),
    campaigns=st.integers(1, 20),
    block_size=st.none() | st.integers(1, 10_000),
    parallel_blocks=st.integers(1, 100),
)


def test_page_is_what_the_figures_give() -> None:
    """docs/scaling.md is not edited by hand, nor left behind when a figure changes."""
    assert DOCUMENT.read_text(encoding="utf-8") == document()


@given(TILES, TILES, WAYS)
def test_more_tiles_never_take_less(one: int, other: int, way: Way) -> None:
    """Neither time nor memory, requests, task runs or money, in whichever way they are done."""
    fewer, more = (needs(tiles, way, COSTS) for tiles in sorted((one, other)))
    assert [name for name in SUMS if getattr(fewer, name) > getattr(more, name) * (1 + 1e-12)] == []
    less, paid = (money(taken, PAID) for taken in (fewer, more))
    assert all(less[name] <= paid[name] * (1 + 1e-12) for name in paid)


@given(TILES, WAYS, st.floats(0, 1000))
def test_money_is_proportional_to_prices(tiles: int, way: Way, factor: float) -> None:
    """Twice the prices make twice the bill."""
    taken = needs(tiles, way, COSTS)
    raised = Prices(**{field.name: factor * getattr(PAID, field.name) for field in fields(Prices)})
    assert money(taken, raised) == pytest.approx({name: factor * one for name, one in money(taken, PAID).items()})


@pytest.mark.parametrize(("tiles", "hours"), [(100, (7 + 100 * 5 / 4 / 60) / 60), (100_000, 7 / 60 + 125_000 / 3600)])
def test_endpoint_is_billed_as_documented(tiles: int, hours: float) -> None:
    """One that is asked as fast as it answers: seven minutes, then requests by seconds, as docs/sagemaker.md has it."""
    plain = replace(COSTS, s3_request_s=0.0, run_cpu_s=0.0)
    taken = needs(tiles, Way(tiles, processors=64, instances=1, block_size=tiles, parallel_blocks=8), plain)
    assert taken.instance_hours == pytest.approx(hours)
    assert money(taken, replace(PAID, instance_hour=0.25))["endpoint"] == pytest.approx(hours / 4)


def test_idle_endpoint_is_billed_too() -> None:
    """Where workers are slower, more instances cost more and save nothing."""
    way = Way(10_000, processors=1, instances=1)
    slow = replace(COSTS, tile_cpu_s=10.0)
    one, ten = (needs(10_000, replace(way, instances=number), slow) for number in (1, 10))
    assert (one.held_back_by, one.wall_s) == ("workers", ten.wall_s)
    assert ten.instance_hours == pytest.approx(10 * one.instance_hours)


def test_bounds_are_those_of_the_parameters() -> None:
    """The page names the limits that the run form has."""
    bounds = [
        next(one.le for one in get_args(kind)[1].metadata if isinstance(one, Le))
        for kind in (Minutes, InstanceCount, ParallelBlocks)
    ]
    assert bounds == [limits.ENDPOINT_MINUTES, limits.MOST_INSTANCES, limits.MOST_BLOCKS]


def test_limit_of_minutes_is_met_where_it_says() -> None:
    """So many tiles take an endpoint of one instance to the cap, when nothing else holds them back."""
    (limit,) = (one for one in limits.limits_of_size(COSTS) if one.name.endswith("1 instance"))
    plain = replace(COSTS, s3_request_s=0.0, run_cpu_s=0.0)
    way = Way(1, processors=64, instances=1, parallel_blocks=8)
    assert stages_s(limit.at, way, plain) == pytest.approx(limits.ENDPOINT_MINUTES * 60)


def test_ways_stay_within_the_limits() -> None:
    """No size is done in a way that the flow would refuse, or that a limit of its own product ends."""
    at_most = {one.name: one.at for one in limits.limits_of_size(COSTS)}
    for way in read_ways():
        assert way.instances <= limits.MOST_INSTANCES
        assert way.parallel_blocks <= limits.MOST_BLOCKS
        assert way.tiles / way.campaigns <= at_most["memory of what plans and assembles, 64 GB"]
        assert stages_s(way.tiles / way.campaigns, way, COSTS) / 60 <= limits.ENDPOINT_MINUTES


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("[instance_hour]", "[instance_hours]"), "instance_hour is missing"),
        (("value = 0.25", "value = -1"), "instance_hour is -1"),
        (("value = 0.25", 'value = "0.25"'), "instance_hour is '0.25'"),
        (("value = 0.25", "value = "), "cannot be read"),
        (('unit = "an hour of a SageMaker', 'units = "'), "[instance_hour]"),
    ],
)
def test_unusable_prices_are_refused(
    change: tuple[str, str], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the file, the figure and what it should be."""
    path = tmp_path / "ours.toml"
    path.write_text(PRICES.read_text().replace(*change, 1))
    assert main(["--prices", str(path)]) == UNUSABLE
    said = capsys.readouterr().err
    assert str(path) in said
    assert word in said


def test_own_prices_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With prices of somebody's own the page is printed, and the project's stays as it is."""
    before, path = DOCUMENT.read_bytes(), tmp_path / "ours.toml"
    path.write_text(PRICES.read_text().replace("value = 0.25", "value = 123.25"))
    assert main(["--prices", str(path)]) == 0
    assert "| `instance_hour` | 123.25 |" in capsys.readouterr().out
    assert DOCUMENT.read_bytes() == before
