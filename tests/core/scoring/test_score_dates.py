"""Of which date frames and references say that they are."""

from pathlib import Path

import numpy as np
import pytest

from tasks.core.scoring.score_dates import dates_in, differ, flight_dates, reference_dates


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("flood_2021-04-12", {"2021-04"}),
        ("Prairie_Flood_2009_08_5m_NRG_1", {"2009-08"}),
        ("truth2016", {"2016"}),
        ("GDA2020 MGA zone 55, WGS1984, EPSG:28355", set()),
        ("tile_12000_34000", set()),
    ],
)
def test_dates_are_found_in_names(text: str, dates: set[str]) -> None:
    """Months before years; a datum's year is no date."""
    assert dates_in(text) == dates


def test_the_flights_month_is_that_of_all_tiles() -> None:
    """Tiles that name no common month leave it to the product's name."""
    assert flight_dates(["a_2021_04_1.jp2", "a_2021_04_2.jp2"], "town_2019") == {"2021-04"}
    assert flight_dates(["r2000_c1000.jp2"], "town_2019") == {"2019"}


def test_a_references_fields_count_before_its_name() -> None:
    """A field of dates, or one called so, says it best; what is no date does not count."""
    columns = {"obs_date": np.array(["2022/03/01", None], object), "level": np.array([1999])}
    assert reference_dates(Path("/x/2020/truth.gpkg"), "truth", columns) == {"2022"}
    assert reference_dates(Path("/x/2020/truth.gpkg"), "truth", {"day": np.array(["2022-03-01"], "M8[D]")}) == {
        "2022-03"
    }
    assert reference_dates(Path("/x/2020/truth.gpkg"), "truth", {}) == {"2020"}


@pytest.mark.parametrize(
    ("flight", "reference", "expected"),
    [
        ({"2009-08"}, {"2016"}, True),
        ({"2009-08"}, {"2009"}, False),
        ({"2009-08"}, {"2009-07"}, True),
        ({"2009"}, {"2008-01", "2009-02"}, False),
        (set(), {"2016"}, False),
    ],
)
def test_dates_differ_where_none_fits(flight: set[str], reference: set[str], *, expected: bool) -> None:
    """A year fits its months; where one side names nothing, nothing is known."""
    assert differ(flight, reference) is expected
