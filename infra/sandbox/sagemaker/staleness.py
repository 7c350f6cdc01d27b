"""Stale reads: for a while, AWS may answer as if what has just been created were not there.

SageMaker reads with eventual consistency, and asks its callers to try again:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html. Descriptions, listings, tags and what
is created on top are concerned; that a name is taken, and deletions, are known at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

Resource = tuple[str, str, str]
"""Kind, region and name."""


@dataclass(frozen=True)
class Stale:
    """How long something new is not to be seen.

    Attributes:
        seconds: From its creation on.
        calls: How many reads miss it, however late they come.
    """

    seconds: float = 0.0
    calls: int = 0


@dataclass
class Unseen:
    """What exists and is not to be seen yet, by a clock of monotonic seconds."""

    clock: Callable[[], float]
    _until: dict[Resource, float] = field(default_factory=dict)
    _calls: dict[Resource, int] = field(default_factory=dict)

    def hide(self, resource: Resource, stale: Stale) -> None:
        """Something has been created."""
        self._until[resource] = self.clock() + stale.seconds
        self._calls[resource] = stale.calls

    def hides(self, resource: Resource) -> bool:
        """Whether a read misses it; each that does is counted."""
        if self.clock() < self._until.get(resource, 0.0):
            return True
        left = self._calls.get(resource, 0)
        self._calls[resource] = max(0, left - 1)
        return left > 0

    def forget(self) -> None:
        """Everything is to be seen."""
        self._until.clear()
        self._calls.clear()
