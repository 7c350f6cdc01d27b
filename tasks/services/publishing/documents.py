"""What a product's folder says of itself: reports, metadata, sums and record, written when all else is there."""

from collections.abc import Sequence
from pathlib import Path

from tasks.core.metadata.metadata_files import write_metadata
from tasks.core.overview.quicklook import read_quicklook
from tasks.core.product.edition import Edition
from tasks.core.product.layer import Layer
from tasks.core.reports.html.pictures import Imagery
from tasks.core.reports.html_report import REPORT, html_report
from tasks.core.reports.report_markdown import markdown
from tasks.core.reports.run_json import RunRecord, to_json
from tasks.core.reports.sums import SUMS, sums
from tasks.services.publishing.product_folder import hashes_of
from tasks.services.work_directory.run_records import RECORD


def write_documents(folder: Path, record: RunRecord, layers: Sequence[Layer], edition: Edition) -> RunRecord:
    """Write ``report.md``, ``report.html``, ``item.json``, ``metadata.xml``, ``SHA256SUMS`` and ``run.json``.

    Args:
        folder: The product, with all its other files but the zip.
        record: Of the run, without its files.
        layers: The product's layers.
        edition: What the product says of itself.

    Returns:
        The record with the hashes of the files.
    """
    (folder / "report.md").write_bytes(markdown(record).encode())
    (folder / REPORT).write_bytes(html_report(record, layers, edition, _imagery(folder)))
    write_metadata(folder, edition, layers, edition.event.countries)
    (folder / SUMS).write_bytes(sums(hashes_of(folder)))
    complete: RunRecord = {**record, "files": dict(sorted(hashes_of(folder).items()))}
    (folder / RECORD).write_bytes(to_json(complete))
    return complete


def _imagery(folder: Path) -> list[Imagery]:
    """What lies below the map of ``report.html``: the imagery in small, where it was drawn."""
    return [
        Imagery(jpeg, (grid.transform[2], grid.corners[2][1], grid.corners[2][0], grid.transform[5]), grid.crs)
        for grid, jpeg in read_quicklook(folder)
    ]
