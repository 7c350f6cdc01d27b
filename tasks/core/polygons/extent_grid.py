"""A tile's extent set against the grid that it was traced on: outlines become masks again, exactly.

A file of the cache may be whole and still be another tile's. On its own grid every vertex of an extent is a pixel's
corner and every edge runs along pixels' edges, so the masks come back bit for bit, and counts can be compared.
"""

import numpy as np

from tasks.core.arrays import BoolMask, FloatArray, Int32Array, IntArray
from tasks.core.geo.grid import Grid
from tasks.core.geo.precision import step
from tasks.core.polygons.extent_wkb import Outlines
from tasks.core.polygons.tracing import ground

# Of the rounding step: two machines may round the same vertex to neighbouring steps, never further apart.
TOLERANCE_STEPS = 1.5


def check_on_grid(areas: tuple[Outlines, ...], counts: tuple[int, int], grid: Grid) -> None:
    """Refuse an extent that cannot be one of this grid.

    Args:
        areas: Outlines of flood, observed, unassessed and clouded ground.
        counts: Pixels of flood, and pixels labelled flood that lie outside the valid mask.
        grid: The tile's resized grid.

    Raises:
        ValueError: It lies elsewhere, off the pixels' edges, overlaps itself, or its areas and counts disagree.
    """
    flood, observed, unassessed, clouded = (mask_of(area, grid) for area in areas)
    flood_px, flood_px_in_padding = counts
    if (flood & ~observed).any() or (observed & unassessed).any() or (clouded & ~flood).any():
        raise ValueError("its areas contradict each other")
    found_px, free_px = int(flood.sum()), observed.size - int(observed.sum()) - int(unassessed.sum())
    if found_px != flood_px or flood_px_in_padding > free_px:
        raise ValueError(
            f"it counts {flood_px} flooded and {flood_px_in_padding} removed pixels, "
            f"but covers {found_px} and leaves {free_px}"
        )


def mask_of(area: Outlines, grid: Grid) -> BoolMask:
    """(height, width) bool: the pixels that the outlines enclose, by their winding number.

    Raises:
        ValueError: They are not outlines of pixels of this grid, or enclose a pixel more than once.
    """
    mask = np.zeros((grid.height_px, grid.width_px), np.bool_)
    if not len(area.points):
        return mask
    columns, rows = pixel_corners(area.points, grid)
    winding = _winding(columns, rows, area.ring_of[1:] == area.ring_of[:-1], mask.shape)
    lowest, highest = int(winding.min()), int(winding.max())
    if (lowest, highest) not in {(0, 1), (-1, 0), (1, 1), (-1, -1)}:
        raise ValueError("its polygons overlap or enclose nothing")
    return np.asarray(winding != 0)


def pixel_corners(points: FloatArray, grid: Grid) -> tuple[IntArray, IntArray]:
    """Pixel corners (columns, rows) that the points (n, 2), in units of the grid's CRS, lie on.

    Raises:
        ValueError: They are no corners of its pixels.
    """
    a, b, c, d, e, f = grid.transform
    with np.errstate(over="ignore", invalid="ignore"):
        x, y = points[:, 0] - c, points[:, 1] - f
        corners = np.rint(np.stack([e * x - b * y, a * y - d * x], axis=1) / (a * e - b * d))
    if not ((corners >= 0) & (corners <= (grid.width_px, grid.height_px))).all():
        raise ValueError("it reaches beyond the tile")
    if (np.abs(ground(grid)(corners) - points) > TOLERANCE_STEPS * step(grid.crs)).any():
        raise ValueError("its vertices are not corners of the tile's pixels")
    columns, rows = corners.T.astype(np.int64)
    return columns, rows


def _winding(columns: IntArray, rows: IntArray, joined: BoolMask, shape: tuple[int, int]) -> Int32Array:
    """(height, width) how often the rings run around each pixel; ``joined`` marks points that the next one follows."""
    across, down = np.diff(columns)[joined], np.diff(rows)[joined]
    if not ((across == 0) ^ (down == 0)).all():
        raise ValueError("its edges do not run along the pixels' edges")
    upright = down != 0
    column, row, after = columns[:-1][joined][upright], rows[:-1][joined][upright], rows[1:][joined][upright]
    sense = np.sign(after - row).astype(np.int32)
    # What an upright edge adds to all pixels on its right, as differences down each column and along each row.
    edges = np.zeros((shape[0] + 1, shape[1] + 1), np.int32)
    np.add.at(edges, (np.minimum(row, after), column), sense)
    np.subtract.at(edges, (np.maximum(row, after), column), sense)
    np.cumsum(edges, axis=0, out=edges)
    np.cumsum(edges, axis=1, out=edges)
    return edges[:-1, :-1]
