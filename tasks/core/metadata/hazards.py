"""Codes of floods in the classifications that catalogues of disasters use.

Source: the taxonomy of the Monty extension 1.3.0, which crosses UNDRR-ISC Hazard Information Profiles 2025, GLIDE and
EM-DAT.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from tasks.core.errors import UnusableArgument
from tasks.core.product.edition import Event

# GLIDE: type of disaster, year, number, country in ISO 3166-1 alpha-3: FL-2022-000161-AUS.
GLIDE = re.compile(r"[A-Z]{2}-\d{4}-\d{6}-([A-Z]{3})")
ALPHA_3 = re.compile(r"[A-Z]{3}")


class Hazard(NamedTuple):
    """A kind of flood: its name, and its code in each classification."""

    name: str
    undrr: str
    glide: str
    em_dat: str


FLOOD = Hazard("Flooding", "MH0600", "FL", "nat-hyd-flo-flo")
# By the subtypes of Copernicus EMS.
SUBTYPES = {
    "Riverine flood": Hazard("Fluvial (riverine) flooding", "MH0604", "FL", "nat-hyd-flo-riv"),
    "Flash flood": Hazard("Flash flooding", "MH0603", "FF", "nat-hyd-flo-fla"),
    "Coastal flood": Hazard("Coastal flooding", "MH0601", "FL", "nat-hyd-flo-coa"),
}


def hazard_of(event: Event) -> Hazard:
    """The hazard of an event; flooding in general where its subtype is not known."""
    return SUBTYPES.get(event.subtype or "", FLOOD)


def countries_of(event: Event, given: Sequence[str] = ()) -> tuple[str, ...]:
    """ISO 3166-1 alpha-3 codes of an event's countries: those given, else that of a GLIDE number as its id, else none.

    Raises:
        UnusableArgument: One that was given has another form.
    """
    for code in given:
        if not ALPHA_3.fullmatch(code):
            raise UnusableArgument(f"country {code!r} is not three capitals, as ISO 3166-1 has them, such as AUS")
    match = GLIDE.fullmatch(event.id or "")
    return tuple(dict.fromkeys(given)) or (() if match is None else (match[1],))
