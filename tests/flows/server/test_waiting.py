"""How long is waited for what may never come."""

import pytest

from flows.server.waiting import wait_for_all


class Clock:
    """A clock that goes forward when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let them pass."""
        self.now += seconds


@pytest.mark.parametrize(
    ("counts", "left", "waited"),
    [
        ([0], 0, 0.0),
        ([3, 2, 1, 0], 0, 3.0),
        ([3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 0], 2, 11.0),
        (range(200, 100, -1), 140, 60.0),
        ([5, -1], 0, 1.0),
    ],
)
def test_waiting_ends_with_the_last_or_when_nothing_more_comes(counts: list[int], left: int, waited: float) -> None:
    """What will never come costs the time in which something would have; what comes slowly is waited for."""
    clock, told = Clock(), iter(counts)

    def missing() -> int:
        return next(told)

    start = clock.now
    found = wait_for_all(missing, seconds=60, stalled_seconds=10, poll_seconds=1, clock=clock, sleep=clock.sleep)
    assert (found, clock.now - start) == (left, waited)
