"""From when to when frames were taken."""

from datetime import datetime

import pytest
from described import captured, edition, frame

from tasks.core.metadata.capture_interval import capture_interval, last_second


@pytest.mark.parametrize(
    ("time", "last"),
    [
        ("2024-02", "2024-02-29T23:59:59+00:00"),
        ("2021-12", "2021-12-31T23:59:59+00:00"),
        ("2021-04-03", "2021-04-03T23:59:59+00:00"),
        ("2021-04-03T01:31Z", "2021-04-03T01:31:59+00:00"),
        ("2021-04-03T01:31:05Z", "2021-04-03T01:31:05+00:00"),
    ],
)
def test_a_time_lasts_as_long_as_it_is_not_known_more_finely(time: str, last: str) -> None:
    """Who searches for the last day of a month finds a frame of that month."""
    assert last_second(captured(time)) == datetime.fromisoformat(last)


def test_a_month_outlasts_a_day_in_it() -> None:
    """The interval reaches to the end of the coarsest time, and names the days that frames were taken on."""
    interval = capture_interval(edition(sources=(frame(1, "2022-02-27"), frame(2, "2022-02"))))
    assert interval is not None
    assert (interval.start.day, interval.end.day) == (1, 28)
    assert interval.coarsest == "month"


def test_only_answered_frames_count() -> None:
    """A frame that failed says nothing about the product; one without a time is counted as such."""
    interval = capture_interval(edition(sources=(frame(1), frame(2, None), frame(3, "2019-01-01", state="failed"))))
    assert interval is not None
    assert (interval.text, interval.known, interval.frames) == ("2022-02-28", 1, 2)


def test_nothing_is_known_where_no_frame_says_it() -> None:
    """A time is not made up."""
    assert capture_interval(edition(sources=(frame(1, None),))) is None
