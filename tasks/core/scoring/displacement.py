"""How far the outlines of an extent and of a reference lie apart, in metres on the ground."""

from typing import NamedTuple

import numpy as np
import pyproj
import shapely
from shapely.geometry.base import BaseGeometry

from tasks.core.arrays import FloatArray, ObjectArray
from tasks.core.scoring.scoring import Regions

MOST_POINTS = 20_000  # along each outline: of longer ones the points are farther apart
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

    Where the observed area ends, both end: that is no outline of the flood, and is left out. Distances are taken in an
    azimuthal equidistant projection around the middle of both, on the CRS's own ellipsoid.
    """
    if regions.mapped.is_empty or regions.expected.is_empty:
        return None
    first, second = (_outline(area, regions.observed) for area in (regions.mapped, regions.expected))
    if first.is_empty or second.is_empty:
        return None
    first, second = _in_metres(first, second, pyproj.CRS.from_user_input(crs))
    distances = np.concatenate([_distances(first, second), _distances(second, first)])
    return Displacement(float(np.median(distances)), float(np.percentile(distances, 95)))


def _outline(area: BaseGeometry, observed: BaseGeometry | None) -> BaseGeometry:
    if observed is None:
        return area.boundary
    west, south, east, north = observed.bounds
    edge = shapely.buffer(observed.boundary, ON_THE_EDGE * max(east - west, north - south))
    return shapely.difference(area.boundary, edge)


def _in_metres(first: BaseGeometry, second: BaseGeometry, crs: pyproj.CRS) -> tuple[BaseGeometry, BaseGeometry]:
    geographic = pyproj.CRS.from_user_input(crs).geodetic_crs
    west, south, east, north = shapely.total_bounds([first, second])
    to_degrees = pyproj.Transformer.from_crs(crs, geographic, always_xy=True)
    longitude, latitude = to_degrees.transform((west + east) / 2, (south + north) / 2)
    geod = crs.get_geod() or pyproj.Geod(ellps="GRS80")
    around = f"+proj=aeqd +lat_0={latitude} +lon_0={longitude} +a={geod.a} +b={geod.b} +units=m +no_defs"
    projection = pyproj.Proj(around)

    def project(coordinates: FloatArray) -> FloatArray:
        degrees = to_degrees.transform(coordinates[:, 0], coordinates[:, 1])
        return np.column_stack(projection(*degrees))

    return shapely.transform(first, project), shapely.transform(second, project)


def _distances(outline: BaseGeometry, other: BaseGeometry) -> FloatArray:
    """From points along an outline to the nearest of another; metres."""
    points = _points(outline, max(METRES_APART, outline.length / MOST_POINTS))
    segments = _segments(other)
    nearest = shapely.STRtree(segments).nearest(points)
    return np.asarray(shapely.distance(points, segments[nearest]))


def _segments(lines: BaseGeometry) -> ObjectArray:
    """Each by itself: a tree over whole outlines would compare every point with all of them."""
    coordinates, owner = shapely.get_coordinates(shapely.get_parts(lines), return_index=True)
    same = owner[1:] == owner[:-1]
    return np.asarray(shapely.linestrings(np.stack([coordinates[:-1][same], coordinates[1:][same]], axis=1)))


def _points(outline: BaseGeometry, step: float) -> ObjectArray:
    """Points in the middle of equal steps along lines, so that every length counts as much as it is long."""
    coordinates, owner = shapely.get_coordinates(shapely.get_parts(outline), return_index=True)
    lengths = np.hypot(*np.diff(coordinates, axis=0).T) * (owner[1:] == owner[:-1])  # no way from line to line
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    count = max(1, round(along[-1] / step))
    middles = (np.arange(count) + 0.5) * (along[-1] / count)
    return np.asarray(shapely.points(*(np.interp(middles, along, axis) for axis in coordinates.T)))
