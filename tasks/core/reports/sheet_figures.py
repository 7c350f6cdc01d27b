"""The key figures of the sheet, as ``run.json`` has them."""

from collections.abc import Sequence

from tasks.core.overview.sheets.figures import Figures
from tasks.core.product.layer import Layer
from tasks.core.reports.run_json import totals


def figures_of(layers: Sequence[Layer]) -> Figures:
    """Of a product's layers."""
    found = totals(layers)
    return Figures(found["flooded_ha"], found["observed_ha"], found["not_assessed_ha"])
