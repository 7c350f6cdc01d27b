"""The product's flood extent as pixels: from its layers, not from what the model said."""

import numpy as np
import shapely

from tasks.core.arrays import BoolMask, ObjectArray, UInt8Array
from tasks.core.geo.grid import Grid
from tasks.core.polygons.burning import burn
from tasks.core.rasters.merging import NO_DATA
from tasks.core.rasters.placing import windows
from tasks.core.rasters.scratch_rasters import Canvas

FLOOD, DRY = 1, 0


def fill_flood_mask(canvas: Canvas, flood: ObjectArray, observed: ObjectArray, grid: Grid) -> None:
    """Fill a raster: 1 where a pixel's centre lies in the flood, else 0 where it was observed, else 255.

    Args:
        canvas: On ``grid``.
        flood: (n,) polygons of the layer flood_extent, which overlap nowhere.
        observed: (n,) polygons of the layer area_observed, likewise.
        grid: North up.
    """
    areas = _Area(observed), _Area(flood)
    for window in windows(grid, (0, grid.height_px), (0, grid.width_px)):
        dry, wet = (area.on(window.grid(grid)) for area in areas)
        if dry.any() or wet.any():
            canvas.write(window, _values(dry, wet)[None])


class _Area:
    """Polygons that are burnt window by window, each time those alone that may reach into it."""

    def __init__(self, polygons: ObjectArray) -> None:
        self._polygons = polygons
        self._tree = shapely.STRtree(polygons)

    def on(self, grid: Grid) -> BoolMask:
        (west, north), _, (east, south), _ = grid.corners
        return burn(self._polygons[np.sort(self._tree.query(shapely.box(west, south, east, north)))], grid)


def _values(dry: BoolMask, wet: BoolMask) -> UInt8Array:
    values = np.full(dry.shape, NO_DATA, np.uint8)
    values[dry] = DRY
    values[wet] = FLOOD
    return values
