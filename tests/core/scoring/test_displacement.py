"""How far outlines lie apart: known shapes, in metres, feet and degrees."""

import numpy as np
import pyproj
import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from tasks.core.scoring.displacement import displacement
from tasks.core.scoring.scoring import regions_of

X, Y = 300_000.0, 6_600_000.0
MGA, FEET, DEGREES, MERCATOR = "EPSG:7855", "EPSG:2263", "EPSG:7844", "EPSG:3857"


def box(x: float, y: float, width: float, height: float) -> BaseGeometry:
    return shapely.box(X + x, Y + y, X + x + width, Y + y + height)


@pytest.mark.parametrize(
    ("crs", "x", "y", "unit"),
    [(MGA, 500_000, 6_100_000, 1.0), (FEET, 984_250, 200_000, 1200 / 3937), (MERCATOR, 0, 8_399_737.89, 0.5)],
    ids=["metres", "feet", "at 60 degrees north, where Mercator is twice too long"],
)
def test_a_wider_outline_is_as_far_apart_as_it_is_wider(crs: str, x: float, y: float, unit: float) -> None:
    """A square that is larger by 3 m on each side lies 3 m away, in whatever unit and at whatever scale the CRS has."""
    side, wider = 1000 / unit, 3 / unit
    larger = shapely.box(x - wider, y - wider, x + side + wider, y + side + wider)
    found = displacement(regions_of(larger, shapely.box(x, y, x + side, y + side), None), crs)
    assert found is not None
    assert found == pytest.approx((3, 3), rel=3e-3)


def test_degrees_are_measured_on_the_ellipsoid() -> None:
    """Two squares of 0.01 degrees, one shifted by 0.0001 degrees of latitude, which are 11.1 m there."""
    square, shifted = (shapely.box(149, south, 149.01, south + 0.01) for south in (-35.0, -34.9999))
    found = displacement(regions_of(square, shifted, None), DEGREES)
    north_m = pyproj.Geod(ellps="GRS80").inv(149, -35, 149, -34.9999)[2]
    assert found is not None
    assert found.p95 == pytest.approx(north_m, rel=1e-3)
    assert found.median < north_m / 2  # along the sides that were shifted along themselves


def test_a_rare_error_shows_in_the_upper_figure_alone() -> None:
    """Nine tenths of the outline agree: the median is nothing, the 95th percentile is not."""
    bulge = shapely.union(box(0, 0, 1000, 1000), box(1000, 400, 60, 60))
    found = displacement(regions_of(bulge, box(0, 0, 1000, 1000), None), MGA)
    assert found is not None
    assert found.median == pytest.approx(0, abs=1e-6)
    more = displacement(regions_of(shapely.union(bulge, box(1000, 100, 60, 200)), box(0, 0, 1000, 1000), None), MGA)
    assert more is not None
    assert more.p95 > found.p95


def test_the_end_of_the_observed_area_is_no_outline() -> None:
    """Flood that goes on beyond what was observed ends there for both, which is no agreement."""
    observed = box(0, 0, 1000, 1000)
    mapped, expected = box(-100, 200, 1200, 210), box(-100, 200, 1200, 200)
    found = displacement(regions_of(mapped, expected, observed), MGA)
    assert found is not None
    assert found.p95 == pytest.approx(10, abs=0.01)
    assert displacement(regions_of(observed, observed, observed), MGA) is None


def test_long_outlines_are_compared_in_seconds() -> None:
    """A coast of 200,000 vertices: as many comparisons as there are points, not as points and vertices multiplied."""
    angles = np.linspace(0, 2 * np.pi, 200_000, endpoint=False)
    radius = 20_000 + 50 * np.sin(angles * 5_000)
    coast = shapely.Polygon(np.column_stack([X + radius * np.cos(angles), Y + radius * np.sin(angles)]))
    shifted = shapely.transform(coast, lambda coordinates: np.add(coordinates, (5.0, 0.0)))
    found = displacement(regions_of(coast, shifted, None), MGA)
    assert found is not None
    assert 0 < found.median < found.p95 < 5.1


def test_nothing_has_no_outline() -> None:
    """Where nothing was mapped, or nothing was to be, there is nothing to measure."""
    assert displacement(regions_of([], box(0, 0, 9, 9), None), MGA) is None
