"""Outlines of layers for the page's map: as few vertices as a screen needs, as whole numbers.

Each ring or line is thinned on its own (Douglas and Peucker 1973): what is only drawn need not be valid. A ring that is
smaller than the tolerance goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import shapely

from tasks.core.arrays import IntArray, ObjectArray
from tasks.core.reports.html.map_plane import MapPlane

VERTICES = 250_000  # some 2 MB on the page
# In mapped pixels. A border along pixels at 45 degrees is steps of 0.71 pixels.
FIRST_TOLERANCE, GROWTH = 0.75, 2.0
POLYGON = 3  # of shapely.get_type_id
COLLECTIONS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """Rings of polygons, lines and points of a layer.

    Attributes:
        lines: (n,) lines and points; rings are lines whose ends meet.
        part_of: (n,) int64, ascending: the polygon, line or point that each belongs to.
        is_ring: (n,) bool.
        feature_of: Of each part, int64, ascending: the row of the layer.
        features: How many rows the layer has.
    """

    lines: ObjectArray
    part_of: IntArray
    is_ring: np.ndarray[Any, np.dtype[np.bool_]]
    feature_of: IntArray
    features: int

    @classmethod
    def of(cls, geometries: ObjectArray) -> "Outlines":
        """All outlines of geometries (None among them), whatever their types."""
        parts, feature_of = shapely.get_parts(geometries, return_index=True)
        while (shapely.get_type_id(parts) >= COLLECTIONS).any():
            parts, inner = shapely.get_parts(parts, return_index=True)
            feature_of = feature_of[inner]
        is_there = ~shapely.is_empty(parts)
        parts, feature_of = parts[is_there], feature_of[is_there]
        polygons = np.flatnonzero(shapely.get_type_id(parts) == POLYGON)
        others = np.flatnonzero(shapely.get_type_id(parts) != POLYGON)
        rings, ring_of = shapely.get_rings(parts[polygons], return_index=True)
        part_of = np.concatenate([polygons[ring_of], others])
        order = np.argsort(part_of, kind="stable")
        lines = np.concatenate([_as_lines(rings), parts[others]])
        is_ring = np.arange(len(part_of)) < len(rings)
        return cls(lines[order], part_of[order], is_ring[order], feature_of, len(geometries))

    @property
    def vertices(self) -> int:
        """How many there are."""
        return int(shapely.get_num_coordinates(self.lines).sum())

    def thinned(self, tolerance: float) -> "Outlines":
        """The same with fewer vertices, none further from its line than ``tolerance`` (CRS units)."""
        lines = shapely.simplify(self.lines, tolerance, preserve_topology=False)
        west, south, east, north = shapely.bounds(lines).T
        is_seen = ~self.is_ring | (np.maximum(east - west, north - south) >= tolerance)
        return replace(self, lines=lines[is_seen], part_of=self.part_of[is_seen], is_ring=self.is_ring[is_seen])

    def to_lists(self, plane: MapPlane) -> list[list[Any]]:
        """Of each row the parts: a polygon as list of rings, a line or a point by itself.

        Rings, lines and points are flat lists of steps: x and y of the first vertex, then how far it is to each next.
        The end of a ring, which is its start, is left out.
        """
        features: list[list[Any]] = [[] for _ in range(self.features)]
        last = -1
        for part, is_ring, line in zip(self.part_of.tolist(), self.is_ring.tolist(), self._steps(plane), strict=True):
            row = features[self.feature_of[part]]
            if not is_ring:
                row.append(line)
            elif part == last:
                row[-1].append(line)
            else:
                row.append([line])
            last = part
        return features

    def _steps(self, plane: MapPlane) -> list[list[int]]:
        coordinates, line_of = shapely.get_coordinates(self.lines, return_index=True)
        steps = plane.steps(coordinates)
        is_first = np.diff(line_of, prepend=-1) != 0
        is_last = np.append(is_first[1:], True)[: len(is_first)]
        moves = np.diff(steps, axis=0, prepend=0)
        moves[is_first] = steps[is_first]
        kept = is_first | (moves.any(axis=1) & ~(is_last & self.is_ring[line_of]))
        starts = np.searchsorted(line_of[kept], np.arange(len(self.lines) + 1)) * 2
        flat = moves[kept].ravel().tolist()
        return [flat[start:end] for start, end in pairwise(starts.tolist())]


def thin_enough(layers: Sequence[Outlines], pixel: float, most: int = VERTICES) -> tuple[list[Outlines], float]:
    """Outlines of together at most so many vertices, and the tolerance that it took; 0 where all are as they were.

    Args:
        layers: Of one map.
        pixel: Side of a mapped pixel, CRS units.
        most: Vertices of all of them.
    """
    thin, tolerance = list(layers), 0.0
    while sum(one.vertices for one in thin) > most:
        tolerance = tolerance * GROWTH or FIRST_TOLERANCE * pixel
        thin = [one.thinned(tolerance) for one in layers]
    return thin, tolerance


def _as_lines(rings: ObjectArray) -> ObjectArray:
    """Rings as lines, which need no four vertices."""
    coordinates, ring_of = shapely.get_coordinates(rings, return_index=True)
    return np.asarray(shapely.linestrings(coordinates, indices=ring_of), np.object_)
