"""Polygons of one CRS in another, along the lines that they had, and how long a unit of a CRS is on the ground."""

import warnings
from functools import lru_cache

import numpy as np
import pyproj
import shapely
from pyproj.transformer import TransformerGroup

from tasks.core.arrays import BoolMask, FloatArray, ObjectArray
from tasks.core.geo.crs import horizontal, is_geographic

TOLERANCE_M = 0.01  # how far an edge may leave its line: below any mapped pixel, above what costs many vertices
DEGREE_M = 111_320.0
HALVINGS = 12  # of a degree: pieces of 30 m, which are straight in any projection
STEP_M = 10.0  # over which a scale is measured
UNKNOWN = -1.0  # accuracy that PROJ gives a shift between datums that it only ignores


def reproject(geometries: ObjectArray, source: str, target: str, tolerance_m: float = TOLERANCE_M) -> ObjectArray:
    """Polygons (n,) in another CRS; x before y in both.

    A straight edge is curved in another projection. So edges are halved, in their own CRS, until the middle of each
    lies on the straight line between its ends in the other, to within the tolerance. A curve that leaves its line, but
    not at its middle, is not known of edges of a degree or less; longer ones are cut to that first.

    Args:
        geometries: Polygons or multipolygons in units of ``source``.
        source: Their CRS.
        target: The CRS wanted.
        tolerance_m: How far an edge may leave its line, roughly in metres on the ground.

    Raises:
        ValueError: A vertex has no place in ``target``.
    """
    if source == target:
        return geometries
    transformer = _transformer(source, target)
    longest = 1.0 if is_geographic(source) else DEGREE_M / _unit(source)
    tolerance = tolerance_m / (DEGREE_M if is_geographic(target) else _unit(target))
    fine = shapely.segmentize(geometries, longest)
    for _ in range(HALVINGS):
        bent = _bent(fine, transformer, tolerance)
        if not bent.any():
            break
        fine = _halved(fine, bent)
    return np.asarray(shapely.transform(fine, lambda points: _placed(points, transformer)), np.object_)


def is_ballpark(source: str, target: str) -> bool:
    """Whether PROJ, on this machine, knows no shift between the two datums and takes one for the other."""
    if source == target:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a finer grid exists elsewhere
        found = TransformerGroup(horizontal(source), horizontal(target), always_xy=True).transformers
    return bool(found) and found[0].accuracy == UNKNOWN and "allpark" in found[0].description


def metres_per_unit(points: FloatArray, crs: str) -> FloatArray:
    """(n, 2) ground metres on the ellipsoid of a unit along x, and along y, at points (n, 2) of a CRS."""
    base = horizontal(crs).geodetic_crs
    ellipsoid = None if base is None else base.get_geod()
    if base is None or ellipsoid is None:
        raise ValueError(f"lengths need a CRS that is tied to the Earth, not {crs}")
    to_base = _transformer(crs, base.to_wkt())
    length = STEP_M / (DEGREE_M if is_geographic(crs) else _unit(crs))
    here = to_base.transform(*points.T)
    there = (to_base.transform(*(points + move).T) for move in ((length, 0.0), (0.0, length)))
    return np.stack([ellipsoid.inv(*here, *place)[2] for place in there], axis=1) / length


def bounds_in(bounds: tuple[float, float, float, float], source: str, target: str) -> tuple[float, ...]:
    """West, south, east, north in another CRS of all that lies between these in the first."""
    if source == target:
        return bounds
    return tuple(_transformer(source, target).transform_bounds(*bounds))


@lru_cache(maxsize=64)
def _transformer(source: str, target: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(horizontal(source), horizontal(target), always_xy=True)


@lru_cache(maxsize=64)
def _unit(crs: str) -> float:
    """Metres of a unit of a projected CRS, as its axis has it."""
    return float(horizontal(crs).axis_info[0].unit_conversion_factor)


def _placed(points: FloatArray, transformer: pyproj.Transformer) -> FloatArray:
    moved = np.stack(transformer.transform(*points.T), axis=1)
    lost = ~np.isfinite(moved).all(axis=1)
    if lost.any():
        raise ValueError(f"{tuple(points[lost][0].tolist())} has no place in the CRS of the imagery")
    return moved


def _bent(geometries: ObjectArray, transformer: pyproj.Transformer, tolerance: float) -> BoolMask:
    """Whether the edge from each vertex to the next, in the order of the coordinates, leaves its line."""
    points = shapely.get_coordinates(geometries)
    straight = _placed(points, transformer)
    bent = ~_closing(geometries)
    starts = np.flatnonzero(bent)
    curved = _placed((points[starts] + points[starts + 1]) / 2, transformer)
    bent[starts] = np.hypot(*(curved - (straight[starts] + straight[starts + 1]) / 2).T) > tolerance
    return bent


def _closing(geometries: ObjectArray) -> BoolMask:
    """Whether each vertex is the last of its ring, from which no edge sets out."""
    rings = shapely.get_rings(shapely.get_parts(geometries))
    _, ring_of = shapely.get_coordinates(rings, return_index=True)
    return np.asarray(np.append(ring_of[1:] != ring_of[:-1], True)[: len(ring_of)], np.bool_)


def _halved(geometries: ObjectArray, bent: BoolMask) -> ObjectArray:
    """The polygons with a vertex in the middle of these edges."""
    parts, owner = shapely.get_parts(geometries, return_index=True)
    rings, part_of = shapely.get_rings(parts, return_index=True)
    points, ring_of = shapely.get_coordinates(rings, return_index=True)
    after = np.flatnonzero(bent)
    finer = np.insert(points, after + 1, (points[after] + points[after + 1]) / 2, axis=0)
    rings = shapely.linearrings(finer, indices=np.insert(ring_of, after + 1, ring_of[after]))
    polygons = np.full(len(geometries), shapely.MultiPolygon(), np.object_)
    shapely.multipolygons(shapely.polygons(rings, indices=part_of), indices=owner, out=polygons)
    return polygons
