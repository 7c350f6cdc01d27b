"""Lengths are those on the ellipsoid, along the straight lines of the CRS."""

import numpy as np
import pyproj
import pytest
import shapely

from tasks.core.geo.lengths import ellipsoidal_length_m

LINE = [(0, 0), (9_000, 4_000), (2_000, 15_000)]


@pytest.mark.parametrize(
    ("crs", "corner", "unit"),
    [
        ("EPSG:7855", (700_000, 6_000_000), 1),
        ("EPSG:3857", (16_400_000, -4_300_000), 1),
        ("EPSG:2227", (6_000_000, 2_000_000), 3),
        ("EPSG:4283", (145, -36), 1e-5),
        ("EPSG:4326", (179.99, -17), 1e-5),
    ],
)
def test_lines_agree_with_points_set_close(crs: str, corner: tuple[float, float], unit: float) -> None:
    """Metres, feet, degrees and the antimeridian agree with geodesics between points that lie close, within 1e-9."""
    line = shapely.LineString(np.array(corner) + np.array(LINE) * unit)
    parsed = pyproj.CRS(crs)
    to_degrees = pyproj.Transformer.from_crs(parsed, parsed.geodetic_crs, always_xy=True)
    close = shapely.get_coordinates(shapely.segmentize(line, 20 * unit))
    geod = parsed.get_geod()
    assert geod is not None
    expected = geod.line_length(*to_degrees.transform(*close.T))
    both = np.array([line, None, shapely.MultiLineString([line, line]), shapely.Point(corner)], np.object_)
    assert ellipsoidal_length_m(both, crs) == pytest.approx([expected, 0, 2 * expected, 0], rel=1e-9)


def test_grads_from_paris_are_degrees_from_greenwich() -> None:
    """A CRS in another angle, from another meridian, measures as its twin in degrees."""
    grads = np.array([shapely.LineString([(2, 52), (2.1, 52.1)])], np.object_)
    degrees = shapely.transform(grads, lambda xy: xy * 0.9)
    assert ellipsoidal_length_m(grads, "EPSG:4807") == pytest.approx(ellipsoidal_length_m(degrees, "EPSG:4275"))
