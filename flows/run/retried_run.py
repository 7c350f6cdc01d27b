"""A run that is retried: what failed for its frames would fail again with the same ones, and is refused at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.core.errors import UnusableArgument
from tasks.core.reports.run_json import frame_hash, software_versions
from tasks.core.states import NO_PRODUCT, TOO_MANY
from tasks.core.text import enumerated
from tasks.core.tiles.tile import Tile


def check_mended(before: Mapping[str, Any] | None, tiles: Sequence[Tile]) -> None:
    """Refuse to repeat a run of which nothing but unusable frames failed, and these are as they were.

    Args:
        before: What an earlier attempt of this run has kept of itself; None for the first.
        tiles: As they are listed this time.

    Raises:
        UnusableArgument: Nothing would be different.
    """
    if before is None or before.get("state") not in (TOO_MANY, NO_PRODUCT):
        return
    failed = [row for row in before["tiles"] if row["state"] == "failed"]
    frames = {(row["tile"], row["frame_hash"]) for row in before["tiles"]}
    is_same = frames == {(tile.id, frame_hash(tile)) for tile in tiles} and before["versions"] == software_versions()
    if is_same and all(row["unusable"] for row in failed):
        raise UnusableArgument(
            f"no frame was mended since this run failed ({enumerated(row['tile'] for row in failed)}): it would fail "
            "again. Put frames that can be used in their place and retry, or start a run with a `failure_tolerance`"
        )
