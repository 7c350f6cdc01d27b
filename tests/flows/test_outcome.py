"""What a run ends as, and what it keeps while a person decides."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from flows.findings import Findings, forget
from flows.outcome import final_state
from flows.review import Decision
from tasks.core.jobs import plan_jobs
from tasks.core.ledger import Ledger
from tasks.core.records import Grid, Tile

GRID = Grid(10, 10, (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), "EPSG:7855")
REJECTION = Decision(accepted=False, reason="glare", dropped=(), min_contour_size=25.0)


def ledger(failed: int = 0, dropped: int = 0, total: int = 10) -> Ledger:
    tiles = [Tile(f"{number}.jp2", f"/frames/{number}.jp2", 1, "hash", grid=GRID) for number in range(total)]
    jobs = plan_jobs(
        tiles, width_px=10, model_identity="m", flood_labels=[1, 2], max_pixels=100, work_directory="/work"
    )
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
    kept = Findings(ledger(2, 1), datetime(2026, 1, 1, tzinfo=UTC), {"kind": "local", "name": None}, "m", "review-1")
    kept.keep(work, run)
    found = Findings.of(work, run)
    assert found is not None
    assert found.ledger.to_list() == kept.ledger.to_list()
    assert (found.started, found.endpoint, found.question) == (kept.started, kept.endpoint, kept.question)
    forget(work, run)
    assert Findings.of(work, run) is None
