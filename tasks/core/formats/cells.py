"""A layer's attributes as plain values, for the formats that GDAL does not write."""

from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.core.formats.vector_files import encodable

Cell = int | float | str | None


def cells(values: npt.NDArray[Any]) -> list[Cell]:
    """A column's values; None for what is not known: NaN, masked, None. Texts are valid, infinite reals are texts."""
    if values.dtype.kind == "O":
        texts: list[Cell] = encodable(values).tolist()
        return texts
    plain: list[Cell] = np.ma.getdata(values).tolist()
    unknown = np.ma.getmaskarray(values)
    odd = unknown if values.dtype.kind != "f" else unknown | ~np.isfinite(np.ma.getdata(values))
    for row in np.flatnonzero(odd):
        plain[row] = None if unknown[row] or np.isnan(values[row]) else str(plain[row])
    return plain
