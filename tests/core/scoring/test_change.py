"""What became of a flood between two maps, against pixels."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely import box

from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.polygons.tracing import mask_polygons
from tasks.core.scoring.change import CLASSES, Mapped, change

CRS, SIDE, CORNER = "EPSG:7855", 12, (500_000.0, 6_000_000.0)


def ground(mask: NDArray[np.bool_]) -> shapely.MultiPolygon:
    """A mask on the ground, a metre a pixel."""
    return shapely.union_all(shapely.transform(mask_polygons(mask), lambda pixels: pixels + CORNER))


@given(st.integers(0, 10_000))
def test_classes_are_those_of_the_pixels(seed: int) -> None:
    """Of any two maps that saw other ground: each class has its pixels, and the sums are the maps."""
    random = np.random.default_rng(seed)
    a, b, seen_a, seen_b = random.random((4, SIDE, SIDE)) < np.array([0.4, 0.4, 0.7, 0.7])[:, None, None]
    a, b = a & seen_a, b & seen_b
    found = change(Mapped(ground(a), ground(seen_a)), Mapped(ground(b), ground(seen_b)), CRS)
    expected = (a & b, b & ~a & seen_a, a & ~b & seen_b, a & ~seen_b, b & ~seen_a)
    assert shapely.area(found.areas).tolist() == pytest.approx([mask.sum() for mask in expected], abs=1e-6)
    areas = found.square_metres()
    for name, mask in (("first", a), ("second", b), ("peak", a | b)):
        (whole,) = ellipsoidal_area_m2(np.array([ground(mask)], np.object_), CRS)
        assert areas[name] == pytest.approx(whole, abs=1e-4)
    assert found.peak.area == pytest.approx((a | b).sum(), abs=1e-6)


def test_ground_that_one_map_did_not_see_is_neither_gained_nor_lost() -> None:
    """A map that ends half-way through a lake says nothing of the other half."""
    lake, west = box(0, 0, 10, 10), box(0, 0, 5, 10)
    found = change(Mapped(lake, box(-5, -5, 15, 15)), Mapped(west, box(-5, -5, 5, 15)), CRS)
    shares = dict(zip(CLASSES, shapely.area(found.areas), strict=True))
    assert shares == {"kept": 50, "gained": 0, "lost": 0, "first_alone": 50, "second_alone": 0}
