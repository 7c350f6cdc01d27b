"""Watches how many instances an endpoint has, while AWS or its owner may change that."""

import threading
import time
from collections.abc import Callable
from contextvars import copy_context

from tasks.core.errors import EndpointRefused, EndpointUnavailable
from tasks.services.endpoints.contract import Instances

POLL_SECONDS = 10.0


class InstanceWatch:
    """Looks now and then, in a thread of its own: nobody who asks waits for AWS.

    A look that fails changes nothing: what was seen last holds.

    Args:
        look: What the endpoint has now; None where it is gone.
        first: Instances that it was created with.
        seconds: Between two looks.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        look: Callable[[], Instances | None],
        first: int,
        seconds: float = POLL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look, self._seconds, self._clock = look, seconds, clock
        self._serving = first
        self._seen = [(clock(), first)]
        self._over = threading.Event()

    def begin(self) -> None:
        """Look from now on, until ``end``."""
        context = copy_context()
        threading.Thread(target=context.run, args=(self._watch,), name="instance-watch", daemon=True).start()

    def end(self) -> None:
        """Look no more; safe to repeat."""
        self._over.set()

    @property
    def serving(self) -> int:
        """Instances that answered when it looked last."""
        return self._serving

    @property
    def most(self) -> int:
        """The most that were seen at a time, those that were coming up included."""
        return max(count for _, count in self._seen)

    def instance_minutes(self, before: float, after: float) -> float:
        """Minutes of all instances together, at most: between two looks, the higher number counts.

        Args:
            before: Minutes for which it had its first instances before this watch was made.
            after: Minutes from then until it was gone.
        """
        start, first = self._seen[0]
        total = first * before
        moments = [*((at - start) / 60 for at, _ in self._seen), max(after, (self._seen[-1][0] - start) / 60)]
        counts = [count for _, count in self._seen]
        for begun, ended, here, there in zip(moments[:-1], moments[1:], counts, [*counts[1:], counts[-1]], strict=True):
            total += (ended - begun) * max(here, there)
        return total

    def _watch(self) -> None:
        while not self._over.wait(self._seconds):
            self.note()

    def note(self) -> None:
        """One look."""
        try:
            found = self._look()
        except (EndpointRefused, EndpointUnavailable):
            return
        if found is None or self._over.is_set():
            return
        self._serving = found.serving or self._serving
        self._seen.append((self._clock(), found.billed or self._seen[-1][1]))
