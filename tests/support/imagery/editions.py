"""What products of tests say of themselves."""

from datetime import UTC, datetime

from tasks.core.product.edition import Edition, Event
from tasks.core.reports.editions import sources_of
from tasks.core.tiles.ledger import Ledger

MADE = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def of_ledger(ledger: Ledger) -> Edition:
    """An edition of these tiles, of an event without a name."""
    return Edition("town", "/data/town", Event(), sources_of(ledger.accounts), "run", "model", MADE)
