"""A flood product as a response in the Monty extension of STAC, the data model of IFRC's Global Crisis Data Bank.

Source: Monty Extension Specification 1.3.0, with its taxonomy of hazards (UNDRR-ISC 2025, EM-DAT, GLIDE) and of
responses. An item needs countries; where they are not known there is none of it.
"""

import re
from typing import Any, NamedTuple

from tasks.core.product.edition import Edition, Event

SCHEMA = "https://ifrcgo.org/monty-stac-extension/v1.3.0/schema.json"
ROLE = "response"
DELINEATION = "eo-del"
# GLIDE: type of disaster, year, number, country, ISO 3166-1 alpha-3: FL-2022-000161-AUS.
GLIDE = re.compile(r"[A-Z]{2}-\d{4}-\d{6}-([A-Z]{3})")


class Hazard(NamedTuple):
    """A kind of flood in the three classifications that Monty takes, at most one code each."""

    name: str
    undrr: str
    glide: str
    em_dat: str


FLOOD = Hazard("Flooding", "MH0600", "FL", "nat-hyd-flo-flo")
SUBTYPES = {
    "Riverine flood": Hazard("Fluvial (riverine) flooding", "MH0604", "FL", "nat-hyd-flo-riv"),
    "Flash flood": Hazard("Flash flooding", "MH0603", "FF", "nat-hyd-flo-fla"),
    "Coastal flood": Hazard("Coastal flooding", "MH0601", "FL", "nat-hyd-flo-coa"),
}
METHODS = {
    "Automatic extraction": "automated",
    "Semi-automatic extraction": "semi_automated",
    "Photo-interpretation": "human_interpreted",
}


def hazard_of(event: Event) -> Hazard:
    """The hazard of an event; flooding in general where its subtype is not known."""
    return SUBTYPES.get(event.subtype or "", FLOOD)


def countries_of(event: Event) -> list[str]:
    """ISO 3166-1 alpha-3 codes of an event's countries, as far as its id is a GLIDE number, which names one."""
    match = GLIDE.fullmatch(event.id or "")
    return [] if match is None else [match[1]]


def monty_properties(edition: Edition) -> dict[str, Any]:
    """Properties of an item; none where the event's country is not known.

    ``monty:corr_id`` pairs the items of one event from one source: it is the event's own id.
    """
    countries, hazard = countries_of(edition.event), hazard_of(edition.event)
    if not countries:
        return {}
    return {
        "roles": [ROLE],
        "monty:country_codes": countries,
        "monty:hazard_codes": [hazard.undrr, hazard.glide, hazard.em_dat],
        "monty:src_event_id": edition.event.id,
        "monty:corr_id": edition.event.id,
        "monty:response_detail": _response(edition),
    }


def _response(edition: Edition) -> dict[str, str]:
    detail = {
        "type": DELINEATION,
        "source_id": edition.event.id,
        "status": "published",
        "producer": edition.attribution,
        "methodology": METHODS.get(edition.det_method),
    }
    return {name: value for name, value in detail.items() if value}
