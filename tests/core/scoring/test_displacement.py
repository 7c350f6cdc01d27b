"""How far outlines lie apart: known shapes, in metres, feet and degrees."""

import pyproj
import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from tasks.core.scoring.displacement import displacement
from tasks.core.scoring.scoring import regions_of

X, Y = 300_000.0, 6_600_000.0
MGA, FEET, DEGREES = "EPSG:7855", "EPSG:2263", "EPSG:7844"


def box(x: float, y: float, width: float, height: float, unit: float = 1.0) -> BaseGeometry:
    """In metres from a corner, in a CRS of other units."""
    return shapely.box(X + x / unit, Y + y / unit, X + (x + width) / unit, Y + (y + height) / unit)


@pytest.mark.parametrize(("crs", "unit"), [(MGA, 1.0), (FEET, 1200 / 3937)], ids=["metres", "feet"])
def test_a_wider_outline_is_as_far_apart_as_it_is_wider(crs: str, unit: float) -> None:
    """A square that is larger by 3 m on each side lies 3 m away, in whatever unit the CRS has."""
    regions = regions_of(box(-3, -3, 1006, 1006, unit), box(0, 0, 1000, 1000, unit), None)
    found = displacement(regions, crs)
    assert found is not None
    assert found == pytest.approx((3, 3), abs=0.01)


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


def test_nothing_has_no_outline() -> None:
    """Where nothing was mapped, or nothing was to be, there is nothing to measure."""
    assert displacement(regions_of([], box(0, 0, 9, 9), None), MGA) is None
