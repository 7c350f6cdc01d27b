"""The event that a product is in its place, for automations: catalogues, scoring, whatever follows."""

from prefect.events import emit_event

from tasks.core.reports.run_json import RunRecord
from tasks.services import storage

PUBLISHED = "flood-extent.product.published"


def emit_published(record: RunRecord, product: str) -> None:
    """Emit it about the product's URI. Prefect adds run, flow, deployment and tags, and sends it in the background.

    A server that is slow or gone costs the run nothing: the event is then lost.
    """
    resource = {"prefect.resource.id": product, "prefect.resource.name": storage.name(product)}
    names = ("content_hash", "dataset", "flow_run_id")
    emit_event(PUBLISHED, resource, payload={name: record[name] for name in names})  # type: ignore[literal-required]
