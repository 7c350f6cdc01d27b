"""The grid of a raster of several tiles: north up, with the pixels that most tiles share."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tasks.core.arrays import BoolMask, FloatArray
from tasks.core.geo.grid import Grid

# By less than this a corner may miss a corner of the raster's pixels: pixels are then copied one for one.
MISFIT_PX = 0.1
# Tiles of one scale differ a little in the size of their pixels, for each has a whole number of them.
ALIKE = 1.05


class Lattice(NamedTuple):
    """Pixels without end, their edges along the axes of the CRS.

    Attributes:
        west: x of a corner of one, CRS units.
        north: y of that corner.
        width: Of a pixel, CRS units.
        height: Likewise.
    """

    west: float
    north: float
    width: float
    height: float

    def pixels(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Columns and rows, counted from that corner to the east and the south."""
        return (x - self.west) / self.width, (self.north - y) / self.height


def output_grid(grids: Sequence[Grid]) -> Grid:
    """The grid, north up, that holds all tiles.

    Its pixels are those of the finest tile. Of tiles as fine as that within 5 % whose pixels' edges run along the axes,
    most lie on its lattice: their pixels are its pixels.

    Args:
        grids: Of the tiles, at least one, all in one CRS.
    """
    corners = np.array([grid.corners for grid in grids])
    lattice = _lattice(grids, corners)
    columns, rows = lattice.pixels(corners[..., 0], corners[..., 1])
    left, top = (math.floor(axis.min() + MISFIT_PX) for axis in (columns, rows))
    right, bottom = (math.ceil(axis.max() - MISFIT_PX) for axis in (columns, rows))
    west, north = lattice.west + left * lattice.width, lattice.north - top * lattice.height
    terms = (lattice.width, 0.0, west, 0.0, -lattice.height, north)
    return Grid(max(1, right - left), max(1, bottom - top), terms, grids[0].crs)


def _lattice(grids: Sequence[Grid], corners: FloatArray) -> Lattice:
    """Of the finest tiles along the axes that which most share; where all are turned, one through the CRS's origin."""
    areas = np.array([grid.pixel_area for grid in grids])
    fine = [int(number) for number in np.flatnonzero(areas <= areas.min() * ALIKE**2)]
    fine = [number for number in fine if _is_along_axes(grids[number])]
    if not fine:
        return Lattice(0.0, 0.0, *_pixel_size(grids[int(areas.argmin())]))
    sizes_px = np.array([(grids[number].width_px, grids[number].height_px) for number in fine])
    return _most_shared([_lattice_of(grids[number]) for number in fine], corners[fine], sizes_px)


def _most_shared(lattices: Sequence[Lattice], corners: FloatArray, sizes_px: FloatArray) -> Lattice:
    """The lattice that most tiles fit; of equals the first. Only one of those that fit each other is counted."""
    best, most, left = lattices[0], 0, np.ones(len(lattices), np.bool_)
    while left.any():
        lattice = lattices[int(left.argmax())]
        fit = left & _fit(lattice, corners, sizes_px)
        fit[int(left.argmax())] = True
        if fit.sum() > most:
            best, most = lattice, int(fit.sum())
        left &= ~fit
    return best


def _fit(lattice: Lattice, corners: FloatArray, sizes_px: FloatArray) -> BoolMask:
    """(n,) whether tiles' corners (n, 4, 2) are corners of its pixels, and their pixels as many as its own."""
    found = np.stack(lattice.pixels(corners[..., 0], corners[..., 1]), axis=-1)
    whole = np.rint(found)
    as_many = np.ptp(whole, axis=1).prod(axis=1) == sizes_px.prod(axis=1)
    return np.asarray((np.abs(found - whole) < MISFIT_PX).all(axis=(1, 2)) & as_many)


def _lattice_of(grid: Grid) -> Lattice:
    return Lattice(grid.transform[2], grid.transform[5], *_pixel_size(grid))


def _pixel_size(grid: Grid) -> tuple[float, float]:
    """Width and height as they come to lie when a turned pixel is turned the shortest way."""
    a, b, _, d, e, _ = grid.transform
    across, down = math.hypot(a, d), math.hypot(b, e)
    return (across, down) if abs(a) >= abs(d) else (down, across)


def _is_along_axes(grid: Grid) -> bool:
    a, b, _, d, e, _ = grid.transform
    return b == d == 0 or a == e == 0
