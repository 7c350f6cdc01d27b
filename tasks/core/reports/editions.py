"""The frames of a run as the sources of its product."""

from collections.abc import Iterable

from tasks.core.product.edition import CaptureTime, Origin, Phase, Source
from tasks.core.product.sources import ground_sample_m
from tasks.core.tiles.ledger import Account


def sources_of(accounts: Iterable[Account], given: CaptureTime | None = None) -> tuple[Source, ...]:
    """A source a tile, in the order of their ids.

    Args:
        accounts: What became of each tile.
        given: When all frames were taken, where a person has said so; else their metadata, then their names say it.
    """
    in_order = sorted(accounts, key=lambda account: account.job.tile.id)
    return tuple(_source(number, account, given) for number, account in enumerate(in_order, 1))


def _source(number: int, account: Account, given: CaptureTime | None) -> Source:
    tile = account.job.tile
    captured = given or CaptureTime.in_text(tile.captured or "", Origin.METADATA)
    captured = captured or CaptureTime.in_text(tile.id, Origin.NAME)
    gsd_m = None if tile.grid is None else ground_sample_m(tile.grid)
    phase = Phase.POST_EVENT
    return Source(number, tile.id, tile.uri, tile.content_hash, captured, gsd_m, tile.sensor, phase, account.state)
