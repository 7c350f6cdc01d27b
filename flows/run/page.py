"""What a run shows on its page in the dashboard."""

from collections.abc import Sequence
from pathlib import Path

from tasks.core.product.layers import Layer
from tasks.core.reports.report_markdown import RunRecord, markdown, tile_rows
from tasks.core.tiles.ledger import Ledger
from tasks.runtime import dashboard


def show_result(name: str, folder: Path, record: RunRecord, product: str) -> None:
    """The map, a row a tile, the report, and where the product is.

    Args:
        name: Of the dataset.
        folder: The product's files, before they are cleaned up.
        record: The run's record.
        product: The product's URI.
    """
    dashboard.show_overview(name, (folder / "overview.png").read_bytes(), _caption(record))
    dashboard.show_tiles(name, record["tiles"])
    dashboard.show_report(name, markdown(record))
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    dashboard.show_product(name, product, sorted(files))


def show_no_product(name: str, record: RunRecord) -> None:
    """A row a tile, with what was wrong; after a rejection the table of the review stays, for it has the figures."""
    if record["review"] is None:
        dashboard.show_tiles(name, record["tiles"])


def show_for_review(name: str, folder: Path, ledger: Ledger, layers: Sequence[Layer]) -> None:
    """Map and table as they would be, for the person who decides."""
    dashboard.show_overview(name, (folder / "overview.png").read_bytes(), "As it would be: your review decides.")
    dashboard.show_tiles(name, tile_rows(ledger.accounts, layers))


def _caption(record: RunRecord) -> str:
    area = record["totals"]
    return f"{area['flooded_ha']:,.2f} ha flooded of {area['observed_ha']:,.2f} ha observed."
