"""Given areas where the imagery is: valid, on its lattice, each ground once."""

import numpy as np
import pytest
import shapely
from cut_scenes import MGA
from given_scenes import area, given, moved, stars
from hypothesis import given as whenever
from hypothesis import strategies as st

from tasks.core.errors import UnusableArgument
from tasks.core.given_areas.given_areas import GivenAreas


@whenever(st.integers(0, 10_000), st.sampled_from([MGA, "EPSG:4283", "EPSG:3857", "EPSG:7856"]))
def test_it_is_the_same_ground_in_another_crs(seed: int, crs: str) -> None:
    """Overlapping and invalid polygons become one ground, to within a centimetre of its outline, on the lattice."""
    there = moved(stars(seed, 8), MGA, crs)
    found = given(there, "normal_water", crs).in_crs(MGA).polygons
    expected = shapely.union_all(shapely.make_valid(stars(seed, 8), method="structure", keep_collapsed=False))
    assert shapely.is_valid(found).all()
    united = shapely.union_all(found)
    assert area(found) == pytest.approx(united.area, rel=1e-9)
    assert shapely.area(united ^ expected) <= 0.02 * expected.length
    coordinates = shapely.get_coordinates(found)
    assert (coordinates == np.round(coordinates, 4)).all()


def test_only_what_is_near_is_brought_there() -> None:
    """Polygons far from the frames are left out, also in a CRS whose far ends have no place in the frames' own."""
    world = np.array([shapely.box(57, 0, 58, 1), shapely.box(146, -37, 146.1, -36.9)], np.object_)
    area_ = given(world, "normal_water", "EPSG:7844")
    found = area_.in_crs(MGA, (410_000, 5_900_000, 420_000, 5_910_000)).polygons
    assert len(found) == 1
    with pytest.raises(UnusableArgument, match=r"normal_water.gpkg: .* has no place .*EPSG:7855.*Check its CRS"):
        area_.in_crs(MGA)


def test_ground_with_two_reasons_has_the_first() -> None:
    """Reasons are numbered in the order of the file, and no ground counts twice."""
    boxes = [shapely.box(300_000 + west, 6_000_000, 300_010 + west, 6_000_010) for west in (0, 5, 12, 40)]
    area_ = given(boxes, "exclude", reasons=["roof", "levee", "roof", "levee"])
    found = area_.in_crs(MGA)
    assert area_.reason_names == ["roof", "levee"]
    by_reason = [area(found.polygons[found.owner == number]) for number in (0, 1)]
    assert by_reason == pytest.approx([200.0, 2 * 10 + 100.0])


def test_without_anything_near_there_is_nothing() -> None:
    """No polygons are no error: the frames lie elsewhere."""
    found = given(stars(1, 3), "normal_water").in_crs(MGA, (0, 0, 1, 1))
    assert (len(found.polygons), len(found.owner)) == (0, 0)


def test_what_was_given_is_listed() -> None:
    """Files come in the order of the parameters, without those that there are not."""
    water, interest = (given(stars(1, 1), name) for name in ("normal_water", "area_of_interest"))
    assert GivenAreas(water, None, interest).files == (water, interest)
    assert GivenAreas().files == ()
