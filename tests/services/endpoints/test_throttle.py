"""The pace at which a service is asked that throttles."""

import random
from heapq import heappop, heappush

import pytest

from tasks.services.endpoints.sagemaker.throttle import SLOWEST_A_SECOND, Pace


class Time:
    """A clock that moves when told; what a pace would sleep is noted instead."""

    def __init__(self) -> None:
        self.now, self.slept = 100.0, 0.0

    def sleep(self, seconds: float) -> None:
        """Note how long."""
        self.slept = seconds

    def pace(self) -> Pace:
        """A pace by this clock."""
        return Pace(lambda: self.now, self.sleep)


def refused_after(time: Time, pace: Pace, taken: int, seconds: float) -> None:
    """So many requests in so many seconds, and one that is refused."""
    for _ in range(taken):
        time.now += seconds / taken
        pace.wait()
    pace.wait()
    pace.refused()


def test_without_refusals_nobody_waits() -> None:
    """A service that takes all is asked as fast as its places allow."""
    time = Time()
    pace = time.pace()
    for _ in range(100):
        pace.wait()
    assert (time.slept, pace.per_second()) == (0.0, None)


def test_a_refusal_brings_it_below_what_was_taken() -> None:
    """Ten a second were taken: less than that is asked from then on, and not much less."""
    time = Time()
    pace = time.pace()
    refused_after(time, pace, taken=100, seconds=10)
    rate = pace.per_second()
    assert rate is not None
    assert 8 < rate < 10


def test_requests_are_spread_over_time() -> None:
    """Threads that ask at once are sent one after the other, a pace apart."""
    time = Time()
    pace = time.pace()
    refused_after(time, pace, taken=100, seconds=10)
    waits = []
    for _ in range(3):
        pace.wait()
        waits.append(time.slept)
    rate = pace.per_second() or 0
    assert waits == pytest.approx([1 / rate, 2 / rate, 3 / rate])


def test_it_comes_back_and_goes_beyond() -> None:
    """What was scarce may have become plenty: within a minute it asks for twice as much."""
    time = Time()
    pace = time.pace()
    refused_after(time, pace, taken=100, seconds=10)
    time.now += 10
    close = pace.per_second() or 0
    time.now += 50
    beyond = pace.per_second() or 0
    assert 9.5 < close < 12
    assert beyond > 20


def test_refusals_of_the_former_pace_do_not_lower_it_again() -> None:
    """Eight threads are refused at once, for one reason."""
    time = Time()
    pace = time.pace()
    for _ in range(100):
        time.now += 0.1
        pace.wait()
    time.now += 0.01
    for _ in range(8):
        pace.refused()
    rate = pace.per_second() or 0
    assert rate > 7


def test_it_never_stops() -> None:
    """A service that refuses everything is still asked now and then."""
    time = Time()
    pace = time.pace()
    for _ in range(50):
        pace.wait()
        time.now += time.slept + 0.001
        pace.refused()
    assert SLOWEST_A_SECOND <= (pace.per_second() or 0) < 1


def simulated(per_second: float, in_flight: int, images: int = 200, seed: int = 1) -> tuple[float, float]:
    """Requests an image, and images a second, of a service with a token bucket of one second's requests."""
    time, rnd = Time(), random.Random(seed)
    pace = time.pace()
    events: list[tuple[float, int, str, float]] = []
    tokens, filled, start, requests, done, begun = per_second, time.now, time.now, 0, 0, 0

    def ask() -> None:
        time.slept = 0.0
        pace.wait()
        heappush(events, (time.now + time.slept, rnd.getrandbits(32), "send", 0.0))

    for _ in range(in_flight):
        begun += 1
        ask()
    while events:
        time.now, _, what, sent = heappop(events)
        if what == "send":
            requests += 1
            tokens = min(per_second, tokens + (time.now - filled) * per_second)
            filled, takes = time.now, tokens >= 1
            tokens -= takes
            delay = 0.03 + 0.02 * rnd.random() if takes else 0.01
            heappush(events, (time.now + delay, rnd.getrandbits(32), "served" if takes else "refused", time.now))
        elif what == "refused":
            pace._mine.sent = sent  # this event's thread
            pace.refused()
            heappush(events, (time.now + rnd.random(), rnd.getrandbits(32), "again", 0.0))
        elif what == "again":
            ask()
        else:
            done += 1
            if begun < images:
                begun += 1
                ask()
    return requests / images, done / (time.now - start)


@pytest.mark.parametrize("per_second", [2, 3, 5, 10, 20, 50])
@pytest.mark.parametrize("in_flight", [1, 2, 4, 8, 16])
def test_few_requests_are_refused_and_little_time_is_lost(per_second: float, in_flight: int) -> None:
    """Whatever the service takes: less than a fifth of the requests is spent on finding out how much that is."""
    requests_an_image, images_a_second = simulated(per_second, in_flight)
    assert requests_an_image < 1.2
    assert images_a_second > 0.6 * min(per_second, in_flight / 0.05)
