"""When the frames of a product were taken, from the first moment that they may be of to the last."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tasks.core.product.edition import CaptureTime, Edition, Precision

ONE_SECOND = timedelta(seconds=1)
# A month has at most 31 days, so that 32 after its first lie in the next one.
INTO_NEXT_MONTH = timedelta(days=32)


class CaptureInterval(NamedTuple):
    """When frames were taken.

    Attributes:
        first: Whose first moment is the earliest.
        last: Whose last moment is the latest.
        known: How many frames it is known of.
        frames: How many frames there are.
    """

    first: CaptureTime
    last: CaptureTime
    known: int
    frames: int

    @property
    def start(self) -> datetime:
        """The first moment, UTC."""
        return self.first.start

    @property
    def end(self) -> datetime:
        """The last second, UTC."""
        return last_second(self.last)

    @property
    def text(self) -> str:
        """For people: ``2021-04-03 01:31Z``, ``2021-04-03 to 2021-04-05``."""
        first, last = (" ".join(filter(None, (time.date, time.time))) for time in (self.first, self.last))
        return first if first == last else f"{first} to {last}"

    @property
    def coarsest(self) -> Precision:
        """Of the two, how finely the coarser one is known."""
        return min((self.first, self.last), key=lambda time: time.known_parts).precision


def capture_interval(edition: Edition) -> CaptureInterval | None:
    """Of the frames that have an answer; None where it is known of none."""
    frames = [source for source in edition.sources if source.state == "done"]
    times: Sequence[CaptureTime] = [frame.captured for frame in frames if frame.captured is not None]
    if not times:
        return None
    first, last = min(times, key=lambda time: time.start), max(times, key=last_second)
    return CaptureInterval(first, last, len(times), len(frames))


def last_second(time: CaptureTime) -> datetime:
    """Of the month, day, minute or second that a time names, UTC."""
    if time.precision is Precision.MONTH:
        return (time.start.replace(day=1) + INTO_NEXT_MONTH).replace(day=1) - ONE_SECOND
    longest = {Precision.DAY: timedelta(days=1), Precision.MINUTE: timedelta(minutes=1)}
    return time.start + longest.get(time.precision, ONE_SECOND) - ONE_SECOND


def utc(time: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
