"""One stage over several tiles, against a real Prefect server."""

from pathlib import Path
from typing import Any

import pytest
from prefect import Task, flow
from prefect.runtime import task_run
from prefect.states import Crashed
from prefect.task_runners import ThreadPoolTaskRunner

from tasks.core.errors import CutShort
from tasks.core.jobs import TileJob, plan_jobs
from tasks.core.ledger import Ledger
from tasks.core.records import Grid, Tile
from tasks.policies import tile_task
from tasks.stages import note, run_stage

GRID = Grid(64, 64, (1.0, 0.0, 500_000.0, 0.0, -1.0, 6_000_000.0), "EPSG:7855")
BOTH_RUNNERS = pytest.mark.parametrize("at_once", [0, 2], ids=["the flow's runner", "a runner of its own"])


@pytest.fixture
def jobs(tmp_path: Path) -> list[TileJob]:
    """Two tiles, whose results are kept in a folder of the test."""
    tiles = [Tile(f"{name}.jp2", f"/data/{name}.jp2", 12, f"hash of {name}", (), 3, GRID) for name in "ab"]
    settings: dict[str, Any] = {"width_px": 64, "max_pixels": 10**6, "model_identity": "m", "flood_labels": [1, 2]}
    return plan_jobs(tiles, work_directory=str(tmp_path), **settings)


def noting(seen: dict[str, Any], *, failing: str = "") -> Task[Any, dict[str, Any]]:
    """A stage that notes the job of each task run by the run's name; that of the tile ``failing`` fails."""

    @tile_task("prepare")
    def prepare(job: dict[str, Any]) -> dict[str, Any]:
        seen[str(task_run.get_name())] = job
        if job["name"] == failing:
            raise CutShort("cut short. Fetch it again")
        return {"seconds": 1.5, "warnings": ["hazy"]}

    return prepare


def ledger_of(stage: Task[Any, dict[str, Any]], jobs: list[TileJob], at_once: int = 0, missing: str = "") -> Ledger:
    """What became of the tiles in a run of the stage; the file of the tile ``missing`` is not there."""
    ledger = Ledger(jobs)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2), persist_result=False)
    def one_stage() -> None:
        run_stage(stage, jobs, ledger, is_missing=lambda job: job.name == missing, at_once=at_once)

    one_stage()
    return ledger


@BOTH_RUNNERS
@pytest.mark.usefixtures("prefect_api")
def test_each_tile_has_a_task_run_with_its_job(jobs: list[TileJob], at_once: int) -> None:
    """The task run is named after stage and tile, and the job arrives as plain values."""
    seen: dict[str, Any] = {}
    ledger_of(noting(seen), jobs, at_once)
    assert seen == {f"prepare {job.name}": job.to_dict() for job in jobs}


@BOTH_RUNNERS
@pytest.mark.usefixtures("prefect_api")
def test_the_ledger_has_what_became_of_each_tile(jobs: list[TileJob], at_once: int) -> None:
    """Seconds and warnings of a tile that answered; of the other why it did not, in words."""
    bad, good = ledger_of(noting({}, failing="a"), jobs, at_once).accounts
    assert (good.state, good.seconds, good.warnings, good.cached) == ("done", {"prepare": 1.5}, ["hazy"], [])
    assert (bad.state, bad.stage, bad.error) == ("failed", "prepare", "cut short. Fetch it again")


@pytest.mark.usefixtures("prefect_api")
def test_a_remembered_tile_is_cached_and_one_whose_file_is_gone_is_not(jobs: list[TileJob]) -> None:
    """A second run takes what the first has answered, with its warnings, unless the files are missing."""
    ledger_of(noting({}), jobs)
    again: dict[str, Any] = {}
    taken, renewed = ledger_of(noting(again), jobs, missing="b").accounts
    assert (taken.cached, taken.warnings, renewed.cached) == (["prepare"], ["hazy"], [])
    assert list(again) == ["prepare b"]


def test_a_task_that_crashed_has_its_states_words(jobs: list[TileJob]) -> None:
    """Where no error came back, the account says what the state says."""
    ledger = Ledger(jobs)
    assert not note(ledger, jobs[0], "predict", Crashed(message="its process is gone"))
    assert "its process is gone" in str(ledger.failed[0].error)
