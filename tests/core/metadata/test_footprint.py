"""Footprints in longitude and latitude, as RFC 7946 wants them."""

from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from described import layers
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.metadata.footprint import MOST_VERTICES, footprint, wgs84_bounds
from tasks.core.product.layer import Layer


def _observed(crs: str, *areas: Any) -> Layer:
    return Layer("area_observed", "Polygon", crs, np.array(areas, np.object_), {"area_m2": np.zeros(len(areas))})


def test_the_footprint_is_what_was_observed_and_not_what_failed() -> None:
    """Ground of a failed tile is outside: taken back to the CRS, the footprint is the area observed."""
    product = layers()
    found = footprint(product)
    assert found is not None
    assert found.tolerance_m == 0
    back = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:7855", always_xy=True).transform
    ground = shapely.union_all(next(one for one in product if one.base == "area_observed").geometries)
    assert shapely.hausdorff_distance(shapely.transform(found.geometry, back, interleaved=False), ground) < 0.05


def test_outer_rings_run_counter_clockwise_and_holes_the_other_way() -> None:
    """Readers of RFC 7946 take a clockwise ring for the rest of the Earth."""
    ring = shapely.box(500_000, 6_000_000, 501_000, 6_001_000).difference(
        shapely.box(500_400, 6_000_400, 500_600, 6_000_600)
    )
    found = footprint([_observed("EPSG:7855", ring)])
    assert found is not None
    assert shapely.is_ccw(shapely.get_exterior_ring(found.geometry))
    assert not shapely.is_ccw(shapely.get_interior_ring(found.geometry, 0))


def test_a_product_across_the_antimeridian_is_cut_there() -> None:
    """Fiji's map grid spans it: two parts, west above east in the box, and no part around the Earth."""
    found = footprint([_observed("EPSG:3460", shapely.box(2_050_000, 3_980_000, 2_150_000, 3_990_000))])
    assert found is not None
    west, _, east, _ = found.bbox
    assert west > 179
    assert east < -179
    assert [part.bounds[2] - part.bounds[0] < 1 for part in found.geometry.geoms] == [True, True]


def test_products_on_both_sides_of_the_antimeridian_have_one_short_box() -> None:
    """Tiles in zones 60 and 1 lie beside each other, not around the Earth."""
    east_of = _observed("EPSG:32701", shapely.box(200_000, 8_000_000, 201_000, 8_001_000))
    west_of = _observed("EPSG:32760", shapely.box(815_000, 8_000_000, 816_000, 8_001_000))
    bounds = wgs84_bounds([east_of, west_of])
    assert bounds is not None
    assert bounds[0] > 179
    assert bounds[2] < -179


def test_an_outline_of_many_vertices_is_simplified_within_its_tolerance() -> None:
    """An item stays small, and says by how much its geometry may be off."""
    angles = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
    radius = 5_000 + np.random.default_rng(1).normal(0, 1.5, len(angles))
    shape = shapely.Polygon(np.column_stack([500_000 + radius * np.cos(angles), 6_000_000 + radius * np.sin(angles)]))
    ground = shapely.make_valid(shape)
    found = footprint([_observed("EPSG:7855", ground)])
    assert found is not None
    assert shapely.get_num_coordinates(found.geometry) <= MOST_VERTICES + 10
    back = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:7855", always_xy=True).transform
    apart = shapely.hausdorff_distance(shapely.transform(found.geometry, back, interleaved=False), ground)
    assert 0 < apart <= found.tolerance_m + 0.1


def test_specks_smaller_than_any_tolerance_still_have_a_place() -> None:
    """A product of a thousand pixels of observed ground has a footprint that covers them."""
    specks = [
        shapely.box(x, y, x + 1, y + 1) for x in range(500_000, 500_600, 20) for y in range(6_000_000, 6_000_600, 20)
    ]
    found = footprint([_observed("EPSG:7855", *specks)])
    assert found is not None
    assert shapely.get_num_coordinates(found.geometry) <= MOST_VERTICES


def test_a_footprint_in_degrees_is_the_ground_itself() -> None:
    """A geographic CRS needs no detour over metres."""
    assert wgs84_bounds([_observed("EPSG:4326", shapely.box(150, -30, 151, -29))]) == (150, -30, 151, -29)


@pytest.mark.parametrize("made_of", [[], [_observed("EPSG:7855")]], ids=["no layers", "nothing observed"])
def test_nothing_observed_has_no_place(made_of: list[Layer]) -> None:
    """A box that is made up would be found in catalogues."""
    assert footprint(made_of) is None
    assert wgs84_bounds(made_of) is None


@given(
    west=st.floats(-200, 400),
    south=st.floats(-80, 70),
    width=st.floats(0.001, 3),
    height=st.floats(0.001, 3),
    hole=st.booleans(),
)
def test_every_footprint_is_valid_and_within_the_earth(
    west: float, south: float, width: float, height: float, hole: bool
) -> None:
    """Wherever degrees are counted from, also across 180, the geometry is valid and its area is that of the ground."""
    ground = shapely.box(west, south, west + width, south + height)
    if hole:
        ground = ground.difference(
            shapely.box(west + width / 3, south + height / 3, west + width / 2, south + height / 2)
        )
    area = ground.area
    found = footprint([_observed("EPSG:4326", ground)])
    assert found is not None
    assert shapely.is_valid(found.geometry)
    assert found.geometry.area == pytest.approx(area, rel=1e-3, abs=1e-6)
    assert shapely.box(-180, -90, 180, 90).covers(found.geometry)
    assert (found.bbox[2] - found.bbox[0]) % 360 == pytest.approx(width, abs=1e-6)
