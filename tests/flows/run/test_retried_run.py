"""A run that somebody retries without having mended anything."""

import re
from typing import Any

import pytest

from flows.run.final_state import check_mended
from tasks.core.errors import UnusableArgument
from tasks.core.reports.run_json import frame_hash, software_versions
from tasks.core.tiles.tile import Tile

TILES = [Tile(f"{name}.jp2", f"/frames/{name}.jp2", 1, f"hash of {name}", problem="cut short") for name in "ab"]


def record(**values: Any) -> dict[str, Any]:
    rows = [
        {"tile": tile.id, "frame_hash": frame_hash(tile), "state": state, "unusable": state == "failed"}
        for tile, state in zip(TILES, ("failed", "done"), strict=True)
    ]
    return {"state": "TooManyTileFailures", "tiles": rows, "versions": software_versions(), **values}


def test_with_the_same_frames_it_is_refused() -> None:
    """By the names of those that failed, and with what helps."""
    words = re.escape("no frame was mended since this run failed (a.jp2): it would fail again. Put frames that can be")
    with pytest.raises(UnusableArgument, match=words):
        check_mended(record(), TILES)


@pytest.mark.parametrize(
    ("before", "tiles"),
    [
        (None, TILES),
        (record(state="EndpointNotDeleted"), TILES),
        (record(versions={}), TILES),
        (record(tiles=[{**row, "unusable": False} for row in record()["tiles"]]), TILES),
        (record(), TILES[:1]),
        (record(), [Tile("a.jp2", "/frames/a.jp2", 1, "hash of a", problem="another"), TILES[1]]),
        (record(), [TILES[0], Tile("b.jp2", "/frames/b.jp2", 1, "another hash", problem="cut short")]),
    ],
    ids=["first", "other state", "other version", "other failure", "tile gone", "sidecar mended", "tile replaced"],
)
def test_where_something_may_be_different_it_goes_on(before: dict[str, Any] | None, tiles: list[Tile]) -> None:
    """A frame or the program has changed, or something failed that may succeed now."""
    check_mended(before, tiles)
