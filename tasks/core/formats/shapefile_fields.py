"""Fields of a shapefile's table: their names, and what would be lost in them.

A dBASE table holds texts of at most 254 bytes and numbers as decimals: GDAL writes reals with 24 characters, of which
15 are decimals where there is room, and integers with 18. Many programs read numbers of more than 9 digits as doubles.

Sources: ESRI Shapefile Technical Description (1998); dBASE III's table format; GDAL's manual of the driver, and what
GDAL 3.12 was seen to write.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.core.arrays import FloatArray
from tasks.core.product.layer import Layer

# Field names longer than dBASE's 10 characters, by their name in the GeoPackage.
SHORT_FIELDS: Mapping[str, str] = {
    "observed_elsewhere": "obs_else",
    "observed_m2": "obs_m2",
    "unanswered_m2": "unansw_m2",
}
FIELD_NAME_CHARACTERS = 10
TEXT_BYTES = 254
LEAST_TEXT_BYTES = 80
NUMBER_BYTES = {"i": 18, "f": 24}

LARGEST_INTEGER = 2**53  # beyond it a double does not hold every integer
TOO_LARGE_REAL = 1e22  # 23 digits and a sign fill the field
REAL_DECIMALS = 15
LOSS = 1e-9  # of a real, relative: less than that is none


def field_names(layer: Layer) -> dict[str, str]:
    """The name in a shapefile of each column.

    Raises:
        ValueError: One is too long and is not mapped, or two would be the same; case does not tell fields apart.
    """
    names = {name: SHORT_FIELDS.get(name, name) for name in layer.columns}
    counts = Counter(short.casefold() for short in names.values())
    for name, short in names.items():
        if len(short) > FIELD_NAME_CHARACTERS:
            raise ValueError(f"{name}: a shapefile's field name has at most {FIELD_NAME_CHARACTERS} characters: map it")
        if counts[short.casefold()] > 1:
            raise ValueError(f"{name}: two fields of a shapefile would be called {short}: map it otherwise")
    return names


def loss(values: npt.NDArray[Any]) -> str | None:
    """What a column would lose in the table, for a person; None where all of it comes back.

    A real comes back where its relative error is 1e-9 or less.
    """
    if values.dtype.kind == "O":
        longest = longest_text_bytes(values)
        return f"a text has {longest:,} bytes, and a field holds {TEXT_BYTES}" if longest > TEXT_BYTES else None
    known = np.ma.compressed(np.ma.masked_invalid(values)) if values.dtype.kind == "f" else np.ma.compressed(values)
    if values.dtype.kind == "i":
        lost = known[(known > LARGEST_INTEGER) | (known < -LARGEST_INTEGER)]
    else:
        lost = np.append(known[_is_lost(known)], _infinite(values))
    return f"{lost[0]} would lose digits" if len(lost) else None


def longest_text_bytes(values: npt.NDArray[Any]) -> int:
    """Bytes in UTF-8 of the longest text of a column; 0 without any."""
    return max((len(str(value).encode(errors="replace")) for value in values if value is not None), default=0)


def row_bytes(layer: Layer) -> int:
    """Bytes of one row of the table, as GDAL widens fields."""
    return 1 + sum(_width(values) for values in layer.columns.values())


def _infinite(values: npt.NDArray[Any]) -> FloatArray:
    known = np.ma.compressed(values)
    return np.asarray(known[np.isinf(known)], np.float64)


def _is_lost(values: FloatArray) -> npt.NDArray[np.bool_]:
    size = np.abs(values)
    small = np.minimum(size, 1.0)
    return (size >= TOO_LARGE_REAL) | (np.abs(np.round(small, REAL_DECIMALS) - small) > LOSS * small)


def _width(values: npt.NDArray[Any]) -> int:
    if values.dtype.kind in NUMBER_BYTES:
        return NUMBER_BYTES[values.dtype.kind]
    return min(TEXT_BYTES, max(longest_text_bytes(values), LEAST_TEXT_BYTES))
