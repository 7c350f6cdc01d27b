"""Properties of a STAC item: what a product is, when, whose, and how it came about."""

from datetime import datetime
from typing import Any

from pystac import Provider, ProviderRole

from tasks.core.metadata.capture_interval import capture_interval, utc
from tasks.core.metadata.descriptions import KEYWORDS, description, lineage, title, weaknesses
from tasks.core.metadata.hazards import hazard_of
from tasks.core.metadata.resource import Resource, spdx_id
from tasks.core.metadata.stac.monty import monty_properties
from tasks.core.metadata.stac.projection import projection_of
from tasks.core.product.edition import Edition
from tasks.core.product.mapped_pixel import mapped_pixel_m
from tasks.core.text import safe_text

# Results of analyses of lower levels, in the levels of the processing extension.
LEVEL = "L4"
# STAC's word for a licence that SPDX has no identifier for.
OTHER_LICENCE = "other"
UNKNOWN = "unknown"
MADE_INSTEAD = "Nothing says when the frames were taken: datetime is when the product was made."


def item_properties(resource: Resource) -> dict[str, Any]:
    """All properties that are known, but for ``datetime`` (``moment``)."""
    edition = resource.edition
    properties = {
        "title": safe_text(title(edition)),
        "description": safe_text(description(resource)),
        "keywords": [*KEYWORDS, hazard_of(edition.event).name.lower()],
        **_times(edition),
        "created": utc(edition.made),
        "updated": utc(edition.made),
        "gsd": resource.finest_gsd_m,
        **_rights(edition),
        **_processing(resource),
        **_version(edition),
        **projection_of(resource.layers),
        **monty_properties(edition, resource.countries),
        **_own(resource),
    }
    return {name: value for name, value in properties.items() if value is not None or name == "proj:code"}


def moment(edition: Edition) -> datetime | None:
    """``datetime`` of an item: the second of capture; None for a longer time; of the run where nothing is known."""
    interval = capture_interval(edition)
    if interval is None:
        return edition.made
    return interval.start if interval.start == interval.end else None


def _times(edition: Edition) -> dict[str, Any]:
    interval = capture_interval(edition)
    if interval is None:
        return {"flood_extent:datetime_note": MADE_INSTEAD}
    return {"start_datetime": utc(interval.start), "end_datetime": utc(interval.end)}


def _rights(edition: Edition) -> dict[str, Any]:
    if edition.licence is None:
        licence: dict[str, Any] = {}
    else:
        identifier = spdx_id(edition.licence)
        own_words = {"flood_extent:licence": safe_text(edition.licence)} if identifier is None else {}
        licence = {"license": identifier or OTHER_LICENCE, **own_words}
    if edition.attribution is None:
        return licence
    roles = [ProviderRole.PRODUCER, *([ProviderRole.LICENSOR] if licence else [])]
    provider = Provider(safe_text(edition.attribution), roles=roles)
    return {**licence, "attribution": provider.name, "providers": [provider.to_dict()]}


def _processing(resource: Resource) -> dict[str, Any]:
    return {
        "processing:datetime": utc(resource.edition.made),
        "processing:level": LEVEL,
        "processing:lineage": safe_text(lineage(resource)),
        "processing:software": dict(resource.versions),
    }


def _version(edition: Edition) -> dict[str, Any]:
    reason = None if edition.release_reason is None else safe_text(edition.release_reason)
    return {"version": str(edition.release), "deprecated": False, "flood_extent:release_reason": reason}


def _own(resource: Resource) -> dict[str, Any]:
    """What no extension has a field for."""
    edition, interval, pixel = resource.edition, capture_interval(resource.edition), mapped_pixel_m(resource.layers)
    own = {
        **resource.areas,
        "capture_precision": UNKNOWN if interval is None else interval.coarsest.value,
        "frames_with_capture_time": 0 if interval is None else interval.known,
        "frames": len(resource.frames),
        "footprint_tolerance_m": None if resource.place is None else resource.place.tolerance_m,
        "map_resolution_m": None if pixel is None else round(pixel[1], 3),
        "content_hash": resource.content_hash,
        "previous_content_hash": edition.previous_hash,
        "run_id": edition.run_id,
        "model_id": edition.model_id,
        "det_method": edition.det_method,
        "valid_stat": edition.valid_stat,
        "event_id": edition.event.id,
        "event_type": edition.event.type,
        "event_subtype": edition.event.subtype,
        "weaknesses": [safe_text(one) for one in weaknesses(resource)],
    }
    return {
        f"flood_extent:{name}": safe_text(value) if isinstance(value, str) else value for name, value in own.items()
    }
