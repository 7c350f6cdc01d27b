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
