"""What a product says of itself: when its frames were taken, as far as anybody knows."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.product.edition import CaptureTime, Edition, Event, Origin, Phase, Precision, Source

MADE = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def _in(text: str) -> str | None:
    found = CaptureTime.in_text(text, Origin.NAME)
    return None if found is None else str(found)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("Brewarrina_2021_04_5cm_1.jp2", "2021-04"),
        ("m_4809901_ne_14_060_20200712.jp2", "2020-07-12"),
        ("2021_04/frame_2021-04-03.jp2", "2021-04-03"),
        ("frame_20210403T013105Z.jp2", "2021-04-03T01:31:05Z"),
        ("2021:04:03 11:31:05+10:00", "2021-04-03T01:31:05Z"),
        ("2021-04-03T00:30+0930", "2021-04-02T15:00Z"),
        ("frame_20210403_0131.jp2", "2021-04-03"),
        ("gda2020_55.jp2", None),
        ("frame_2021-13-01.jp2", None),
        ("frame_2021_02_30.jp2", None),
        ("2021-04-03 and 2021-04-04", None),
        ("2021_03/frame_2021-04-03.jp2", None),
        ("20210403123456789.jp2", None),
    ],
)
def test_a_time_is_read_as_far_as_it_is_known(text: str, time: str | None) -> None:
    """Months, days and times with a zone are told apart; of a time without one the day alone is believed."""
    assert _in(text) == time


@given(st.datetimes(datetime(1950, 1, 1), datetime(2099, 12, 31)), st.integers(-12 * 60, 14 * 60))  # noqa: DTZ001 - local
def test_any_offset_comes_to_the_same_moment(local: datetime, ahead_minutes: int) -> None:
    """A time with the offset of its zone is that moment in UTC."""
    sign, minutes = "-" if ahead_minutes < 0 else "+", abs(ahead_minutes)
    text = f"{local:%Y-%m-%dT%H:%M:%S}{sign}{minutes // 60:02}:{minutes % 60:02}"
    found = CaptureTime.in_text(text, Origin.METADATA)
    assert found is not None
    assert found.start == datetime.fromisoformat(text)


def _source(number: int, time: str | None, state: str = "done") -> Source:
    captured = None if time is None else CaptureTime.in_text(time, Origin.NAME)
    return Source(number, f"{number}.jp2", f"/data/{number}.jp2", "x", captured, 0.15, None, Phase.POST_EVENT, state)


def test_a_product_was_taken_from_its_first_to_its_last_frame() -> None:
    """Frames without an answer, or without a time, have no part in when a product was taken."""
    times = [(None, "done"), ("2021-04-05", "done"), ("2021-04-03", "done"), ("2020-01-01", "failed")]
    sources = tuple(_source(number, time, state) for number, (time, state) in enumerate(times, 1))
    edition = Edition("town", "/data", Event(), sources, "run", "model", MADE)
    assert edition.captured is not None
    assert [time.date for time in edition.captured] == ["2021-04-03", "2021-04-05"]
    assert Edition("town", "/data", Event(), sources[:1], "run", "model", MADE).captured is None


def test_an_edition_survives_json() -> None:
    """What a product says of itself is read back the same."""
    edition = Edition("town", "/data", Event("EMSR1", "洪水"), (_source(1, "2021-04-03T01:31Z"),), "run", "model", MADE)
    again = Edition.from_dict(edition.to_dict())
    assert again == edition
    assert again.sources[0].captured is not None
    assert again.sources[0].captured.precision is Precision.MINUTE


def test_a_time_without_a_zone_is_none() -> None:
    """A record whose clock nobody knows is not made."""
    with pytest.raises(ValueError, match="time zone"):
        CaptureTime(datetime(2021, 4, 3), Precision.DAY, Origin.NAME)  # noqa: DTZ001 - that is what is refused
