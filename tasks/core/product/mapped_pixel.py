"""How fine a map is: the side of its pixels on the ground, which is not that of the imagery's."""

from collections.abc import Sequence

import numpy as np

from tasks.core.arrays import FloatArray
from tasks.core.product.layer import Column, Layer

PIXEL_M = "pixel_m"  # column of the layer tiles
ALIKE = 1.01  # by which pixels of one width differ over a scene in degrees


def mapped_pixel_m(layers: Sequence[Layer]) -> tuple[float, float] | None:
    """Side of the smallest and of the largest mapped pixel, metres on the ellipsoid; None where no tile was mapped."""
    sides = [_known(layer.columns[PIXEL_M]) for layer in layers if PIXEL_M in layer.columns]
    known = np.concatenate(sides) if sides else np.empty(0)
    return (float(known.min()), float(known.max())) if known.size else None


def pixel_text(smallest_and_largest: Sequence[float] | None) -> str:
    """For a person: ``1.5 m``, ``1.5 to 2 m``; empty where nothing was mapped."""
    if smallest_and_largest is None:
        return ""
    smallest, largest = smallest_and_largest
    return f"{smallest:.3g} m" if largest < smallest * ALIKE else f"{smallest:.3g} to {largest:.3g} m"


def _known(sides: Column) -> FloatArray:
    metres = np.asarray(sides, np.float64)
    return metres[~np.isnan(metres)]
