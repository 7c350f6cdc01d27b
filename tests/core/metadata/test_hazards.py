"""Hazard codes and countries of an event."""

import pytest

from tasks.core.errors import UnusableArgument
from tasks.core.metadata.hazards import countries_of, hazard_of
from tasks.core.product.edition import Event


@pytest.mark.parametrize(
    ("subtype", "codes"),
    [
        (None, ("MH0600", "FL", "nat-hyd-flo-flo")),
        ("Riverine flood", ("MH0604", "FL", "nat-hyd-flo-riv")),
        ("Flash flood", ("MH0603", "FF", "nat-hyd-flo-fla")),
        ("Coastal flood", ("MH0601", "FL", "nat-hyd-flo-coa")),
        ("something else", ("MH0600", "FL", "nat-hyd-flo-flo")),
    ],
)
def test_a_flood_has_a_code_in_each_classification(subtype: str | None, codes: tuple[str, ...]) -> None:
    """The codes are those that the taxonomy of Monty 1.3 crosses; one that is not known is flooding in general."""
    assert hazard_of(Event(subtype=subtype))[1:] == codes


@pytest.mark.parametrize(
    ("id_", "given", "countries"),
    [
        ("FL-2022-000161-AUS", (), ("AUS",)),
        ("FL-2022-000161-AUS", ("NZL", "NZL"), ("NZL",)),
        ("EMSR504", (), ()),
        (None, (), ()),
    ],
)
def test_a_glide_number_names_the_country(id_: str | None, given: tuple[str, ...], countries: tuple[str, ...]) -> None:
    """What a person gives goes first; nothing is guessed from other codes."""
    assert countries_of(Event(id_), given) == countries


def test_a_country_of_another_form_is_refused() -> None:
    """Two letters would be another list's code."""
    with pytest.raises(UnusableArgument, match="'AU' is not three capitals"):
        countries_of(Event(), ["AU"])
