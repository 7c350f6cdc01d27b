"""What a process still has to tell the Prefect API when its run ends.

Prefect sends events and log lines in the background, and what is left at the very end of the process. Where the API is
gone by then, it tries each for ten seconds and more: a run of some hundred tiles would not end within the hour.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from typing import Any

SEND_SECONDS = 60.0
# An API that takes so few in so long is taken to be gone: one that answers takes hundreds, and what nobody takes goes
# from the queue, too, when its attempts are used up.
STALLED_SECONDS, STALLED_ITEMS = 5.0, 10


@contextmanager
def sent_at_the_end() -> Iterator[None]:
    """When the block ends, however it does: send what is left, and drop what nobody takes."""
    try:
        yield
    finally:
        from prefect.events.worker import EventsWorker  # noqa: PLC0415 - takes a second, and the run has imported it

        # Prefect has no public way to them; its senders of every kind are in one table.
        table: dict[int, Any] = EventsWorker._instances  # type: ignore[misc] # noqa: SLF001
        send_or_drop(list(table.values()))


def send_or_drop(senders: Sequence[Any], stalled_seconds: float = STALLED_SECONDS) -> None:
    """Let Prefect's background senders end: with all sent, or with what nobody takes dropped.

    Args:
        senders: Prefect's queue services, running.
        stalled_seconds: After how long it is looked whether enough was taken.
    """
    try:
        _send(senders, stalled_seconds)
    finally:  # also when a second Ctrl-C cuts the wait short
        for sender in senders:
            _drop(sender)


def _send(senders: Sequence[Any], stalled_seconds: float) -> None:
    sending: set[Future[bool]] = {sender._drain(at_exit=True) for sender in senders}  # noqa: SLF001
    deadline, taken = time.monotonic() + SEND_SECONDS, STALLED_ITEMS
    while sending and time.monotonic() < deadline and taken >= STALLED_ITEMS:
        left = _waiting(senders)
        sending = wait(sending, timeout=stalled_seconds).not_done
        taken = left - _waiting(senders)


def _waiting(senders: Sequence[Any]) -> int:
    return sum(sender._queue.qsize() for sender in senders)  # noqa: SLF001


def _drop(sender: Any) -> None:
    with sender._queue.mutex:  # noqa: SLF001
        sender._queue.queue.clear()  # noqa: SLF001
    sender._queue.put_nowait(None)  # noqa: SLF001 - its sign to end
