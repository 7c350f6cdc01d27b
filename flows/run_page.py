"""What a run shows on its page in the dashboard."""

from collections.abc import Sequence
from pathlib import Path

from tasks import artifacts
from tasks.core.layers import Layer
from tasks.core.ledger import Ledger
from tasks.core.report import RunRecord, markdown, tile_rows


def show_result(name: str, folder: Path, record: RunRecord, product: str) -> None:
    """The map, a row a tile, the report, and where the product is.

    Args:
        name: Of the dataset.
        folder: The product's files, before they are cleaned up.
        record: The run's record.
        product: The product's URI.
    """
    artifacts.show_overview(name, (folder / "overview.png").read_bytes(), _caption(record))
    artifacts.show_tiles(name, record["tiles"])
    artifacts.show_report(name, markdown(record))
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    artifacts.show_product(name, product, sorted(files))


def show_no_product(name: str, record: RunRecord) -> None:
    """A row a tile, with what was wrong; after a rejection the table of the review stays, for it has the figures."""
    if record["review"] is None:
        artifacts.show_tiles(name, record["tiles"])


def show_for_review(name: str, folder: Path, ledger: Ledger, layers: Sequence[Layer]) -> None:
    """Map and table as they would be, for the person who decides."""
    artifacts.show_overview(name, (folder / "overview.png").read_bytes(), "As it would be: your review decides.")
    artifacts.show_tiles(name, tile_rows(ledger.accounts, layers))


def _caption(record: RunRecord) -> str:
    area = record["totals"]
    return f"{area['flooded_ha']:,.2f} ha flooded of {area['observed_ha']:,.2f} ha observed."
