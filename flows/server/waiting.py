"""Waiting for something that may never come, by a clock that nobody sets."""

import time
from collections.abc import Callable


def wait_for_all(
    missing: Callable[[], int],
    *,
    seconds: float,
    stalled_seconds: float,
    poll_seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Wait until nothing is missing.

    Args:
        missing: How many things are.
        seconds: For which to wait at most.
        stalled_seconds: After which to give up where nothing more has come.
        poll_seconds: Between two looks.
        clock: Seconds that only go forward.
        sleep: Lets seconds pass.

    Returns:
        How many are missing at the end.
    """
    start = progress = clock()
    left = missing()
    while left > 0 and clock() - start < seconds and clock() - progress < stalled_seconds:
        sleep(poll_seconds)
        now_left = missing()
        if now_left < left:
            left, progress = now_left, clock()
    return max(0, left)
