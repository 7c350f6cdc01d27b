"""What a run ends as: nothing that failed looks green, nor is it repeated in vain."""

from collections.abc import Mapping, Sequence
from typing import Any

from prefect import State
from prefect.states import Completed, Failed

from flows.run.review_form import Decision
from tasks.core.errors import UnusableArgument
from tasks.core.reports.run_json import frame_hash, software_versions
from tasks.core.states import ENDPOINT_LEFT, NO_PRODUCT, REJECTED, SOME_FAILED, TOO_MANY
from tasks.core.text import enumerated
from tasks.core.tiles.ledger import Ledger
from tasks.core.tiles.tile import Tile


def final_state(
    ledger: Ledger, *, failure_tolerance: float, endpoint_left: Sequence[str], decision: Decision | None
) -> State[Any]:
    """Completed where every tile is done, or no more failed than is tolerated; what failed is said in the name.

    Args:
        ledger: What became of each tile.
        failure_tolerance: Share of tiles that may fail.
        endpoint_left: What could not be deleted, in words.
        decision: A person's, where one was asked.
    """
    total, failed, dropped = len(ledger.accounts), len(ledger.failed), len(ledger.dropped)
    message = f"{total - failed - dropped} of {total} tiles done, {failed} failed"
    message += f" ({enumerated(account.job.tile.id for account in ledger.failed)})" if failed else ""
    message += f", {dropped} dropped in review" if dropped else ""
    if endpoint_left:
        left = "; ".join(endpoint_left)
        return Failed(name=ENDPOINT_LEFT, message=f"{message}; the sweep must still delete: {left}")
    if decision is not None and not decision.accepted:
        return Failed(name=REJECTED, message=f"rejected in review: {decision.reason}")
    if not failed:
        return Completed(message=message)
    if not ledger.standing:
        return Failed(name=NO_PRODUCT, message=f"{message}; the first: {ledger.failed[0].error}")
    if failed / total <= failure_tolerance:  # 29 / 100 is the float 0.29, and 0.29 * 100 is less than 29
        return Completed(name=SOME_FAILED, message=message)
    return Failed(name=TOO_MANY, message=message)


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
