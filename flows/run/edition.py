"""What a run's product says of itself: event, frames, rights, release."""

from flows.run.run import Run
from tasks.core.product.edition import Edition
from tasks.core.redaction import redact
from tasks.core.reports.editions import sources_of
from tasks.services import storage
from tasks.services.work_directory import run_records

REVIEWED = "reviewed"
BEFORE = "Water is told apart from flood as far as {name} shows it; what is missing there counts as flood."
UNSURE = "The model's threshold is unsure: {doubt}."


def edition_of(run: Run) -> Edition:
    """Gather it from what was asked, what became of each tile, and what a person has decided."""
    asked = run.parameters
    area = asked.area_of_interest
    return Edition(
        name=run.dataset_name,
        dataset=str(redact(storage.resolve(asked.dataset))),
        event=asked.event,
        sources=sources_of(run.tiles.ledger.accounts, asked.captured),
        run_id=str(run.id),
        model_id=run.tiles.model_identity,
        made=run.started,
        release=asked.release,
        release_reason=asked.release_reason,
        licence=asked.licence,
        attribution=asked.attribution,
        previous_hash=_replaced(run) if asked.release > 1 else None,
        area_of_interest=None if area is None else storage.name(storage.resolve(area)),
        weaknesses=_weaknesses(run),
        **({} if run.decision is None else {"valid_stat": REVIEWED}),
    )


def _replaced(run: Run) -> str | None:
    """Content hash of the product that this one replaces; None where there is none."""
    record = run_records.read(storage.join(run.destination, run_records.RECORD)) or {}
    content_hash = record.get("content_hash")
    return content_hash if isinstance(content_hash, str) and content_hash else None


def _weaknesses(run: Run) -> tuple[str, ...]:
    before = run.parameters.normal_water
    told_apart = () if before is None else (BEFORE.format(name=storage.name(storage.resolve(before))),)
    return (*told_apart, *(UNSURE.format(doubt=doubt.rstrip(".")) for doubt in run.tiles.doubts))
