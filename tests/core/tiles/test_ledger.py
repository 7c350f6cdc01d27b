"""The ledger loses no tile."""

from tile_jobs import planned

from tasks.core.geo.grid import Grid
from tasks.core.tiles.ledger import Ledger
from tasks.core.tiles.tile import Tile

GRID = Grid(10, 10, (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), "EPSG:7855")


def ledger_of(*names: str) -> Ledger:
    tiles = [Tile(name, f"/{name}", 1, name, grid=GRID) for name in names]
    return Ledger(planned(tiles, width_px=16))


def test_a_failed_tile_leaves_the_next_stage_and_stays_in_the_accounts() -> None:
    """A tile that fails costs itself alone, and is reported with stage, error and time."""
    ledger = ledger_of("a.jp2", "b.jp2")
    bad, good = ledger.standing
    ledger.fail(bad, "prepare", "cut short", seconds=2.0)
    ledger.done(good, "prepare", seconds=1.0, warnings=["padding"])
    assert ledger.standing == [good]
    assert [(account.state, account.error) for account in ledger.accounts] == [("failed", "cut short"), ("done", None)]
    assert ledger.failed[0].seconds == {"prepare": 2.0}


def test_a_remembered_stage_takes_no_time() -> None:
    """The seconds of an earlier run are not counted again."""
    ledger = ledger_of("a.jp2")
    ledger.done(ledger.standing[0], "predict", seconds=9.0, cached=True)
    account = ledger.accounts[0]
    assert account.seconds == {"predict": 0.0}
    assert account.cached == ["predict"]


def test_what_another_run_has_noted_is_taken_over() -> None:
    """A block's run hands back its tiles: nothing that was known of them before is lost, or counted twice."""
    ledger, theirs = ledger_of("a.jp2", "b.jp2"), ledger_of("a.jp2")
    mine = ledger.standing[0]
    ledger.done(mine, "prepare", seconds=3.0, warnings=["padding"])
    ledger.warn("a.jp2", "its CRS was assigned")
    job = theirs.standing[0]
    theirs.done(job, "prepare", seconds=0.0, cached=True, warnings=["padding"])
    theirs.done(job, "predict", seconds=2.0)
    theirs.fail(job, "extract", "no mask", seconds=1.0, task_run="t")
    ledger.enter(theirs.accounts[0], mine)
    account = ledger.accounts[0]
    assert account.job is mine
    assert account.seconds == {"prepare": 3.0, "predict": 2.0, "extract": 1.0}
    assert account.cached == []  # this campaign has prepared it, in another run
    assert account.warnings == ["padding", "its CRS was assigned"]
    assert (account.stage, account.error, account.task_run) == ("extract", "no mask", "t")
    assert [each.job.tile.id for each in ledger.accounts] == ["a.jp2", "b.jp2"]


def test_what_was_cached_for_a_block_stays_so() -> None:
    """An answer of an earlier run is reported as such."""
    ledger, theirs = ledger_of("a.jp2"), ledger_of("a.jp2")
    theirs.done(theirs.standing[0], "prepare", seconds=0.0, cached=True)
    ledger.enter(theirs.accounts[0], ledger.standing[0])
    assert ledger.accounts[0].cached == ["prepare"]
