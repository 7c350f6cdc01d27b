"""How far the outlines of an extent and of a reference lie apart, in metres on the ground."""

from typing import NamedTuple

import numpy as np
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from tasks.core.arrays import FloatArray, ObjectArray
from tasks.core.scoring.scoring import Regions

MOST_POINTS = 200_000  # along both outlines; of longer ones the points are farther apart
METRES_APART = 1.0
ON_THE_EDGE = 1e-6  # of the comparison's extent: nearer to the edge of the observed area an outline is that edge


class Displacement(NamedTuple):
    """Distances of each outline to the other, over points at equal steps along both; metres.

    Attributes:
        median: Half of the outlines' length lies nearer.
        p95: 95 % of it lie nearer.
    """

    median: float
    p95: float


def displacement(regions: Regions, crs: str) -> Displacement | None:
    """Compare the outlines; None where one has none.

    Where the observed area ends, both end: that is no outline of the flood, and is left out.
    """
    if regions.mapped.is_empty or regions.expected.is_empty:
        return None
    outlines = [_outline(area, regions.observed) for area in (regions.mapped, regions.expected)]
    if any(outline.is_empty for outline in outlines):
        return None
    system = pyproj.CRS.from_user_input(crs)
    step = max(_units(system, METRES_APART), sum(outline.length for outline in outlines) / MOST_POINTS)
    first, second = outlines
    distances = np.concatenate([_distances(first, second, system, step), _distances(second, first, system, step)])
    return Displacement(float(np.median(distances)), float(np.percentile(distances, 95)))


def _outline(area: BaseGeometry, observed: BaseGeometry | None) -> BaseGeometry:
    if observed is None:
        return area.boundary
    west, south, east, north = observed.bounds
    edge = shapely.buffer(observed.boundary, ON_THE_EDGE * max(east - west, north - south))
    return shapely.difference(area.boundary, edge)


def _units(system: pyproj.CRS, metres: float) -> float:
    """CRS units on a meridian, or in a projection."""
    factor: float = system.axis_info[0].unit_conversion_factor  # metres or radians
    if not system.is_geographic:
        return metres / factor
    geod = system.get_geod() or pyproj.Geod(ellps="GRS80")
    return metres / (geod.a * factor)


def _distances(outline: BaseGeometry, other: BaseGeometry, system: pyproj.CRS, step: float) -> FloatArray:
    """Metres from points along an outline to the nearest of another."""
    points = _points(outline, step)
    lines = shapely.get_parts(shapely.segmentize(other, 64 * step))
    tree = shapely.STRtree(lines)
    nearest = tree.nearest(points)
    ends = shapely.get_coordinates(shapely.shortest_line(points, lines[nearest])).reshape(-1, 4)
    if system.is_geographic:
        degrees = np.degrees(ends * system.axis_info[0].unit_conversion_factor)
        geod = system.get_geod() or pyproj.Geod(ellps="GRS80")
        return np.asarray(geod.inv(*degrees.T)[2])
    metres = (ends[:, :2] - ends[:, 2:]) * system.axis_info[0].unit_conversion_factor
    return np.asarray(np.hypot(metres[:, 0], metres[:, 1]))


def _points(outline: BaseGeometry, step: float) -> ObjectArray:
    """Points in the middle of equal steps along lines, so that every length counts as much as it is long."""
    lines = shapely.get_parts(shapely.line_merge(outline))
    lengths = shapely.length(lines)
    counts = np.maximum(1, np.rint(lengths / step)).astype(int)
    of_line = np.repeat(np.arange(len(lines)), counts)
    number = np.arange(len(of_line)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(shapely.line_interpolate_point(lines[of_line], (number + 0.5) * (lengths / counts)[of_line]))
