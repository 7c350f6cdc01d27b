"""What is too small to map: holes that are filled, polygons that are dropped."""

import numpy as np
import shapely

from tasks.core.arrays import BoolMask, FloatArray, ObjectArray
from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.geo.precision import step

AREA_ERROR = 1e-6  # relative, of the area's computation: far above what was measured, far below what matters


def fill_small_holes(polygons: ObjectArray, observed: ObjectArray, min_area_m2: float, crs: str) -> ObjectArray:
    """Fill holes whose ring encloses less than an area; islands inside them are absorbed.

    A hole that was not wholly observed stays: nobody knows that it is not a failed tile or padding.

    Args:
        polygons: (n,) valid polygons that overlap nowhere, in units of ``crs``.
        observed: (m,) valid dissolved polygons of the observed ground.
        min_area_m2: On the ellipsoid; a hole of this very area stays.
        crs: Of both.

    Returns:
        Valid polygons that overlap nowhere.
    """
    if not len(polygons):
        return polygons
    rings, owner = shapely.get_rings(polygons, return_index=True)
    holes = np.flatnonzero(np.diff(owner, prepend=-1) == 0)
    shapes = shapely.polygons(rings[holes])
    small = is_below(shapes, ellipsoidal_area_m2(shapes, crs), min_area_m2, crs)
    holes, shapes = holes[small], shapes[small]
    covered = _covered(shapes, observed, crs)
    keep = np.ones(len(rings), np.bool_)
    keep[holes[covered]] = False
    filled = shapely.polygons(rings[keep], indices=owner[keep])
    return np.asarray(filled[~_inside(polygons, shapes[covered])], np.object_)


def is_below(polygons: ObjectArray, areas_m2: FloatArray, min_area_m2: float, crs: str) -> BoolMask:
    """Whether polygons are smaller than an area; equal is not below.

    Equal means: within what rounding the vertices to 0.1 mm can change. A square of 5 m whose corners were rounded has
    24.9995 to 25.0005 square metres; of several such squares, all are kept at 25.0, or none.
    """
    planar = np.maximum(shapely.area(polygons), np.finfo(np.float64).tiny)
    rounding = step(crs) / 2 * shapely.length(polygons) / planar
    return np.asarray(areas_m2 * (1 + rounding + AREA_ERROR) < min_area_m2, np.bool_)


def _covered(shapes: ObjectArray, observed: ObjectArray, crs: str) -> BoolMask:
    """Whether each shape lies in one of the observed polygons, to within the rounding of slanted edges."""
    shape, place = shapely.STRtree(observed).query(shapes)
    shapely.prepare(observed)
    covers = shapely.covers(observed[place], shapes[shape])
    rest = np.flatnonzero(~covers)
    missing = shapely.area(shapely.difference(shapes[shape[rest]], observed[place[rest]]))
    covers[rest] = missing <= step(crs) * shapely.length(shapes[shape[rest]])
    covered = np.zeros(len(shapes), np.bool_)
    covered[shape[covers]] = True
    return covered


def _inside(polygons: ObjectArray, shapes: ObjectArray) -> BoolMask:
    """Whether each polygon lies in one of the shapes: none of them crosses an outline of another."""
    shape, polygon = shapely.STRtree(polygons).query(shapes)
    outer, inner = shapely.bounds(shapes).reshape(-1, 4)[shape], shapely.bounds(polygons)[polygon]
    fits = (outer[:, :2] <= inner[:, :2]).all(axis=1) & (outer[:, 2:] >= inner[:, 2:]).all(axis=1)
    shape, polygon = shape[fits], polygon[fits]
    contained = shapely.contains(shapes[shape], shapely.point_on_surface(polygons[polygon]))
    inside = np.zeros(len(polygons), np.bool_)
    inside[polygon[contained]] = True
    return inside
