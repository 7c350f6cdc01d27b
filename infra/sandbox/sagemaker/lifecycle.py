"""An endpoint's states by the clock: Creating, then InService or Failed; Deleting, then gone."""

import math
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """As SageMaker spells them; GONE is what it no longer knows."""

    CREATING = "Creating"
    UPDATING = "Updating"
    IN_SERVICE = "InService"
    FAILED = "Failed"
    DELETING = "Deleting"
    GONE = "Gone"


@dataclass(frozen=True)
class Fate:
    """What becomes of an endpoint or transform job that is being created.

    Attributes:
        failure: Why it fails; None where it comes into service, or the job starts on its images.
        seconds: In which it happens, infinite for never; None for the delay that is set for all.
        failing_records: How many of a transform job's images get no answer.
    """

    failure: str | None = None
    seconds: float | None = None
    failing_records: int = 0


NEVER = Fate(seconds=math.inf)


@dataclass
class Life:
    """One endpoint's times, in seconds of one monotonic clock.

    Attributes:
        began: When the change that is under way, or the last one, began.
        ready: When it ends.
        change: Creating or Updating.
        failure: Why it ends in Failed; None where it ends in InService.
        deleted: When the deletion was asked for.
        gone: When it ends.
        scaled_to: Instances that it has after the update that is under way; None where that is another configuration.
    """

    began: float
    ready: float
    change: Status = Status.CREATING
    failure: str | None = None
    deleted: float = math.inf
    gone: float = math.inf
    scaled_to: int | None = None

    @classmethod
    def born(cls, now: float, seconds: float, fate: Fate | None) -> "Life":
        """An endpoint that is created now, and takes ``seconds`` for it unless its fate says otherwise."""
        fate = fate or Fate()
        takes = seconds if fate.seconds is None else fate.seconds
        return cls(now, now + takes, failure=fate.failure)

    def status(self, now: float) -> Status:
        """Its state at a time."""
        if now >= self.deleted:
            return Status.GONE if now >= self.gone else Status.DELETING
        if now < self.ready:
            return self.change
        return Status.IN_SERVICE if self.failure is None else Status.FAILED

    def changed(self, now: float) -> float:
        """When it came into the state that it has."""
        return max(moment for moment in (self.began, self.ready, self.deleted) if moment <= now)

    def busy(self, now: float) -> bool:
        """Whether a change is under way, during which SageMaker refuses others."""
        return self.status(now) in {Status.CREATING, Status.UPDATING, Status.DELETING}

    def update(self, now: float, seconds: float) -> None:
        """Begin an update that succeeds."""
        self.began, self.ready, self.change, self.failure = now, now + seconds, Status.UPDATING, None
        self.scaled_to = None

    def delete(self, now: float, seconds: float) -> None:
        """Begin the deletion."""
        self.deleted, self.gone = now, now + seconds
