"""A run's places among the endpoints that may exist at once: waited for before it creates one, given back at its end.

Places are held by a lease of the Prefect server, which is renewed while this process lives. A process that was killed
renews nothing: its places are free again when the lease has lapsed. A server without the limit lets every run go on.
"""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import httpx
from prefect.client.schemas.objects import ConcurrencyLeaseHolder
from prefect.client.schemas.responses import ConcurrencyLimitWithLeaseResponse

from tasks.core.errors import EndpointRefused
from tasks.runtime.place_limit import LIMIT, NO_ANSWER, PlaceLimit, mark_holder, place_client, read_places

# Prefect's own default: a server may be away for so long without anybody losing a place.
LEASE_SECONDS = 300.0
RENEWALS_A_LEASE = 5
POLL_SECONDS, RETRY_SECONDS = 10.0, 1.0
# A server that says nothing for so long keeps no run from its endpoint.
PATIENCE_SECONDS = 60.0
LATER = httpx.codes.LOCKED
NEVER = httpx.codes.UNPROCESSABLE_ENTITY
LOST = httpx.codes.GONE
# A run that is told to stop has not long.
RELEASE_SECONDS = 5.0

Report = Callable[[str], None]
Answer = TypeVar("Answer")


class RunEnded(EndpointRefused):
    """The run ended while it waited for its places."""


@dataclass
class EndpointPlaces:
    """The places of one run's endpoint.

    Attributes:
        run: Its flow run.
        instances: How many there are behind the endpoint.
        lease_seconds: After which places are free whose process is gone: 60 at least.
        patience_seconds: For which a server that does not answer is waited for.
        poll_seconds: Between two questions whether places are free, about.
    """

    run: UUID
    instances: int
    lease_seconds: float = LEASE_SECONDS
    patience_seconds: float = PATIENCE_SECONDS
    poll_seconds: float = POLL_SECONDS
    _lease: UUID | None = None
    _ended: "Future[None]" = field(default_factory=Future)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, report: Report) -> None:
        """Return when the run has its places, or the server has no such limit, or does not answer.

        Args:
            report: Is told what is waited for, and what stands against it.

        Raises:
            EndpointRefused: The limit is lower than what is wanted.
            RunEnded: ``stop_waiting`` or ``give_back`` was called meanwhile.
        """
        said, since, answered = "", time.monotonic(), time.monotonic()
        while True:
            try:
                places = self._unless_ended(read_places)
                if places is None or self._unless_ended(self._try):
                    break
                answered = time.monotonic()
                said = _report_new(places.holding(), said, self._waiting(places), report)
            except NO_ANSWER as error:
                if time.monotonic() - answered > self.patience_seconds:
                    report(f"warning: the Prefect server does not say whether an endpoint may be created: {error}")
                    return
            # Not in step with others that wait.
            self._pause((self.poll_seconds if said else RETRY_SECONDS) * random.uniform(0.5, 1))  # noqa: S311
        if said:
            report(f"has its place after {time.monotonic() - since:,.0f} s")
        if self._lease is not None:
            _in_background(partial(self._hold, self._lease, report))

    def _waiting(self, places: PlaceLimit) -> str:
        if self.instances > places.limit:
            raise EndpointRefused(places.too_low(self.instances))
        wanted = "a place" if self.instances == 1 else f"{self.instances} places"
        among = f"the {places.limit} instances of endpoints that may exist at once ({LIMIT})"
        return f"waiting for {wanted} among {among}, of which {places.free} free: {places.holding()}"

    def _try(self) -> bool:
        """Ask for the places once: whether the run has them, or needs none."""
        holder = ConcurrencyLeaseHolder(type="flow_run", id=self.run)
        with place_client() as client:
            try:
                answer = client.increment_concurrency_slots_with_lease(
                    [LIMIT], self.instances, "concurrency", self.lease_seconds, holder
                )
            except httpx.HTTPStatusError as error:
                if error.response.status_code in (LATER, NEVER):
                    return False
                raise
            granted = ConcurrencyLimitWithLeaseResponse.model_validate(answer.json())
            if not granted.limits:
                return True
            with self._lock:
                is_late = self._ended.done()
                self._lease = None if is_late else granted.lease_id
            if is_late:  # whoever asked has gone
                client.release_concurrency_slots_with_lease(granted.lease_id)
                return False
            _quietly(partial(mark_holder, client, self.run, holds=True))
        return True

    def _hold(self, lease: UUID, report: Report) -> None:
        """Renew the lease until the end; one renewal that fails is made up for by the next."""
        while not self._ended.done():
            wait([self._ended], self.lease_seconds / RENEWALS_A_LEASE)
            try:
                with place_client() as client:
                    if not self._ended.done():
                        client.renew_concurrency_lease(lease, self.lease_seconds)
            except NO_ANSWER as error:
                if isinstance(error, httpx.HTTPStatusError) and error.response.status_code == LOST:
                    report(
                        f"warning: the Prefect server was away too long: it has given this run's place in {LIMIT} away"
                    )
                    return

    def stop_waiting(self) -> None:
        """End any waiting, before the endpoint is deleted: none may be created after that."""
        with self._lock:
            if not self._ended.done():
                self._ended.set_result(None)

    def give_back(self, *, gone: bool = True) -> None:
        """Free the places; repeating it does nothing.

        Args:
            gone: Whether nothing is left of the endpoint. What is left counts against the quota: its places are free
                when the lease has lapsed, by when a sweep has had its turn.
        """
        self.stop_waiting()
        lease, self._lease = self._lease, None
        if lease is not None and gone:
            released: Future[None] = _in_background(partial(_quietly, partial(self._release, lease)))
            wait([released], RELEASE_SECONDS)

    def _release(self, lease: UUID) -> None:
        with place_client() as client:
            client.release_concurrency_slots_with_lease(lease)
            mark_holder(client, self.run, holds=False)

    def _pause(self, seconds: float) -> None:
        wait([self._ended], seconds)
        if self._ended.done():
            raise RunEnded("the run ended while it waited for a place for its endpoint: none was created")

    def _unless_ended(self, call: Callable[[], Answer]) -> Answer:
        """What a request gives, without waiting for it beyond the end of the run."""
        outcome = _in_background(call)
        both: list[Future[Any]] = [outcome, self._ended]
        wait(both, return_when=FIRST_COMPLETED)
        self._pause(0)
        return outcome.result()


def _report_new(holding: str, said: str, text: str, report: Report) -> str:
    if holding != said:
        report(text)
    return holding


def _quietly(call: Callable[[], object]) -> None:
    """A server that does not take it costs nothing: leases lapse by themselves."""
    try:
        call()
    except NO_ANSWER:
        return


def _in_background(call: Callable[[], Answer]) -> "Future[Answer]":
    """Make a call in a thread that nobody waits for at the end of the process."""
    outcome: Future[Answer] = Future()

    def do() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            outcome.set_exception(error)

    threading.Thread(target=copy_context().run, args=(do,), name="endpoint-places", daemon=True).start()
    return outcome
