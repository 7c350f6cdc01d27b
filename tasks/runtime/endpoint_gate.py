"""Lets tiles in to the endpoint: none before it answers, one until it has answered well, then as many as it serves."""

import os
import time
from collections.abc import Callable
from typing import Protocol

from tasks.core.errors import EndpointGone
from tasks.runtime.trial import Trial
from tasks.services.endpoints.contract import Deployment

# Tiles at a time for an endpoint that does not say how many it serves.
FEW = max(2, os.cpu_count() or 2)


class Life(Protocol):
    """An endpoint's life, as a gate sees it."""

    @property
    def error(self) -> str | None:
        """Why it could not be deployed."""
        ...

    @property
    def gone(self) -> EndpointGone | None:
        """That it was to be there already, and is not."""
        ...

    def answering(self) -> Deployment | None:
        """The endpoint, once it answers; never waits."""
        ...

    def end(self) -> None:
        """Delete it; safe to repeat."""
        ...


class EndpointGate:
    """The gate of the stage that asks the endpoint.

    Attributes:
        busy_seconds: In which at least one tile was being asked for.
        gone: That the endpoint was deleted under the run.
    """

    def __init__(self, life: Life, trial: Trial | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._life, self._trial, self._clock = life, trial or Trial(), clock
        self._inside, self._since, self.busy_seconds = 0, 0.0, 0.0
        self.gone: EndpointGone | None = None

    def room(self, under_way: int) -> int:
        """As many as the endpoint serves; none before it answers."""
        deployment = self._life.answering()
        return 0 if deployment is None else self._trial.room(under_way, deployment.in_flight or FEW)

    def refusal(self, under_way: int) -> str | None:
        """That it could not be deployed, or answers in the wrong format: then it has to go at once."""
        self._life.answering()
        self.gone = self.gone or self._life.gone
        if self._life.error is not None or self.gone is not None:
            return self._life.error or f"not asked for: {self.gone}"
        reason = self._trial.refusal(under_way)
        if reason is not None:
            self._life.end()
        return reason

    def asked(self) -> None:
        """A tile is asked for."""
        self._trial.asked()
        if not self._inside:
            self._since = self._clock()
        self._inside += 1

    def heard(self, error: BaseException | None) -> None:
        """A tile that was asked for has ended."""
        self._trial.heard(error)
        if isinstance(error, EndpointGone):
            self.gone = error
        self._inside -= 1
        if not self._inside:
            self.busy_seconds += self._clock() - self._since
