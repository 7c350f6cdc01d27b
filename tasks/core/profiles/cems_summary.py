"""The summary table of Copernicus EMS, "Consequences within the AOI", with what was not analysed beside what was found.

Units are those of its manual: hectares of what is flooded, kilometres of lines, hectares and numbers of polygons,
numbers of points. The column ``Not analysed`` is ours: the table of Copernicus EMS has what nobody looked at among what
is not affected.

Source: Joint Research Centre, Manual for CEMS Rapid Mapping Products (JRC121741, 2020), exposure and consequences.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from tasks.core.formats.cells import Cell
from tasks.core.formats.workbook import Sheet
from tasks.core.geo.areas import M2_PER_HECTARE
from tasks.core.product.layer import Layer
from tasks.core.profiles.cems_layers import CemsLayers, hectares

TITLE = "Consequences within the AOI"
EXPOSURE = "exposure_summary"
NUMBER, HECTARES, KILOMETRES = "Nr", "ha", "km"
M_PER_KM = 1_000
DECIMALS = 4  # of hectares and kilometres: 1 m², and 10 cm


class Row(NamedTuple):
    """Of what how much is affected, how much there is, and of how much nobody knows; None where not known."""

    category: str
    unit: str
    affected: float | None
    total: float | None
    not_analysed: float | None


def summary_sheet(cems: CemsLayers, layers: Sequence[Layer]) -> Sheet:
    """The table.

    Args:
        cems: The layers of the package.
        layers: Of the product, with ``exposure_summary`` where anything was given as exposure. Its total is what lies
            in the frames and in the area of interest.
    """
    rows = [_flooded(cems)]
    for layer in layers:
        if layer.base == EXPOSURE:
            rows += [row for one in _records(layer) for row in _exposed(one)]
    names = ("Category", "Unit of measurement", "Affected", "Total in AOI", "Not analysed")
    columns: list[list[Cell]] = [[row[number] for row in rows] for number in range(len(names))]
    return Sheet(TITLE, dict(zip(names, columns, strict=True)))


def _flooded(cems: CemsLayers) -> Row:
    """The ground itself: what no frame shows was not analysed, either."""
    affected = float(np.asarray(cems.observed_event.columns["area"]).sum())
    missing = float(np.asarray(cems.not_analysed.columns["area"]).sum()) + cems.unseen_ha
    total = hectares(cems.area_of_interest.geometries.tolist())
    return Row("Flooded area", HECTARES, *(round(value, DECIMALS) for value in (affected, total, missing)))


def _records(layer: Layer) -> Iterator[dict[str, Any]]:
    values = [np.ma.filled(column.astype(np.object_), None) for column in layer.columns.values()]
    yield from (dict(zip(layer.columns, row, strict=True)) for row in zip(*values, strict=True))


def _exposed(one: dict[str, Any]) -> Iterator[Row]:
    """Of all features of an input, or of one class: by length or area, and by number unless they are lines."""
    category = str(one["input"]) if one["class"] is None else f"{one['input']}: {one['class'] or 'no class'}"
    if one["kind"] == "line":
        yield _measured(category, KILOMETRES, one, "length_m", "m", M_PER_KM)
        return
    if one["kind"] == "polygon":
        yield _measured(category, HECTARES, one, "area_m2", "m2", M2_PER_HECTARE)
    inside = one["number"] - one["n_outside"] - one["n_nogeom"]
    yield Row(category, NUMBER, one["n_flooded"] + one["n_partly"], inside, one["n_notass"] + one["n_partnot"])


def _measured(category: str, unit: str, one: dict[str, Any], whole: str, ending: str, per_unit: int) -> Row:
    amounts = (one[f"flood_{ending}"], one[whole] - one[f"out_{ending}"], one[f"notass_{ending}"])
    return Row(category, unit, *(round(float(amount) / per_unit, DECIMALS) for amount in amounts))
