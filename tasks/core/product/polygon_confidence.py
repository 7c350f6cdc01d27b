"""How sure the model was of each polygon, and of the holes in it: sums over the regions of the tiles.

A region belongs to the polygon that its first pixel lies in. Ground that several tiles saw counts as often.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import shapely

from tasks.core.arrays import BoolMask, FloatArray, IntArray, ObjectArray
from tasks.core.joining.uniting import as_multipolygons
from tasks.core.polygons.regions import LEVELS, SURE_LEVEL
from tasks.core.product.assessment import objects
from tasks.core.product.layer import AnsweredTile
from tasks.core.product.places import Places, heaviest

CONF_MEAN, CONF_P10 = "conf_mean", "conf_p10"  # columns of the layer flood_extent
UNSURE = 0.5  # halfway between a toss-up and sure: of two labels, the likelier has a probability below 3/4
TENTH = 0.1
FLOOD_UNSURE = "the model is not sure of this flood (confidence {mean:.2f})"
HOLE_UNSURE = "the model is not sure that this hole in the flood is dry (confidence {mean:.2f})"


@dataclass(frozen=True, slots=True, eq=False)
class AllRegions:
    """The regions of all tiles of one CRS; of tiles without confidence there are none.

    Attributes:
        points: (n,) a point in each.
        is_wet: (n,) whether each is flood.
        region_of: (m,) region of each cell of the histograms.
        levels: (m,) confidence of each cell's pixels.
        counts: (m,) pixels of each cell.
    """

    points: ObjectArray
    is_wet: BoolMask
    region_of: IntArray
    levels: IntArray
    counts: IntArray

    @classmethod
    def of(cls, tiles: Sequence[AnsweredTile]) -> Self:
        """Gather them."""
        known = [(tile.extent.regions, tile.grid) for tile in tiles if tile.extent.regions is not None]
        starts = np.cumsum([0, *(len(regions.pixels) for regions, _ in known)])
        none = np.empty(0, np.int64)
        return cls(
            shapely.points(np.concatenate([np.empty((0, 2)), *(regions.centres(grid) for regions, grid in known)])),
            np.concatenate([none.astype(np.bool_), *(regions.is_wet for regions, _ in known)]),
            np.concatenate([none, *(one.region_of + at for (one, _), at in zip(known, starts[:-1], strict=True))]),
            np.concatenate([none, *(regions.levels for regions, _ in known)]),
            np.concatenate([none, *(regions.counts for regions, _ in known)]),
        )

    def within(self, polygons: ObjectArray, *, wet: bool) -> IntArray:
        """(k, LEVELS) pixels by confidence of the wet or the dry regions in each of (k,) polygons.

        What lies in several polygons counts for the smallest of them: that of a hole within a hole.
        """
        chosen = np.flatnonzero(self.is_wet == wet)
        polygon, point = shapely.STRtree(self.points[chosen]).query(polygons, predicate="contains")
        order = np.argsort(-shapely.area(polygons)[polygon], kind="stable")
        polygon_of = np.full(len(self.points), -1)
        polygon_of[chosen[point[order]]] = polygon[order]  # of several values the last one stays
        owner = polygon_of[self.region_of]
        table = np.zeros((len(polygons), LEVELS), np.int64)
        np.add.at(table, (owner[owner >= 0], self.levels[owner >= 0]), self.counts[owner >= 0])
        return table


def mean(table: IntArray) -> FloatArray:
    """(k,) mean confidence, 0 to 1, of pixels (k, LEVELS) by confidence; NaN where there are none."""
    pixels = table.sum(axis=1, dtype=np.float64)
    sums = table @ np.linspace(0, 1, LEVELS)
    return np.asarray(np.divide(sums, pixels, out=np.full(len(table), np.nan), where=pixels > 0))


def least_sure_tenth(table: IntArray) -> FloatArray:
    """(k,) confidence, 0 to 1, which a tenth of the pixels (k, LEVELS) do not surpass; NaN where there are none."""
    reached = np.cumsum(table, axis=1)
    pixels = reached[:, -1]
    level = (reached >= TENTH * pixels[:, None]).argmax(axis=1)
    return np.where(pixels > 0, level / SURE_LEVEL, np.nan)


def unsure_polygons(flood: ObjectArray, confidence: FloatArray) -> Places:
    """Polygons of which the model was not sure, by its mean confidence (n,) in each."""
    return _unsure(flood, confidence, FLOOD_UNSURE)


def unsure_holes(flood: ObjectArray, regions: AllRegions) -> Places:
    """Holes of which the model was not sure that they are dry; islands in them are no part of the place."""
    rings, owner = shapely.get_rings(flood, return_index=True)
    holes = shapely.polygons(rings[np.diff(owner, prepend=-1) == 0])
    found = _unsure(holes, mean(regions.within(holes, wet=False)), HOLE_UNSURE)
    islands = shapely.polygons(shapely.get_exterior_ring(flood))  # what lies in their holes is another place
    island_of, island = shapely.STRtree(islands).query(found.geometries, predicate="contains")
    dry = [
        shapely.difference(hole, shapely.union_all(islands[island[island_of == number]]))
        for number, hole in enumerate(found.geometries)
    ]
    return replace(found, geometries=as_multipolygons(objects(dry)))


def _unsure(polygons: ObjectArray, confidence: FloatArray, reason: str) -> Places:
    unsure = np.flatnonzero(confidence < UNSURE)
    chosen = unsure[heaviest(shapely.area(polygons[unsure]) * (1 - confidence[unsure]))]
    reasons = [reason.format(mean=one) for one in confidence[chosen]]
    return Places(polygons[chosen], 1 - confidence[chosen], reasons, len(unsure) - len(chosen))
