"""The key figures of the sheet, as ``run.json`` and the product's tables have them."""

from collections.abc import Sequence
from typing import Any

from tasks.core.exposure.exposed import Kind
from tasks.core.exposure.exposure_summary import SUMMARY
from tasks.core.overview.sheets.figures import Exposed, Figures
from tasks.core.product.layer import Layer
from tasks.core.reports.run_json import totals

M_PER_KM = 1000
# What of a feature, or of all of it, counts: flooded in part is flooded; not assessed in part is not dry.
FLOODED, UNKNOWN = ("n_flooded", "n_partly"), ("n_partnot", "n_notass", "n_outside")


def figures_of(layers: Sequence[Layer]) -> Figures:
    """Of a product's layers."""
    found = totals(layers)
    rows = [row for layer in layers if layer.base == SUMMARY for row in _rows(layer)]
    return Figures(found["flooded_ha"], found["observed_ha"], found["not_assessed_ha"], tuple(rows))


def _rows(summary: Layer) -> list[Exposed]:
    names = list(summary.columns)
    rows = zip(*(values.tolist() for values in summary.columns.values()), strict=True)
    return [_exposed(dict(zip(names, row, strict=True))) for row in rows]


def _exposed(row: dict[str, Any]) -> Exposed:
    """Lines by their length, all else by number."""
    layer = str(row["layer"]).removeprefix("exposure_").replace("_", " ")
    label = layer if row["class"] is None else f"{layer}: {row['class'] or 'no class'}"
    if row["kind"] == str(Kind.LINE):
        unknown_m = row["notass_m"] + row["out_m"]
        return Exposed(label, _km(row["length_m"]), _km(row["flood_m"]), _km(unknown_m))
    return Exposed(label, f"{row['number']:,}", _number(row, FLOODED), _number(row, UNKNOWN))


def _number(row: dict[str, Any], names: Sequence[str]) -> str:
    return f"{sum(row[name] for name in names):,}"


def _km(length_m: float) -> str:
    return f"{length_m / M_PER_KM:,.1f} km"
