"""Asking a server again that is busy: when it says so, as long as there is patience, and no more at once than it takes.

Busy is who answers 503 or 429 with ``Retry-After`` (RFC 9110, 10.2.3). That is no failed try: what was asked is asked
again. How many requests of this process are under way at one server follows its answers: each refusal takes the number
down to what was taken, each window of answers lets one more go (additive increase, as in RFC 5681). The oldest goes
first, so that none is overtaken for ever.
"""

import heapq
import itertools
import math
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TypeVar

from tasks.core.errors import EndpointRefused, EndpointUnavailable

# How soon who waits for others of this process notices that the endpoint is not asked any more.
POLL_SECONDS = 0.25
SECONDS_DIGITS = 9

Answer = TypeVar("Answer")


class Busy(EndpointUnavailable):
    """The server has too much to do, and says when it may be asked again.

    Attributes:
        retry_after_s: In how many seconds.
    """

    def __init__(self, text: str, retry_after_s: float) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a busy server is asked again.

    Attributes:
        total_seconds: From the first refusal of a request. As long as the five images of a minute each that it may have
            before ours, by the time that SageMaker gives one.
        longest_seconds: Of one pause, whatever the server says.
        spread: A pause is longer than the server says by up to this share, so that not all come back at once.
    """

    total_seconds: float = 300.0
    longest_seconds: float = 60.0
    spread: float = 0.25

    def pause_s(self, retry_after_s: float) -> float:
        """Until it is asked again, in seconds."""
        spread_s = self.spread * random.random() * max(retry_after_s, 1.0)  # noqa: S311 - no secret
        return min(self.longest_seconds, retry_after_s + spread_s)


PATIENCE = Patience()


def seconds_of(retry_after: str, now: datetime) -> float | None:
    """What a header ``Retry-After`` says: whole seconds, or the time until an HTTP date; None where it says neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit() and len(text) <= SECONDS_DIGITS:
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


class Window:
    """This process's requests at one server."""

    def __init__(self) -> None:
        self.limit = math.inf
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._waiting: list[int] = []
        self._under_way = 0

    def number(self) -> int:
        """The rank of a request that is new: behind all before it."""
        return next(self._numbers)

    @contextmanager
    def place(self, number: int, ended: threading.Event) -> Iterator[bool]:
        """One request, under way within the block, which raises Busy where the server was.

        Args:
            number: Its rank: of those that wait for a place the lowest goes first.
            ended: Whether to wait no longer.

        Returns:
            Whether it is its turn; else ``ended`` was set before that.
        """
        with self._changed:
            heapq.heappush(self._waiting, number)
            try:
                while not (has_turn := self._is_turn(number)) and not ended.is_set():
                    self._changed.wait(POLL_SECONDS)
            finally:
                self._waiting.remove(number)
                heapq.heapify(self._waiting)
            self._under_way += 1
            self._changed.notify_all()  # the next one may have its turn, too
        is_answered = is_busy = False
        try:
            yield has_turn
            is_answered = True
        except Busy:
            is_busy = True
            raise
        finally:
            with self._changed:
                if is_answered and self._under_way + 1 > self.limit:  # else nothing is known of more
                    self.limit += 1 / self.limit
                elif is_busy:
                    self.limit = max(1.0, min(self.limit, self._under_way) - 1)
                self._under_way -= 1
                self._changed.notify_all()

    def _is_turn(self, number: int) -> bool:
        return self._waiting[0] == number and self._under_way < self.limit


def ask_patiently(
    ask: Callable[[], Answer],
    name: str,
    window: Window,
    patience: Patience = PATIENCE,
    ended: threading.Event | None = None,
) -> Answer:
    """What ``ask`` returns, asked again as often as the server is busy.

    Args:
        ask: Asks once; raises Busy where the server is.
        name: Of the endpoint, for messages.
        window: Of the server.
        patience: How long.
        ended: Set where nobody wants the answer any more: then it is waited no longer.

    Raises:
        EndpointUnavailable: The server was busy until the patience was over.
        EndpointRefused: ``ended`` was set.
    """
    ended = threading.Event() if ended is None else ended
    number, end = window.number(), math.inf
    while True:
        try:
            with window.place(number, ended) as has_turn:
                if not has_turn:
                    raise _not_asked(name)
                return ask()
        except Busy as error:
            end = min(end, time.monotonic() + patience.total_seconds)
            pause_s = patience.pause_s(error.retry_after_s)
            if time.monotonic() + pause_s > end:
                raise EndpointUnavailable(
                    f"{error}. It has been busy for {patience.total_seconds:g} s: ask it for fewer tiles at a time "
                    "(`requests_per_instance`), or give it more to work with"
                ) from error
        if ended.wait(pause_s):
            raise _not_asked(name)


def _not_asked(name: str) -> EndpointRefused:
    return EndpointRefused(f"endpoint {name} is not asked any more: the run ends its use. Run again")


@lru_cache(maxsize=16)
def window_of(_process: int, _url: str) -> Window:
    """The window of a process at one server."""
    return Window()


_uses: dict[str, threading.Event] = {}
# An event of the parent's may be locked by a thread that the child has not.
os.register_at_fork(after_in_child=_uses.clear)


def use_of(name: str) -> threading.Event:
    """The event that the run ends its use of an endpoint, whose name no other run has."""
    return _uses.setdefault(name, threading.Event())


def begin_use(name: str) -> None:
    """It may be waited for, again perhaps."""
    _uses[name] = threading.Event()


def end_use(name: str) -> None:
    """Nobody of this process waits for it any longer."""
    use_of(name).set()
