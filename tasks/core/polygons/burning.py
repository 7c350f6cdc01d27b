"""Masks of any polygons, on a grid that they were not traced on: the inverse of tracing, by pixel centres."""

import numpy as np
import shapely

from tasks.core.arrays import BoolMask, ObjectArray
from tasks.core.geo.grid import Grid


def burn(polygons: ObjectArray, grid: Grid) -> BoolMask:
    """(height, width) bool: pixels whose centre lies in one of the polygons, which overlap nowhere.

    Even-odd: each edge toggles what lies on its right in the rows whose centres it crosses.

    Args:
        polygons: (n,) polygons or multipolygons in units of the grid's CRS; they may reach beyond it.
        grid: Whose pixels they are.
    """
    a, b, c, d, e, f = grid.transform
    rings = shapely.get_rings(shapely.get_parts(polygons))
    ground, ring_of = shapely.get_coordinates(rings, return_index=True)
    points = (ground - (c, f)) @ np.linalg.inv([[a, d], [b, e]]) - 0.5  # pixel centres are whole numbers
    joined = ring_of[1:] == ring_of[:-1]
    (x, y), (x_to, y_to) = points[:-1][joined].T, points[1:][joined].T
    first, last = (np.clip(np.ceil(end), 0, grid.height_px).astype(np.int64) for end in np.sort([y, y_to], axis=0))
    edge = np.repeat(np.arange(len(x)), last - first)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(last - first) - last, last - first)
    crossing = x[edge] + (row - y[edge]) * ((x_to - x)[edge] / (y_to - y)[edge])
    column = np.clip(np.ceil(crossing), 0, grid.width_px).astype(np.int64)
    toggles = np.zeros((grid.height_px, grid.width_px + 1), np.uint8)
    np.add.at(toggles, (row, column), np.uint8(1))
    # Sums run over at 256, which leaves them as odd or even as they are.
    return np.asarray(np.cumsum(toggles, axis=1, dtype=np.uint8)[:, :-1] & 1 != 0)
