"""How much of the flood the model saw under cloud (label 2), where that counts as flood."""

from collections.abc import Sequence

import numpy as np
import shapely

from tasks.core.arrays import FloatArray, ObjectArray
from tasks.core.joining.cutting import cut
from tasks.core.joining.uniting import as_multipolygons, unite
from tasks.core.product.layer import AnsweredTile

CLOUD_FRAC = "cloud_frac"  # column of the layer flood_extent


def cloud_fraction(flood: ObjectArray, answered: Sequence[AnsweredTile]) -> FloatArray:
    """(n,) share, 0 to 1, of each polygon that any tile saw under cloud.

    NaN throughout where no tile has such ground: a model that never uses the label says nothing of clouds.

    Args:
        flood: (n,) polygons that overlap nowhere.
        answered: The tiles that they were made of, of the same CRS.
    """
    parts, tile_of = shapely.get_parts([tile.extent.clouded for tile in answered], return_index=True)
    if not len(parts):
        return np.full(len(flood), np.nan)
    clouded = unite(np.asarray(parts, np.object_), tile_of)
    shared = cut(flood, list(as_multipolygons(clouded)), answered[0].grid.crs)
    covered = np.bincount(shared.polygon_of, shapely.area(shared.geometries), len(flood))
    return np.asarray(np.minimum(1.0, covered / shapely.area(flood)), np.float64)
