"""Coordinates by their order alone: places along an axis, numbered, with what rounding tells apart taken as one.

Places are runs of coordinates without a gap above the tolerance, kept by their two ends. What lies between the ends
decides nothing, so that runs of parts of a scene, merged, are the runs of the whole: exactly, in any order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np

from tasks.core.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Places along one axis, ascending.

    Attributes:
        lows: (n,) least coordinate of each.
        highs: (n,) greatest coordinate of each.
    """

    lows: FloatArray
    highs: FloatArray

    @classmethod
    def of(cls, coordinates: FloatArray, tolerance: float) -> Self:
        """The places of coordinates: gaps no wider than the tolerance part none."""
        values = np.sort(coordinates)
        return cls._runs(values, values, tolerance)

    @classmethod
    def merged(cls, parts: Iterable["Places"], tolerance: float) -> Self:
        """The places of all coordinates that the parts were made of."""
        known = list(parts)
        lows = np.concatenate([np.empty(0), *(part.lows for part in known)])
        highs = np.concatenate([np.empty(0), *(part.highs for part in known)])
        order = np.argsort(lows, kind="stable")
        return cls._runs(lows[order], np.maximum.accumulate(highs[order]), tolerance)

    @classmethod
    def _runs(cls, lows: FloatArray, highs: FloatArray, tolerance: float) -> Self:
        """Runs of intervals sorted by their lower ends; ``highs`` are the greatest so far."""
        if not len(lows):
            return cls(lows, highs)
        starts = np.append(True, lows[1:] - highs[:-1] > tolerance)
        return cls(lows[starts], highs[np.append(starts[1:], True)])

    def ranks(self, coordinates: FloatArray) -> IntArray:
        """The number of the place of each coordinate, which must be among those that the places were made of."""
        return np.searchsorted(self.lows, coordinates, side="right") - 1

    def __len__(self) -> int:
        return len(self.lows)
