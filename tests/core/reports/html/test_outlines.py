"""Outlines on the page's map: what a script puts together again is the layer's geometry, or as near as is said."""

from itertools import accumulate
from typing import Any

import numpy as np
import pytest
import shapely
from shapely import GeometryCollection, LineString, MultiPoint, MultiPolygon, Point, Polygon, box

from tasks.core.polygons.tracing import mask_polygons
from tasks.core.reports.html.map_plane import MapPlane
from tasks.core.reports.html.outlines import Outlines, thin_enough

CRS = "EPSG:7855"


def _plane(bounds: tuple[float, float, float, float]) -> MapPlane:
    return MapPlane.around(bounds, CRS, 8.0)


def _line(flat: list[int], plane: MapPlane) -> np.ndarray[Any, Any]:
    steps = np.array(list(zip(accumulate(flat[0::2]), accumulate(flat[1::2]), strict=True)))
    return np.array(plane.bounds[:2]) + steps * plane.step_m


def _polygon(part: list[list[int]], plane: MapPlane) -> Polygon:
    shell, *holes = (_line(ring, plane) for ring in part)
    return Polygon(shell, holes)


def test_outlines_come_back() -> None:
    """Polygons with holes, several parts, lines, points, nothing and collections, as they were to half a step."""
    ring = Polygon(box(0, 0, 100, 100).exterior, [box(20, 20, 40, 40).exterior, box(60, 60, 70, 90).exterior])
    geometries = np.array(
        [
            ring,
            None,
            MultiPolygon([box(0, 0, 5, 5), box(10, 0, 15, 5)]),
            LineString([(0, 0), (50, 10), (0, 0)]),
            MultiPoint([(1, 2), (3, 4)]),
            Polygon(),
            GeometryCollection([Point(5, 5), MultiPolygon([box(7, 7, 9, 9)])]),
        ],
        np.object_,
    )
    plane = _plane((0, 0, 100, 100))
    lists = Outlines.of(geometries).to_lists(plane)
    assert [len(parts) for parts in lists] == [1, 0, 2, 1, 2, 0, 2]
    assert _polygon(lists[0][0], plane).equals(ring)
    assert [_polygon(part, plane).bounds for part in lists[2]] == [(0, 0, 5, 5), (10, 0, 15, 5)]
    assert _line(lists[3][0], plane).tolist() == [[0, 0], [50, 10], [0, 0]]
    assert [_line(part, plane).tolist() for part in lists[4]] == [[[1, 2]], [[3, 4]]]
    assert _polygon(lists[6][1], plane).bounds == (7, 7, 9, 9)


def test_thinned_outlines_are_as_near_as_is_said() -> None:
    """A map with too many vertices keeps to its number, and no outline moves further than the tolerance."""
    mask = np.hypot(*(np.mgrid[:400, :400] - 200)) < 180
    geometries = np.array(mask_polygons(mask), np.object_)
    many = Outlines.of(geometries)
    (thin,), tolerance = thin_enough([many], 1.0, most=many.vertices // 4)
    assert thin.vertices <= many.vertices // 4
    (kept,) = thin.lines
    assert shapely.hausdorff_distance(geometries[0].exterior, kept) <= tolerance
    (same,), exact = thin_enough([many], 1.0, most=many.vertices)
    assert (same, exact) == (many, 0.0)


def test_what_is_smaller_than_the_tolerance_goes() -> None:
    """Of many small polygons those that no one would see give way, a large one stays."""
    places = np.random.default_rng(1).uniform(0, 10_000, (500, 2))
    small = [box(x, y, x + 2, y + 2) for x, y in places]
    geometries = np.array([*small, box(0, 0, 5000, 5000)], np.object_)
    (thin,), tolerance = thin_enough([Outlines.of(geometries)], 1.0, most=100)
    assert tolerance > 2
    assert [len(parts) for parts in thin.to_lists(_plane((0, 0, 10_000, 10_000)))] == [0] * 500 + [1]


@pytest.mark.parametrize("crs", ["EPSG:7855", "EPSG:26914", "EPSG:4283", "EPSG:2264"])
def test_the_plane_is_true_to_shape(crs: str) -> None:
    """A step is as long eastwards as northwards, in metres on the ground, whatever the unit of the CRS."""
    import pyproj  # noqa: PLC0415 - the oracle alone

    system = pyproj.CRS.from_user_input(crs)
    x, y = {"EPSG:4283": (145.0, -38.0), "EPSG:2264": (1.5e6, 7e5)}.get(crs, (500_000.0, 5_200_000.0))
    size = 0.01 if system.is_geographic else 1000.0
    plane = MapPlane.around((x, y, x + size, y + size), crs, None)
    to_degrees = pyproj.Transformer.from_crs(system, system.geodetic_crs, always_xy=True)
    corners = [to_degrees.transform(*corner) for corner in ((x, y), (x + size, y), (x, y + size))]
    geod = system.get_geod()
    assert geod is not None
    lengths = [geod.inv(*corners[0], *corner)[2] for corner in corners[1:]]
    _, _, east, north = plane.to_dict()["bounds"]
    assert [east * plane.step_m, north * plane.step_m] == pytest.approx(lengths, rel=1e-3)


def test_degrees_between_the_nodes_are_those_of_proj() -> None:
    """Linear between the nodes of the lattice, they are off by less than the last digit that is shown, 1 m."""
    import pyproj  # noqa: PLC0415 - the oracle alone

    bounds = (300_000.0, 5_800_000.0, 420_000.0, 5_900_000.0)
    lattice = _plane(bounds).to_dict()["degrees"]
    lon, lat, nodes = np.array(lattice["lon"]), np.array(lattice["lat"]), lattice["nodes"]
    exact = pyproj.Transformer.from_crs(CRS, "EPSG:7844", always_xy=True)
    for across, up in np.random.default_rng(2).uniform(0, 1, (200, 2)):
        x, y = bounds[0] + across * 120_000, bounds[1] + up * 100_000
        column, row = int(across * (nodes - 1)), int(up * (nodes - 1))
        u, v = across * (nodes - 1) - column, up * (nodes - 1) - row
        weights = np.array([[(1 - u) * (1 - v), u * (1 - v)], [(1 - u) * v, u * v]])
        found = [(grid[row : row + 2, column : column + 2] * weights).sum() for grid in (lon, lat)]
        assert found == pytest.approx(exact.transform(x, y), abs=1e-5)
