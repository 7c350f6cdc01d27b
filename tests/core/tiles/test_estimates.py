"""How long a run needs its endpoint or this machine, worked out before it costs anything."""

from dataclasses import replace
from typing import Any

import pytest
from tile_jobs import planned

from tasks.core.errors import UnusableArgument
from tasks.core.geo.grid import Grid
from tasks.core.tiles.estimates import DEPLOY_MINUTES, HEAD_START, Estimate, is_due, minutes_by
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.tile import Tile

GRID = Grid(10_000, 10_000, (0.15, 0.0, 300000.0, 0.0, -0.15, 6600000.0), "EPSG:7855")
TILE = Tile("a.jp2", "/data/a.jp2", 12, "abc", (), 4, GRID)


def jobs(tiles: int) -> list[TileJob]:
    return planned([replace(TILE, id=f"{number}.jp2") for number in range(tiles)])


def estimate(tiles: int, **changes: Any) -> Estimate:
    settings: dict[str, Any] = {"predict_seconds": 6.0, "in_flight": 4, "processors": 2}
    return Estimate.of_jobs(jobs(tiles), **settings | changes)


def test_predicting_takes_its_turns() -> None:
    """Four at a time, six seconds each: 400 tiles are ten minutes."""
    assert estimate(400).minutes == pytest.approx(DEPLOY_MINUTES + 10)
    assert estimate(400, in_flight=8).minutes == pytest.approx(DEPLOY_MINUTES + 5)


def test_preparing_goes_on_while_it_is_deployed() -> None:
    """Only what preparation takes beyond the deployment is paid for."""
    a_frame = 100 * 0.004 / 2 / 60
    short, long = estimate(10, predict_seconds=1e-9), estimate(6000, predict_seconds=1e-9)
    assert short.minutes == pytest.approx(DEPLOY_MINUTES)
    assert long.minutes == pytest.approx(6000 * a_frame)


def test_without_tiles_only_the_deployment_counts() -> None:
    """And it is said of how many tiles it speaks."""
    assert estimate(0).minutes == DEPLOY_MINUTES
    assert estimate(3).tiles == 3


def test_each_chip_is_a_request() -> None:
    """A frame of 1,000 px in chips of 512 is asked for in nine, and takes nine times as long."""
    (job,) = planned([TILE], chips=(512, 64))
    whole, cut = (Estimate.of_jobs([one], predict_seconds=6, in_flight=1, processors=2) for one in (*jobs(1), job))
    assert (whole.requests, cut.requests) == (1, 9)
    assert cut.minutes - DEPLOY_MINUTES == pytest.approx(9 * (whole.minutes - DEPLOY_MINUTES))


def test_a_run_that_fits_is_let_through() -> None:
    """Exactly the cap is not beyond it."""
    Estimate(10, 10, 240.0, 200.0).check(240)


def test_a_run_that_would_outlive_its_endpoint_is_refused() -> None:
    """Before anything costs money, with the figures and what can be changed."""
    with pytest.raises(
        UnusableArgument, match=r"12,000 tiles need the endpoint for about 340 minutes.*\(240\): raise it"
    ):
        estimate(12_000).check(240)


def row(prepare: float, predict: float, **changes: Any) -> dict[str, Any]:
    return {"state": "done", "cached": [], "seconds_by_stage": {"prepare": prepare, "predict": predict}, **changes}


def test_the_mean_of_what_was_computed_counts() -> None:
    """Remembered answers took no time and failed tiles not all of it: neither says how long a tile takes."""
    rows = [row(2, 10), row(4, 0, cached=["predict"]), row(100, 100, state="failed")]
    assert minutes_by({"tiles": rows}, {"prepare": 60, "predict": 30}, 4) == pytest.approx((60 * 3 + 30 * 10) / 4 / 60)


def test_a_stage_with_nothing_to_do_need_not_be_known() -> None:
    """Only what is to be done is asked for."""
    rows = [row(2, 0, cached=["predict"])]
    assert minutes_by({"tiles": rows}, {"prepare": 30, "predict": 0}, 1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("record", "to_do"),
    [
        ({"tiles": [row(2, 0, cached=["predict"])]}, {"prepare": 1, "predict": 1}),
        ({"tiles": []}, {"prepare": 1}),
        ({}, {"prepare": 1}),
        ({"tiles": [row(2, 2)]}, {"prepare": 0, "predict": 0}),
    ],
)
def test_what_was_not_measured_is_not_guessed(record: dict[str, Any], to_do: dict[str, int]) -> None:
    """A run that had it all remembered, or one that is not there, tells nothing."""
    assert minutes_by(record, to_do, 2) is None


DEPLOY_SECONDS = DEPLOY_MINUTES * 60


@pytest.mark.parametrize(
    ("left", "expected"),
    [(0, True), (int(DEPLOY_SECONDS) // 2, True), (int(DEPLOY_SECONDS) // 2 + 1, False), (100_000, False)],
)
def test_an_endpoint_is_due_when_the_tiles_left_take_as_long_as_it_does(left: int, expected: bool) -> None:
    """At two seconds a tile, half as many tiles as deploying takes seconds."""
    assert is_due(prepared=50, waiting=50, left=left, seconds=100.0, predict_seconds=0.0) is expected


def test_an_endpoint_with_much_to_answer_is_due_earlier() -> None:
    """By a part of what its predictions are expected to take: they go on while tiles are prepared."""
    left = round(DEPLOY_SECONDS + HEAD_START * 1_000)
    assert is_due(prepared=10, waiting=10, left=left, seconds=10.0, predict_seconds=1_000.0)
    assert not is_due(prepared=10, waiting=10, left=left + 1, seconds=10.0, predict_seconds=1_000.0)


def test_no_endpoint_is_due_before_a_tile_waits_for_it() -> None:
    """Where no tile can be prepared, none is ever paid for."""
    assert not is_due(prepared=0, waiting=0, left=0, seconds=1.0, predict_seconds=60.0)
