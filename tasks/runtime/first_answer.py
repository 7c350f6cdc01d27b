"""The first answer of an endpoint decides: a model that answers in the wrong format is not paid for every tile.

The first tile goes alone. Once an answer is accepted, all others follow. Where the first takes long, is tried again or
fails for another reason, which says nothing of the model, as many others follow as the endpoint serves at once. A wrong
format then ends the stage as soon as those in flight have ended without an accepted answer.
"""

from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from prefect.futures import PrefectFuture

from tasks.core.errors import WrongMaskFormat
from tasks.core.tiles.jobs import TileJob

# A tile takes some seconds; one that is tried again, with pauses in between, should not hold the others up.
ALONE_SECONDS = 10.0

Futures = dict[PrefectFuture[Any], TileJob]


def until_accepted(
    unasked: deque[TileJob],
    submit: Callable[[TileJob], PrefectFuture[Any]],
    note: Callable[[PrefectFuture[Any], TileJob], BaseException | None],
    at_once: int,
    alone_seconds: float,
) -> tuple[Futures, WrongMaskFormat | None]:
    """Ask for few tiles until one is answered well.

    Args:
        unasked: Tiles to ask for; those that were are taken from it.
        submit: Starts the task of a tile.
        note: Takes the future of a task that has ended; returns why it failed, None where it did not.
        at_once: Tiles in flight at most.
        alone_seconds: How long the first tile is waited for before others follow.

    Returns:
        What is still in flight, and the first error of a wrong format, None where the others are to be asked for.
    """
    ended: SimpleQueue[PrefectFuture[Any]] = SimpleQueue()
    pending: Futures = {}
    wrong: WrongMaskFormat | None = None
    room = 1
    while pending or (unasked and wrong is None):
        while unasked and wrong is None and len(pending) < room:
            job = unasked.popleft()
            future = submit(job)
            pending[future] = job
            future.add_done_callback(ended.put)
        future_ended = _next(ended, alone_seconds if room == 1 else None)
        room = at_once
        if future_ended is None:
            continue
        error = note(future_ended, pending.pop(future_ended))
        if error is None:
            return pending, None
        if wrong is None and isinstance(error, WrongMaskFormat):
            wrong = error
    return pending, wrong


def _next(ended: SimpleQueue[PrefectFuture[Any]], seconds: float | None) -> PrefectFuture[Any] | None:
    try:
        return ended.get(timeout=seconds)
    except Empty:
        return None
