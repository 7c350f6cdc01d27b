"""Places that are worth a person's look, each with what is doubted there and how much."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.core.arrays import FloatArray, IntArray, ObjectArray
from tasks.core.geo.grid import Grid

MOST = 100  # places of a kind, and in a layer: nobody looks at more


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Places of one kind in one CRS.

    Attributes:
        geometries: (n,) polygons or multipolygons.
        doubts: (n,) 0 to 1.
        reasons: (n,) a sentence each.
        left_out: How many more there were, of less weight.
    """

    geometries: ObjectArray
    doubts: FloatArray
    reasons: Sequence[str]
    left_out: int = 0


def heaviest(weights: FloatArray) -> IntArray:
    """Numbers of the largest weights, the largest first, as many as are looked at."""
    return np.argsort(-weights, kind="stable")[:MOST]


def pixel_side(grid: Grid) -> float:
    """The longer side of a pixel, in units of the CRS."""
    a, b, _, d, e, _ = grid.transform
    return float(max(np.hypot(a, d), np.hypot(b, e)))
