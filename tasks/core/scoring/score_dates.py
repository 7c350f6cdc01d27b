"""Whether a reference is of the date of the frames that a product was made from: flood of another day is no truth."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tasks.core.tiles.run_names import MONTH, month_of

# A year by itself; behind these letters it is that of a datum.
YEAR = re.compile(r"(?<!\d)(?<!gda)(?<!wgs)(?<!nad)(?<!itrf)(?<!etrs)((?:19|20)\d\d)(?!\d)", re.IGNORECASE)
DATE_FIELD = re.compile(r"date|(?:^|_)(?:day|time|year|acquired|observed)", re.IGNORECASE)

Columns = Mapping[str, npt.NDArray[np.generic]]


def flight_dates(tiles: Iterable[str], product_name: str) -> frozenset[str]:
    """The month that all tiles name, as ``2021-04``, else what the product's name says; empty where neither does."""
    month = month_of(tiles)
    return dates_in(product_name) if month is None else frozenset({month})


def reference_dates(path: Path, layer: str, columns: Columns) -> frozenset[str]:
    """The months or years that a reference names: in its fields of dates, else its layer, its file, its folder.

    Args:
        path: The file.
        layer: Name of its layer.
        columns: Values of its fields, by name.
    """
    dated = [name for name, values in columns.items() if values.dtype.kind == "M" or DATE_FIELD.search(name)]
    in_fields = frozenset(
        date for name in dated for value in set(columns[name].tolist()) for date in dates_in(str(value))
    )
    named = (dates_in(text) for text in (layer, path.stem, path.absolute().parent.name))
    return in_fields or next((dates for dates in named if dates), frozenset())


def dates_in(text: str) -> frozenset[str]:
    """Months as ``2021-04``; where the text names none, years."""
    months = frozenset("-".join(found.groups()) for found in MONTH.finditer(text))
    return months or frozenset(YEAR.findall(text))


def differ(flight: Iterable[str], reference: Iterable[str]) -> bool:
    """Whether both name dates, and none of the one fits any of the other: a year fits its months."""
    pairs = [(one, other) for one in flight for other in reference]
    return bool(pairs) and not any(one.startswith(other) or other.startswith(one) for one, other in pairs)
