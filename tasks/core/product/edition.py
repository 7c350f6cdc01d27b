"""What a product says of itself besides its layers: the event, the frames, the rights, and the run that made it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from tasks.core.record import Record

# A day, or a month alone; behind a day perhaps a time, with its zone: 2021-04-03, 202104, 20210403T0131Z.
CAPTURED = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_.:]?)(0[1-9]|1[0-2])(?:\2(0[1-9]|[12]\d|3[01]))?"
    r"(?:[T_ ]([01]\d|2[0-3])[:-]?([0-5]\d)(?:[:-]?([0-5]\d)(?:\.\d+)?)?(Z|[+-][01]\d:?[0-5]\d)?)?(?!\d)"
)


class Precision(StrEnum):
    """How finely a time of capture is known."""

    MONTH = "month"
    DAY = "day"
    MINUTE = "minute"
    SECOND = "second"


class Origin(StrEnum):
    """Where a time of capture comes from."""

    PARAMETER = "parameter capture_time"
    METADATA = "metadata of the frame"
    NAME = "name of the frame"


class Phase(StrEnum):
    """When a frame was taken, as Copernicus EMS calls it in the field ``eventphase``."""

    PRE_EVENT = "Pre-event"
    POST_EVENT = "Post-event"


@dataclass(frozen=True, slots=True)
class CaptureTime(Record):
    """When a frame was taken, as far as that is known.

    Attributes:
        start: The first moment of the month, day, minute or second, UTC.
        precision: Which of these it is.
        origin: Where that comes from.
    """

    start: datetime
    precision: Precision
    origin: Origin

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise ValueError(f"a time of capture needs a time zone: {self.start}")

    @classmethod
    def in_text(cls, text: str, origin: Origin) -> Self | None:
        """The time that a text names; None where it names none, or several that differ.

        Of a time without a zone the day alone is taken: nobody knows what clock it is by.
        """
        found = [cls(*time, origin) for match in CAPTURED.finditer(text) if (time := _time(match)) is not None]
        finest = max(found, key=lambda one: one.known_parts, default=None)
        return finest if finest is not None and all(one.holds(finest) for one in found) else None

    @property
    def known_parts(self) -> int:
        """How many of year, month, day, hour, minute, second are known."""
        return {Precision.MONTH: 2, Precision.DAY: 3, Precision.MINUTE: 5, Precision.SECOND: 6}[self.precision]

    def holds(self, other: "CaptureTime") -> bool:
        """Whether another time, as fine or finer, lies in this month, day, minute or second."""
        return self.start.timetuple()[: self.known_parts] == other.start.timetuple()[: self.known_parts]

    @property
    def date(self) -> str:
        """ISO 8601, as far as it is known: ``2021-04`` or ``2021-04-03``."""
        return self.start.strftime("%Y-%m" if self.precision is Precision.MONTH else "%Y-%m-%d")

    def __str__(self) -> str:
        """ISO 8601, as far as it is known: ``2021-04-03T01:31Z``."""
        return self.date if self.time is None else f"{self.date}T{self.time}"

    @property
    def time(self) -> str | None:
        """``01:31Z`` or ``01:31:05Z``; None where only the day is known."""
        formats = {Precision.MINUTE: "%H:%MZ", Precision.SECOND: "%H:%M:%SZ"}
        return self.start.strftime(formats[self.precision]) if self.precision in formats else None


def _time(match: re.Match[str]) -> tuple[datetime, Precision] | None:
    year, _, month, day, hour, minute, second, zone = match.groups()
    try:
        midnight = datetime(int(year), int(month), int(day or 1), tzinfo=UTC)
    except ValueError:  # the 31st of April
        return None
    if zone is None or day is None:
        return midnight, Precision.MONTH if day is None else Precision.DAY
    of_day = timedelta(hours=int(hour), minutes=int(minute), seconds=int(second or 0))
    return midnight + of_day - _offset(zone), Precision.MINUTE if second is None else Precision.SECOND


def _offset(zone: str) -> timedelta:
    """By how much a zone is ahead of UTC."""
    if zone == "Z":
        return timedelta(0)
    ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return -ahead if zone[0] == "-" else ahead


@dataclass(frozen=True, slots=True)
class Source(Record):
    """A frame that the product was made of: a row of the table ``source``.

    Attributes:
        src_id: 1, 2, … in the order of the tiles' ids.
        tile: Id of the tile.
        uri: Where the frame was, without credentials.
        content_hash: Of the frame, as it was listed; empty where it could not be read.
        captured: When it was taken; None where nothing says so.
        gsd_m: Side of its pixels on the ground, metres; None where its place is not known.
        sensor: What took it; None where nothing says so.
        phase: Before or after the event began.
        state: ``done``, ``failed`` or ``dropped``.
    """

    src_id: int
    tile: str
    uri: str
    content_hash: str
    captured: CaptureTime | None
    gsd_m: float | None
    sensor: str | None
    phase: Phase
    state: str


@dataclass(frozen=True, slots=True)
class Event(Record):
    """What the flood is called by those who answer to it.

    Attributes:
        id: Code of the event, such as an activation's or a GLIDE number; None where it has none.
        name: For people; None where it has none.
        type: In the words of Copernicus EMS: ``5-Flood``.
        subtype: Likewise: ``Riverine flood``, ``Flash flood``, ``Coastal flood``; None where nobody has said.
        countries: Where it is, ISO 3166-1 alpha-3: ``AUS``; empty where nobody has said.
    """

    id: str | None = None
    name: str | None = None
    type: str = "5-Flood"
    subtype: str | None = None
    countries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edition(Record):
    """Whose product this is, of what, and how it came about.

    Attributes:
        name: Of the product: its folder's.
        dataset: URI of the frames, without credentials.
        event: What flood it is.
        sources: Its frames, all of them, by ``src_id``.
        release: 1, 2, …
        release_reason: Why there is another than the first; None for the first.
        licence: Under which the product is handed on, as SPDX names it (``CC-BY-4.0``) or in words; None: not stated.
        attribution: Whom to name; None: not stated.
        run_id: The flow run's id.
        model_id: What the labels depend on besides frames and settings.
        made: When the run began, UTC.
        det_method: How the polygons were found, in the words of Copernicus EMS.
        valid_stat: ``not validated``, ``reviewed`` by a person before publication, or ``edited``.
        previous_hash: ``content_hash`` of the release that this one replaces; None for the first.
        area_of_interest: Name of the file that the product is clipped to; None where it is not.
        weaknesses: What a reader must know, a sentence each.
    """

    name: str
    dataset: str
    event: Event
    sources: tuple[Source, ...]
    run_id: str
    model_id: str
    made: datetime
    release: int = 1
    release_reason: str | None = None
    licence: str | None = None
    attribution: str | None = None
    det_method: str = "Automatic extraction"
    valid_stat: str = "not validated"
    previous_hash: str | None = None
    area_of_interest: str | None = None
    weaknesses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.made.tzinfo is None:
            raise ValueError(f"an edition's time needs a time zone: {self.made}")

    @property
    def captured(self) -> tuple[CaptureTime, CaptureTime] | None:
        """When the first and the last of the answered frames were taken; None where that is known of none."""
        times = sorted(
            (one.captured for one in self.sources if one.captured is not None and one.state == "done"),
            key=lambda time: time.start,
        )
        return (times[0], times[-1]) if times else None

    @property
    def title(self) -> str:
        """For people: the event, or else the product's name."""
        return self.event.name or self.name
