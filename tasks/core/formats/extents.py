"""How far geometries reach."""

import numpy as np
import shapely

from tasks.core.arrays import FloatArray, ObjectArray

Box = tuple[float, float, float, float]


def boxes(geometries: ObjectArray) -> FloatArray:
    """(n, 4) least x and y, greatest x and y of each; NaN where there is no place."""
    return np.asarray(shapely.bounds(geometries), np.float64).reshape(-1, 4)


def extent(*layers: ObjectArray) -> Box | None:
    """Least x and y, greatest x and y of all that has a place; None where nothing has."""
    known = np.vstack([boxes(geometries) for geometries in layers]) if layers else np.empty((0, 4))
    known = known[~np.isnan(known).any(axis=1)]
    if not len(known):
        return None
    least, greatest = known[:, :2].min(axis=0), known[:, 2:].max(axis=0)
    return float(least[0]), float(least[1]), float(greatest[0]), float(greatest[1])
