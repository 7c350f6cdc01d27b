"""A flood product as a response in the Monty extension of STAC, the data model of IFRC's Global Crisis Data Bank.

Source: Monty Extension Specification 1.3.0 with its taxonomy of responses. An item must name countries: where they are
not known there is none of it.
"""

from collections.abc import Sequence
from typing import Any

from tasks.core.metadata.hazards import hazard_of
from tasks.core.product.edition import Edition
from tasks.core.text import safe_text

MONTY = "https://ifrcgo.org/monty-stac-extension/v1.3.0/schema.json"
ROLE = "response"
DELINEATION = "eo-del"
# By det_method, as Copernicus EMS calls it.
METHODOLOGY = {
    "Automatic extraction": "automated",
    "Semi-automatic extraction": "semi_automated",
    "Photo-interpretation": "human_interpreted",
}


def monty_properties(edition: Edition, countries: Sequence[str]) -> dict[str, Any]:
    """Properties of an item; none where the event's country is not known.

    ``monty:corr_id`` pairs the items of one event from one source: it is the event's id, or else the product's name.
    """
    event, hazard = edition.event, hazard_of(edition.event)
    if not countries:
        return {}
    return {
        "roles": [ROLE],
        "monty:country_codes": list(countries),
        "monty:hazard_codes": [hazard.undrr, hazard.glide, hazard.em_dat],
        **({"monty:src_event_id": event.id} if event.id else {}),
        "monty:corr_id": event.id or safe_text(edition.name),
        "monty:response_detail": _response(edition),
    }


def _response(edition: Edition) -> dict[str, str]:
    detail = {
        "type": DELINEATION,
        "source_id": edition.event.id,
        "status": "published",
        "producer": edition.attribution and safe_text(edition.attribution),
        "methodology": METHODOLOGY.get(edition.det_method),
    }
    return {name: value for name, value in detail.items() if value}
