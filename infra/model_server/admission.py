"""Which requests are let in, and in which order they are predicted: a bounded queue in front of the model.

A request takes a place when its head has arrived, before its body is read: so many bodies are in memory as there are
places. Beyond that it is refused at once, and told when to ask again.

Clients share the places. Who asks for more than others gets all of them as long as nobody else is refused; then no more
than its share, nor the place that is kept for who was refused before, so that it is free when the other comes back.
Without this a client with many requests under way would take each place as it becomes free, and one that waits as it
was told would find none.
"""

import asyncio
import math
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

# Predictions that the estimate goes by: their mean follows a change of the images' size within some requests.
REMEMBERED = 32
# A prediction's seconds before there was one.
FIRST_GUESS_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 120
# A client that was refused and not let in since is waited for so much longer than it was told: it may come later than
# told, so that not all come at once. Of more clients than this the oldest is forgotten.
SPARE_SECONDS, MOST_CLIENTS = 2.0, 256
# A body that has not arrived in this time makes room for a request that would be refused.
SLOW_BODY_SECONDS = 2.0


class Full(Exception):
    """There is no place.

    Attributes:
        retry_after_s: In which it is worth asking again, in whole seconds.
    """

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"the server has as many requests as it takes: ask again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


@dataclass(eq=False, slots=True)
class Place:
    """One request's place, from its head to its answer.

    Attributes:
        client: Whose it is.
        since: When it was taken.
        arriving: The limit of the time in which its body must arrive, while it does.
        is_evicted: Whether it was given away because its body was slow.
        has_turn: Whether it may be predicted.
    """

    client: str
    since: float
    arriving: asyncio.Timeout | None = None
    is_evicted: bool = False
    has_turn: bool = False


@dataclass(eq=False)
class Admission:
    """The places of a server, used by its event loop alone.

    Attributes:
        concurrency: Predictions at a time.
        queue: Requests that may wait besides.
        longest_wait_s: Nor may more wait than are predicted in this time.
    """

    concurrency: int
    queue: int
    longest_wait_s: float
    clock: Callable[[], float] = time.monotonic
    predicting: int = 0
    _places: dict[Place, None] = field(default_factory=dict)
    _turns: deque[asyncio.Future[None]] = field(default_factory=deque)
    _taken_s: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    # By the first refusal since a client was last let in: until when it is waited for.
    _refused: "OrderedDict[str, float]" = field(default_factory=OrderedDict)

    @property
    def waiting(self) -> int:
        """Requests that have a place and are not being predicted."""
        return len(self._places) - self.predicting

    @property
    def prediction_s(self) -> float:
        """What a prediction takes, by those of late."""
        return sum(self._taken_s) / len(self._taken_s) if self._taken_s else FIRST_GUESS_SECONDS

    def enter(self, client: str) -> Place:
        """A place for a request.

        Raises:
            Full: There is none, or none for this client.
        """
        is_within_share = self._is_within_share(client)
        if not self._is_room_for(client) or (not is_within_share and self._refused.keys() - {client}):
            self._evict_slow()
            raise Full(self._refuse(client, is_within_share))
        self._refused.pop(client, None)
        place = Place(client, self.clock())
        self._places[place] = None
        return place

    def leave(self, place: Place) -> None:
        """Give a place back, with its turn: the next one's."""
        self._places.pop(place, None)
        if place.has_turn:
            place.has_turn = False
            self._pass_on()

    async def turn(self, place: Place) -> None:
        """Wait for one's turn to be predicted, the oldest first."""
        if self.predicting < self.concurrency:
            self.predicting += 1
        else:
            await self._next_turn()
        place.has_turn = True

    def predicted(self, seconds: float) -> None:
        """A prediction has succeeded: what it took counts in what is expected."""
        self._taken_s.append(seconds)

    def retry_after_s(self) -> int:
        """Whole seconds in which half of those that wait now will have been answered.

        By then there are free places; when all have been answered, there would be nothing to do until somebody asks.
        """
        expected_s = (self.waiting / 2 + 1) * self.prediction_s / self.concurrency
        return min(LONGEST_RETRY_SECONDS, max(1, math.ceil(expected_s)))

    @property
    def _most(self) -> int:
        in_time = int(self.longest_wait_s * self.concurrency / self.prediction_s)
        return self.concurrency + min(self.queue, in_time)

    def _is_within_share(self, client: str) -> bool:
        """Whether one more place is not more than this client's part, of those that have places or wait for one."""
        now = self.clock()
        for gone in [one for one, until in self._refused.items() if until < now]:
            del self._refused[gone]
        held = Counter(place.client for place in self._places)
        return held[client] < max(1, self._most // len({*held, *self._refused, client}))

    def _is_room_for(self, client: str) -> bool:
        """Whether there is a place that is not kept for clients refused before this one.

        Half of the places at most are kept, so that there is enough to do until those clients come back.
        """
        before = list(self._refused).index(client) if client in self._refused else len(self._refused)
        return self._most - len(self._places) > min(before, max(1, self._most // 2))

    def _refuse(self, client: str, is_waited_for: bool) -> int:
        """In how many seconds the client should come back; until then a place is kept for it, if it is waited for."""
        retry_after_s = self.retry_after_s()
        if is_waited_for:
            self._refused[client] = self.clock() + retry_after_s + SPARE_SECONDS
        if len(self._refused) > MOST_CLIENTS:
            self._refused.popitem(last=False)
        return retry_after_s

    def _evict_slow(self) -> None:
        """Give away the place of the oldest body that takes long to arrive: silent clients keep nobody out."""
        now = self.clock()
        for place in self._places:
            arriving = place.arriving
            if arriving is not None and now - place.since > SLOW_BODY_SECONDS and not arriving.expired():
                place.is_evicted = True
                arriving.reschedule(asyncio.get_running_loop().time())
                return

    async def _next_turn(self) -> None:
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # it was given the turn in the same moment
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._turns:
            if not (following := self._turns.popleft()).done():
                following.set_result(None)
                return
        self.predicting -= 1
