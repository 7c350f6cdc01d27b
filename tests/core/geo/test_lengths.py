"""True lengths, whatever the CRS."""

import numpy as np
import pyproj
import pytest
import shapely

from tasks.core.geo.lengths import lengths_m

PLACES = {
    "EPSG:7855": (300_000.0, 6_600_000.0, 100.0),
    "EPSG:4283": (147.0, -30.0, 1e-3),
    "EPSG:2263": (1e6, 2e5, 300.0),
}


@pytest.mark.parametrize("crs", PLACES)
def test_a_ring_is_as_long_as_its_geodesics(crs: str) -> None:
    """Metres, feet and degrees give the length that pyproj finds for the same ring in degrees, holes counted in."""
    x, y, size = PLACES[crs]
    ring = shapely.box(x, y, x + size, y + size)
    holed = ring.difference(shapely.box(x + size / 4, y + size / 4, x + size / 2, y + size / 2))
    degrees = pyproj.Transformer.from_crs(crs, pyproj.CRS(crs).geodetic_crs, always_xy=True)
    geod = pyproj.CRS(crs).get_geod()
    assert geod is not None
    expected = [
        sum(
            geod.line_length(*degrees.transform(*np.array(part.coords).T))
            for part in [shape.exterior, *shape.interiors]
        )
        for shape in (ring, holed)
    ]
    lines = [ring.exterior, shapely.MultiPolygon([ring, shapely.transform(ring, lambda xy: xy + 2 * size)])]
    found = lengths_m(np.array([ring, holed, *lines], np.object_), crs)
    assert found[:2] == pytest.approx(expected)
    assert found[2] == pytest.approx(expected[0])
    assert found[3] == pytest.approx(2 * expected[0], rel=1e-3)


def test_grads_are_no_degrees() -> None:
    """A CRS that counts in grads (NTF, Paris) gives the metres of the same arc in degrees on its ellipsoid."""
    line = shapely.LineString([(0, 50), (0, 51)])  # a grad of latitude: 100 km, near enough
    assert lengths_m(np.array([line], np.object_), "EPSG:4807")[0] == pytest.approx(100_000, rel=2e-3)


def test_nothing_has_no_length() -> None:
    """Missing and empty geometries, and points, are 0 m long."""
    nothing = np.array([None, shapely.Polygon(), shapely.Point(1, 2)], np.object_)
    assert lengths_m(nothing, "EPSG:7855").tolist() == [0, 0, 0]
    assert lengths_m(nothing[:0], "EPSG:7855").tolist() == []
