"""Polygons whose edges run along the axes, seen as arrays of ring vertices."""

import numpy as np
import shapely

from tasks.core.arrays import ObjectArray


def runs_along_axes(polygons: ObjectArray) -> bool:
    """Whether every edge keeps x or y."""
    coordinates, ring_of = shapely.get_coordinates(shapely.get_rings(polygons), return_index=True)
    moves = np.diff(coordinates, axis=0)[ring_of[1:] == ring_of[:-1]] != 0
    return not moves.all(axis=1).any()


def drop_straight(polygons: ObjectArray) -> ObjectArray:
    """Drop the vertices at which the outline does not turn, from polygons whose edges run along the axes."""
    rings, polygon_of = shapely.get_rings(polygons, return_index=True)
    coordinates, ring_of = shapely.get_coordinates(rings, return_index=True)
    closes = np.append(ring_of[1:] != ring_of[:-1], True)[: len(ring_of)]  # rings repeat their first point at the end
    coordinates, ring_of = coordinates[~closes], ring_of[~closes]
    first = np.append(True, ring_of[1:] != ring_of[:-1])[: len(ring_of)]
    starts = np.flatnonzero(first)
    before = np.arange(len(ring_of)) - 1
    before[starts] = np.append(starts[1:], len(ring_of)) - 1
    moves_across = coordinates[:, 0] != coordinates[before, 0]
    after = np.empty_like(before)
    after[before] = np.arange(len(before))
    turns = moves_across != moves_across[after]
    thinned = shapely.linearrings(coordinates[turns], indices=ring_of[turns])
    return np.asarray(shapely.polygons(thinned, indices=polygon_of), np.object_)
