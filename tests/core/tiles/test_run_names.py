"""What a run is called."""

import pytest

from tasks.core.tiles.run_names import run_name

BREWARRINA = [f"Brewarrina_Flood_2021_04_15cm_NRG_{number}.jp2" for number in (2, 9, 10, 16, 17)]


@pytest.mark.parametrize(
    ("dataset", "tiles", "name"),
    [
        ("brewarrina", BREWARRINA, "brewarrina 2021-04 · 5 tiles"),
        ("brewarrina_2021_04", BREWARRINA, "brewarrina 2021 04 · 5 tiles"),
        ("demo_flood", ["a_20260131.jp2"], "demo flood 2026-01 · 1 tile"),
        ("two_flights", ["a_2021_04.jp2", "b_2021_05.jp2"], "two flights · 2 tiles"),
        ("edge", ["x.jp2"] * 1200, "edge · 1,200 tiles"),
        ("_", ["pixel_1202113999.jp2"], "flood extent · 1 tile"),
    ],
)
def test_a_run_is_called_after_place_month_and_size(dataset: str, tiles: list[str], name: str) -> None:
    """Who looks at a list of runs sees which is which; what is not sure is left out."""
    assert run_name(dataset, tiles) == name


def test_a_run_that_completes_another_says_how_much_of_it() -> None:
    """Seven tiles done again are not a run on 200."""
    assert run_name("town", map(str, range(200)), of_them=7) == "town · 7 of 200 tiles"
