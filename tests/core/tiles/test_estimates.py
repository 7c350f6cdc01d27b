"""How long a run needs its endpoint, worked out before it costs anything."""

from dataclasses import replace
from typing import Any

import pytest

from tasks.core.errors import UnusableArgument
from tasks.core.geo.grid import Grid
from tasks.core.tiles.estimates import DEPLOY_MINUTES, Estimate
from tasks.core.tiles.jobs import TileJob, plan_jobs
from tasks.core.tiles.tile import Tile

GRID = Grid(10_000, 10_000, (0.15, 0.0, 300000.0, 0.0, -0.15, 6600000.0), "EPSG:7855")
TILE = Tile("a.jp2", "/data/a.jp2", 12, "abc", (), 4, GRID)
SETTINGS: dict[str, Any] = {
    "width_px": 1000,
    "model_identity": "model 1",
    "flood_labels": [1, 2],
    "max_pixels": 10**9,
    "work_directory": "/work",
}


def jobs(tiles: int) -> list[TileJob]:
    return plan_jobs([replace(TILE, id=f"{number}.jp2") for number in range(tiles)], **SETTINGS)


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


def test_a_run_that_fits_is_let_through() -> None:
    """Exactly the cap is not beyond it."""
    Estimate(10, 240.0).check(240)


def test_a_run_that_would_outlive_its_endpoint_is_refused() -> None:
    """Before anything costs money, with the figures and what can be changed."""
    with pytest.raises(
        UnusableArgument, match=r"12,000 tiles need the endpoint for about 340 minutes.*\(240\): raise it"
    ):
        estimate(12_000).check(240)
