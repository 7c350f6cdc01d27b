"""What a run ends as, and what it keeps while a person decides."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from edits import edits
from prefect.logging import disable_run_logger
from tile_jobs import planned

from flows.run.final_state import final_state
from flows.run.review_form import Decision
from flows.run.suspension import SuspendedRun, forget
from tasks.core.errors import UnusableArgument
from tasks.core.geo.grid import Grid
from tasks.core.models.nir_threshold import Threshold
from tasks.core.tiles.ledger import Ledger
from tasks.core.tiles.tile import Tile
from tasks.product import clean_up
from tasks.services.work_directory import run_records

GRID = Grid(10, 10, (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), "EPSG:7855")
REJECTION = Decision(accepted=False, reason="glare", dropped=(), min_contour_size=25.0)


def ledger(failed: int = 0, dropped: int = 0, total: int = 10, work: str = "/work") -> Ledger:
    tiles = [Tile(f"{number}.jp2", f"/frames/{number}.jp2", 1, "hash", grid=GRID) for number in range(total)]
    jobs = planned(tiles, width_px=10, max_pixels=100, work_directory=work)
    made = Ledger(jobs)
    for job in jobs[:failed]:
        made.fail(job, "prepare", "cut short", seconds=0.5)
    for job in jobs[failed : failed + dropped]:
        made.drop(job.tile.id, "dropped in review: glare")
    return made


@pytest.mark.parametrize(
    ("failed", "dropped", "tolerance", "left", "decision", "state"),
    [
        (0, 0, 0.0, (), None, ("COMPLETED", "Completed")),
        (0, 3, 0.0, (), None, ("COMPLETED", "Completed")),
        (2, 0, 0.2, (), None, ("COMPLETED", "CompletedWithFailures")),
        (3, 0, 0.2, (), None, ("FAILED", "TooManyTileFailures")),
        (10, 0, 1.0, (), None, ("FAILED", "NoProduct")),
        (4, 6, 1.0, (), None, ("FAILED", "NoProduct")),
        (0, 0, 0.0, ("endpoint",), None, ("FAILED", "EndpointNotDeleted")),
        (0, 0, 0.0, (), REJECTION, ("FAILED", "Rejected")),
    ],
)
def test_nothing_that_failed_looks_green(
    failed: int,
    dropped: int,
    tolerance: float,
    left: tuple[str, ...],
    decision: Decision | None,
    state: tuple[str, str],
) -> None:
    """What a person drops has not failed; what failed beyond the tolerance, or is left on the bill, is red."""
    ended = final_state(ledger(failed, dropped), failure_tolerance=tolerance, endpoint_left=left, decision=decision)
    assert (ended.type.value, ended.name) == state


@pytest.mark.parametrize("failed", range(1, 100))
def test_a_share_that_is_reached_is_tolerated(failed: int) -> None:
    """A share given in per cent tolerates just so many of a hundred tiles, whatever binary fractions make of it."""
    made, share = ledger(failed, total=100), float(f"0.{failed:02}")
    ended = final_state(made, failure_tolerance=share, endpoint_left=(), decision=None)
    less = final_state(made, failure_tolerance=share - 0.01, endpoint_left=(), decision=None)
    assert (ended.name, less.name) == ("CompletedWithFailures", "TooManyTileFailures")


def test_findings_come_back_as_they_were(tmp_path: Path) -> None:
    """The process that goes on after a review knows all that the first one found; once it has ended, nothing stays."""
    run, work = uuid4(), str(tmp_path)
    kept = suspended(ledger(2, 1, work=work))
    kept.keep(work, run)
    assert SuspendedRun.of(work, run) == kept
    forget(work, run)
    assert SuspendedRun.of(work, run) is None


def suspended(found: Ledger) -> SuspendedRun:
    values: dict[str, Any] = {
        "ledger": found.accounts,
        "started": datetime(2026, 1, 1, tzinfo=UTC),
        "question": "review-1",
    }
    values["to_check"] = ("2 places to check",)
    values |= {"calibration": (Threshold(64, ("a.jp2",), 24, 183, (41, 100)), Threshold(80, problem="no water"))}
    return SuspendedRun.model_validate({**values, "endpoint": {"kind": "local", "name": None}, "model_identity": "m"})


def keep_edited(work: Path, run: UUID, **job: str) -> None:
    """SuspendedRun of a tile, whose record somebody has changed."""
    suspended(ledger(total=1, work=str(work))).keep(str(work), run)
    uri = Path(run_records.findings_uri(str(work), run))
    values = json.loads(uri.read_bytes())
    values["ledger"][0]["job"] |= job
    uri.write_text(json.dumps(values))


def test_a_record_of_a_review_leads_nowhere_else(tmp_path: Path) -> None:
    """Another work directory in it is not believed: what is cleaned up after the review lies in the run's own."""
    run, elsewhere = uuid4(), tmp_path / "elsewhere"
    keep_edited(tmp_path / "work", run, work_directory=str(elsewhere))
    found = SuspendedRun.of(str(tmp_path / "work"), run)
    assert found is not None
    victims = [elsewhere / "scratch" / f"{job.prepare_key}.jpg" for job in (account.job for account in found.ledger)]
    for victim in victims:
        victim.parent.mkdir(parents=True, exist_ok=True)
        victim.write_text("mine")
    with disable_run_logger():
        assert clean_up.fn([account.job for account in found.ledger]) == 0
    assert all(victim.exists() for victim in victims)


@pytest.mark.parametrize("key", ["../../../elsewhere/photo", "/etc/passwd", "", "0" * 63, "0" * 64 + "\n"])
def test_a_record_of_a_review_names_files_by_their_keys_alone(tmp_path: Path, key: str) -> None:
    """What is no key of the cache is an error with the file's name, and no path."""
    run = uuid4()
    keep_edited(tmp_path, run, prepare_key=key)
    with pytest.raises(UnusableArgument, match=f"{run}.json: not what a run keeps"):
        SuspendedRun.of(str(tmp_path), run)


def test_no_edit_of_a_reviews_record_is_a_fault_of_the_program(tmp_path: Path) -> None:
    """Whatever somebody has made of it: it is taken in the run's own directory, or refused in a sentence."""
    run, work = uuid4(), tmp_path / "work"
    keep_edited(work, run)
    uri = Path(run_records.findings_uri(str(work), run))
    for _, edited in edits(json.loads(uri.read_bytes())):
        uri.write_text(json.dumps(edited))
        try:
            found = SuspendedRun.of(str(work), run)
        except UnusableArgument:
            continue
        assert found is not None
        assert all(job.jpegs_uri.startswith(f"{work}/scratch/") for job in (account.job for account in found.ledger))
        assert all("/" not in job.prepare_key for job in (account.job for account in found.ledger))


def test_the_state_names_what_failed() -> None:
    """The list of runs shows the message: a few tiles by name, and how many more."""
    ended = final_state(ledger(5), failure_tolerance=0.0, endpoint_left=(), decision=None)
    assert ended.message == "5 of 10 tiles done, 5 failed (0.jp2, 1.jp2, 2.jp2 and 2 more)"
