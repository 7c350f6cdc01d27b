"""The places to check as people read them."""

from tasks.core.product.to_check import PlaceToCheck, ToCheck
from tasks.core.reports import places_text

PLACE: PlaceToCheck = {"reason": "unsure", "doubt": 0.5, "area_m2": 1234.5, "x": 147.25, "y": -30.5, "crs": "EPSG:4326"}
PLACES: ToCheck = {"count": 1001, "first": [PLACE, PLACE]}


def test_the_form_names_the_first() -> None:
    """How many there are, then so many of them with area and place; nothing where there is none."""
    assert places_text.sentences(PLACES, 1) == [
        "1,001 places to check, in order",
        "1. unsure: 1,234 m² at 147.25, -30.5",
    ]
    assert places_text.sentences({"count": 0, "first": []}, 3) == []


def test_a_row_has_coordinates_that_can_be_pasted() -> None:
    """Without exponent and without trailing zeros, whatever the unit."""
    large: PlaceToCheck = {**PLACE, "x": 12_500_000.0, "y": 6_000_000.1}
    (row,) = places_text.rows({"count": 1, "first": [large]})
    assert (row["rank"], row["x"], row["y"]) == (1, "12500000", "6000000.1")
