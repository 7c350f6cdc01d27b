"""The first answer of an endpoint decides: a model that answers in the wrong format is not paid for every tile.

The first tile goes alone. Once an answer is accepted, as many follow as the endpoint serves at once. Where the first
takes long, is tried again or fails for another reason, which says nothing of the model, they follow, too; a wrong
format then ends the stage as soon as those in flight have ended without an accepted answer.
"""

import time
from collections.abc import Callable

from tasks.core.errors import WrongMaskFormat

# A tile takes some seconds; one that is tried again, with pauses in between, should not hold the others up.
ALONE_SECONDS = 10.0


class Trial:
    """Says how many tiles an endpoint may be asked for, and whether those that wait are asked for at all.

    Args:
        alone_seconds: How long the first tile is waited for before others follow.
        clock: Seconds that never go back.
    """

    def __init__(self, alone_seconds: float = ALONE_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._alone_seconds, self._clock = alone_seconds, clock
        self._began: float | None = None
        self._is_heard = self._is_accepted = False
        self._wrong: WrongMaskFormat | None = None

    def room(self, under_way: int, at_once: int) -> int:
        """How many more may be asked for now, of a model that serves ``at_once``."""
        if self._is_accepted:
            return at_once - under_way
        if self._wrong is not None:
            return 0
        return (1 if self._is_alone() else at_once) - under_way

    def _is_alone(self) -> bool:
        if self._is_heard:
            return False
        return self._began is None or self._clock() - self._began < self._alone_seconds

    def asked(self) -> None:
        """A tile is asked for."""
        if self._began is None:
            self._began = self._clock()

    def heard(self, error: BaseException | None) -> None:
        """A tile that was asked for has ended: why it failed, None where it did not."""
        self._is_heard = True
        self._is_accepted = self._is_accepted or error is None
        if self._wrong is None and isinstance(error, WrongMaskFormat):
            self._wrong = error

    def refusal(self, under_way: int) -> str | None:
        """Why no more tiles are asked for; None while they may be."""
        if self._is_accepted or self._wrong is None or under_way:
            return None
        return f"not asked for, since the endpoint's first answer has the wrong format: {self._wrong}"
