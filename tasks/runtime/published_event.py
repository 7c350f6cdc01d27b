"""The event that a product is in its place, for automations: catalogues, scoring, whatever follows."""

from typing import Any

from prefect.events import emit_event

from tasks.core.reports.run_json import RunRecord
from tasks.services import storage

PUBLISHED = "flood-extent.product.published"


def emit_published(record: RunRecord, product: str) -> None:
    """Emit it about the product's URI. Prefect adds run, flow, deployment and tags, and sends it in the background.

    A server that is slow or gone costs the run nothing: the event is then lost.
    """
    resource = {"prefect.resource.id": product, "prefect.resource.name": storage.name(product)}
    emit_event(PUBLISHED, resource, payload=payload(record, product))


def payload(record: RunRecord, product: str) -> dict[str, Any]:
    """What a catalogue or the next step needs: where the product is, which one, what ground and how much flood."""
    return {
        "uri": product,
        "content_hash": record["content_hash"],
        "dataset": record["dataset"],
        "flow_run_id": record["flow_run_id"],
        "bounds": record["bounds"],
        "flooded_ha": record["totals"]["flooded_ha"],
        "release": (record["edition"] or {}).get("release", 1),
    }
