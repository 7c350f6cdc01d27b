"""The table of exposure: numbers, lengths and areas by input and class; of these, what is flooded and what unseen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.core.arrays import FloatArray
from tasks.core.exposure.exposed import Kind
from tasks.core.exposure.measuring import Measures, Status
from tasks.core.product.assessment import objects
from tasks.core.product.layer import Column, Layer, table

SUMMARY = "exposure_summary"
NUMBERS = {
    "n_flooded": Status.FLOODED,
    "n_partly": Status.PARTLY_FLOODED,
    "n_dry": Status.DRY,
    "n_partnot": Status.PARTLY_NOT_ASSESSED,
    "n_notass": Status.NOT_ASSESSED,
    "n_outside": Status.OUTSIDE,
    "n_nogeom": Status.NO_GEOMETRY,
}


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """Features that are counted together.

    Attributes:
        layer: The layer that they are in.
        source: Where they are from.
        kind: By what they are measured.
        class_name: Their class; None where all of a layer are counted.
        measures: Of each.
        unread: How many more the file has; None where that is not known of these.
    """

    layer: str
    source: str
    kind: Kind
    class_name: str | None
    measures: Measures
    unread: int | None

    def total(self, name: str, unit: str) -> float:
        """Sum of a measure over all features, NaN where they are not measured in this unit."""
        if self.kind.unit != unit:
            return np.nan
        return float(np.nansum({"whole": self.measures.whole, **self.measures.parts}[name]))

    def beside(self, most_m: float) -> int:
        """How many have no flood, but some no further away than this: a roof hides what stands around its walls."""
        return int(((self.measures.flood == 0) & (self.measures.distance_m <= most_m)).sum())

    def percent(self, part: FloatArray) -> float:
        """Share of a part in the whole of all features; NaN where there is none."""
        whole = np.nansum(self.measures.whole)
        return float(100 * np.nansum(part) / whole) if whole else np.nan


def summary(rows: Sequence[Row], beside_m: float) -> Layer:
    """The table ``exposure_summary``; its sums are those of the layers' columns.

    Args:
        rows: Features that are counted together, in the order of the table.
        beside_m: How far from flood a feature without any lies at most to be counted as beside it.
    """
    columns: dict[str, Column] = {
        "layer": objects([row.layer for row in rows]),
        "input": objects([row.source for row in rows]),
        "kind": objects([str(row.kind) for row in rows]),
        "class": objects([row.class_name for row in rows]),
        "number": np.array([len(row.measures) for row in rows], np.int64),
    }
    columns |= {name: _count(rows, status) for name, status in NUMBERS.items()}
    columns["n_beside"] = np.array([row.beside(beside_m) for row in rows], np.int64)
    columns["n_notread"] = np.ma.masked_array(
        np.array([row.unread or 0 for row in rows], np.int64), [row.unread is None for row in rows]
    )
    for kind in (Kind.LINE, Kind.POLYGON):
        columns |= _amounts(rows, kind)
    columns["flood_pct"] = _floats(rows, lambda row: row.percent(row.measures.flood))
    columns["unseen_pct"] = _floats(rows, lambda row: row.percent(row.measures.unseen))
    return table(SUMMARY, columns)


def _count(rows: Sequence[Row], status: Status) -> Column:
    return np.array([(row.measures.statuses == str(status)).sum() for row in rows], np.int64)


def _amounts(rows: Sequence[Row], kind: Kind) -> dict[str, Column]:
    unit = str(kind.unit)
    columns: dict[str, Column] = {kind.whole: _floats(rows, lambda row: row.total("whole", unit))}
    for name in ("flood", "dry", "notass", "out"):
        columns[f"{name}_{unit}"] = _floats(rows, lambda row, name=name: row.total(name, unit))  # type: ignore[misc]
    return columns


def _floats(rows: Sequence[Row], value: Callable[[Row], float]) -> FloatArray:
    return np.array([value(row) for row in rows], np.float64)
