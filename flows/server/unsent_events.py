"""What a process still has to tell the Prefect API when its run ends.

Prefect sends events and log lines in the background, and what is left at the very end of the process. Where the API is
gone by then, it tries each for ten seconds and more: a run of some hundred tiles would not end within the hour.
"""

import time
from concurrent.futures import wait
from typing import Any

SEND_SECONDS = 60.0
# An API that takes so few in so long is taken to be gone: one that answers takes hundreds, and what nobody takes goes
# from the queue, too, when its attempts are used up.
STALLED_SECONDS, STALLED_ITEMS = 5.0, 10


def send_or_drop(stalled_seconds: float = STALLED_SECONDS) -> None:
    """Let Prefect's background senders end: with all sent, or with what nobody takes dropped.

    Args:
        stalled_seconds: After how long it is looked whether enough was taken.
    """
    from prefect.events.worker import EventsWorker  # noqa: PLC0415 - takes a second, and the run has imported it

    from tasks.runtime.prefect_internals import background_senders, drop_unsent, unsent  # noqa: PLC0415 - as above

    senders, deadline, taken = background_senders(), time.monotonic() + SEND_SECONDS, STALLED_ITEMS
    try:
        drained: Any = EventsWorker.drain_all(timeout=0)  # senders of all kinds; they end on their own from here on
        sending = drained[1]
        while sending and time.monotonic() < deadline and taken >= STALLED_ITEMS:
            left = unsent(senders)
            sending = wait(sending, timeout=stalled_seconds).not_done
            taken = left - unsent(senders)
    finally:  # also when a second Ctrl-C cuts the wait short
        drop_unsent(senders)
