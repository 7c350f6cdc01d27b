"""Stage report: the overview map, run.json for programs, report.md for people."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from prefect.logging import get_run_logger

from tasks.core.errors import ObjectMissing, RecordMismatch
from tasks.core.geo.grid import Grid
from tasks.core.metadata.footprint import wgs84_bounds
from tasks.core.overview.overview import draw
from tasks.core.overview.quicklook import write_quicklook
from tasks.core.overview.sheets.pdf_sheet import draw_pdf
from tasks.core.product.edition import Edition
from tasks.core.product.layer import Layer
from tasks.core.reports.run_json import RunRecord, run_record
from tasks.core.reports.sheet_figures import figures_of
from tasks.core.smoothing.proof import Proof
from tasks.core.tiles.ledger import Account, Ledger
from tasks.runtime.policies import run_task
from tasks.runtime.reading_ahead import read_ahead
from tasks.services.publishing.documents import write_documents
from tasks.services.work_directory import tile_files
from tasks.services.work_directory.cached_files import discard

PDF = "pdf"


@run_task(name="draw-overview")
def draw_overview(
    folder: Path, ledger: Ledger, layers: Sequence[Layer], edition: Edition, formats: Sequence[str] = ()
) -> None:
    """Draw the sheet for a briefing, ``overview.png`` (and ``overview.pdf``), and the imagery alone, in small."""
    imagery, figures = write_quicklook(layers, _previews(ledger), folder), figures_of(layers)
    (folder / "overview.png").write_bytes(draw(layers, imagery, edition=edition, figures=figures))
    if PDF in formats:
        (folder / "overview.pdf").write_bytes(draw_pdf(layers, imagery, edition=edition, figures=figures))


def _previews(ledger: Ledger) -> Iterator[tuple[Grid, bytes]]:
    """Grid and small JPEG of every tile that was prepared."""
    usable = (one for one in ledger.accounts if one.job.grid is not None and one.job.tile.problem is None)
    return (found for found in read_ahead(_preview, usable) if found is not None)


def _preview(account: Account) -> tuple[Grid, bytes] | None:
    job = account.job
    try:
        return job.resized, tile_files.preview(job, account.files.get("prepare"))
    except ObjectMissing:
        return None
    except RecordMismatch as error:
        get_run_logger().warning("%s: the map is without its imagery: %s", job.tile.id, error)
        discard(error)
        return None


@run_task(name="report")
def write_report(
    folder: Path,
    ledger: Ledger,
    layers: Sequence[Layer],
    edition: Edition,
    warnings: Sequence[str],
    proof: Proof | None,
    **facts: Any,
) -> RunRecord:
    """Write reports, metadata, sums and record beside the layers.

    Args:
        folder: The product, with all its other files.
        ledger: What became of each tile.
        layers: The product's layers.
        edition: What the product says of itself.
        warnings: About the product as a whole.
        proof: What smoothing has cost; None where nothing was smoothed.
        facts: The other arguments of ``run_json.run_record``.
    """
    known: dict[str, Any] = {"accounts": ledger.accounts, "layers": layers, "edition": edition, "warnings": warnings}
    known["smoothing"] = proof
    record = run_record(**known, bounds=wgs84_bounds(layers), **facts)
    record = write_documents(folder, record, layers, edition)
    get_run_logger().info("content hash %s", record["content_hash"])
    return record
