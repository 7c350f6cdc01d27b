"""Rings as arrays of vertices, one ring after the other, whose edges run along the axes.

``ring_of`` is the number of the ring that each vertex belongs to: a ring's vertices are a run of equal numbers, and its
last one is followed by its first, which is not repeated.
"""

import numpy as np

from tasks.core.arrays import BoolMask, FloatArray, IntArray


def is_first(ring_of: IntArray) -> BoolMask:
    """Whether each vertex is the first of its ring."""
    return np.append(True, ring_of[1:] != ring_of[:-1])[: len(ring_of)]


def previous(ring_of: IntArray) -> IntArray:
    """Index of the vertex before each in its ring."""
    starts = np.flatnonzero(is_first(ring_of))
    before = np.arange(len(ring_of)) - 1
    before[starts] = np.append(starts[1:], len(ring_of)) - 1
    return before


def turns(x: IntArray | FloatArray, ring_of: IntArray) -> BoolMask:
    """Whether the outline turns at each vertex, by x alone: an edge changes either x or y."""
    before = previous(ring_of)
    moves_across = x != x[before]
    after = np.empty_like(before)
    after[before] = np.arange(len(before))
    return np.asarray(moves_across != moves_across[after])
