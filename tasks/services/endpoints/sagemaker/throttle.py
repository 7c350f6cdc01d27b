"""How fast to ask a service that throttles: as fast as it lets, found with few requests that are refused.

Botocore's adaptive mode does the same with a cubic curve, and was measured to spend 1.20 to 1.22 requests an image on
an endpoint that serves three a second. Here the pace drops below what the service was seen to take, comes back close to
it within seconds, and then rises, slowly at first, for what was scarce may have become plenty.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from tasks.services.endpoints.sagemaker.aws_errors import THROTTLED

# Over which is counted what the service took.
WINDOW_SECONDS, SHORTEST_SECONDS = 10.0, 1.0
# After a refusal: so much of what was taken, and of the pace at which it was refused at least.
BELOW_TAKEN, LOWEST_SHARE = 0.85, 0.5
# The way back: to this share of what was taken, in about so many seconds; beyond by a share a second, by a share a
# second squared, and by requests a second and second cubed, which outruns an estimate that was far too low.
CLOSE, BACK_SECONDS = 0.97, 3.0
RISE, FASTER, FASTEST = 0.005, 0.0005, 0.00003
# A first refusal, before anything was taken, says little: not to start lower than this.
FIRST_A_SECOND, SLOWEST_A_SECOND = 1.0, 0.25


class Pace:
    """A moment for each request to a service, of all threads together; without limit until the first refusal."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._mine = threading.local()
        self._began: float | None = None
        self._sent: deque[float] = deque()
        self._refused: deque[float] = deque()
        self._limit: float | None = None
        self._taken = self._limited_at = self._next = 0.0

    def attach(self, client: Any) -> None:
        """Give a boto3 client this pace: each attempt of each call waits for its moment."""
        client.meta.events.register("before-send", lambda **_: self.wait())
        client.meta.events.register("needs-retry", self._answered)

    def per_second(self) -> float | None:
        """Requests a second at this moment; None where there is no limit."""
        if self._limit is None:
            return None
        since = self._clock() - self._limited_at
        close = max(self._limit, CLOSE * self._taken)
        back = close - (close - self._limit) * math.exp(-since / BACK_SECONDS)
        return back + close * (RISE * since + FASTER * since**2) + FASTEST * since**3

    def wait(self) -> None:
        """Return when this thread's next request may be sent."""
        with self._lock:
            now, rate = self._clock(), self.per_second()
            at = now if rate is None else max(now, self._next)
            self._next = at if rate is None else at + 1 / rate
            self._began = now if self._began is None else self._began
            self._sent.append(at)
        self._mine.sent = at
        if at > now:
            self._sleep(at - now)

    def refused(self) -> None:
        """The service has throttled this thread's request."""
        with self._lock:
            now, rate = self._clock(), self.per_second()
            self._refused.append(self._mine.sent)
            taken = self._taken_a_second(now)
            if rate is not None and self._mine.sent < self._limited_at:
                # Sent before the pace was lowered, it only makes the estimate better that was made then.
                self._taken = max(SLOWEST_A_SECOND, min(self._taken, taken))
                self._limit = max(SLOWEST_A_SECOND, min(rate, max(self._limit or 0.0, BELOW_TAKEN * self._taken)))
                return
            lowest = FIRST_A_SECOND if rate is None else max(SLOWEST_A_SECOND, LOWEST_SHARE * rate)
            taken = taken if rate is None else min(rate, taken)
            self._limit = max(lowest, BELOW_TAKEN * taken)
            self._taken = max(self._limit, taken)
            self._limited_at, self._next = now, max(self._next, now + 1 / self._limit)

    def _taken_a_second(self, now: float) -> float:
        """Requests a second that were sent lately and not refused; those under way count as taken."""
        for times in (self._sent, self._refused):
            while times and times[0] < now - WINDOW_SECONDS:
                times.popleft()
        taken = sum(at <= now for at in self._sent) - len(self._refused)
        began = now if self._began is None else self._began
        return taken / min(WINDOW_SECONDS, max(SHORTEST_SECONDS, now - began))

    def _answered(self, response: tuple[Any, dict[str, Any]] | None, **_: Any) -> None:
        """Botocore's event ``needs-retry``; a request that was not answered says nothing."""
        if response is not None and response[1].get("Error", {}).get("Code", "") in THROTTLED:
            self.refused()
