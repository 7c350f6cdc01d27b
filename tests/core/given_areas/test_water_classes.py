"""Flood, normal water and excluded water: all of the water, and nothing twice."""

import math

import numpy as np
import pytest
import rasterio.features
import shapely
from cut_scenes import MGA, blobs, grid_of
from given_scenes import area, given, moved, stars
from hypothesis import given as whenever
from hypothesis import strategies as st
from prairie import DATA
from rasterio.transform import from_origin

from tasks.core.arrays import ObjectArray
from tasks.core.given_areas.mask import Mask
from tasks.core.given_areas.water_classes import Limits, classify, is_slight, traces
from tasks.core.polygons.tracing import mask_polygons, to_crs
from tasks.core.scoring.score_files import read_polygons

STEP = 1e-4
SHAPE = (40, 50)


def _water(seed: int, angle: float = 0.0) -> ObjectArray:
    mask = blobs(seed, SHAPE)
    return np.asarray(shapely.get_parts(to_crs(mask_polygons(mask), grid_of(mask, angle))), np.object_)


@whenever(st.integers(0, 10_000), st.sampled_from([0.0, 0.3]), st.integers(0, 6), st.sampled_from([0.0, 1.5, 6.0]))
def test_classes_are_all_of_the_water_and_overlap_nowhere(
    seed: int, angle: float, number: int, tolerance_m: float
) -> None:
    """The classes add up to the water, but for the rounding of coordinates (0.1 mm) along the outlines."""
    water = _water(seed, angle)
    normal = Mask(given(stars(seed, number), "normal_water").in_crs(MGA).polygons, MGA)
    excluded = given(stars(seed + 1, number), "exclude").in_crs(MGA)
    found = classify(water, normal, excluded, Limits(tolerance_m, 25.0), MGA)
    classes = [found.flood.polygons, found.normal, found.excluded.polygons]
    rounding = STEP * sum(shapely.length(some).sum() for some in (*classes, normal.polygons, excluded.polygons))
    assert abs(sum(area(one) for one in classes) - area(water)) <= rounding
    united = [shapely.union_all(one) for one in classes]
    assert all(shapely.area(one & other) <= rounding for one in united for other in united if one is not other)
    dry = traces(normal, water[:0] if not len(water) else shapely.buffer(water[:1], 30), water, MGA)
    assert shapely.area(shapely.union_all(dry) & shapely.union_all(water)) <= rounding
    assert all(shapely.is_valid(one).all() for one in (*classes, dry))


@pytest.mark.parametrize(("seed", "angle"), [(1, 0.0), (2, 0.3), (3, 0.0), (4, 0.3)])
def test_counted_in_pixels_the_classes_are_the_same(seed: int, angle: float) -> None:
    """Burnt into a grid of 5 cm by GDAL and told apart by pixel, each class has the same area to a part in 200."""
    water = _water(seed, angle)
    normal, excluded = (stars(seed + shift, 5) for shift in (0, 1))
    found = classify(
        water,
        Mask(given(normal, "normal_water").in_crs(MGA).polygons, MGA),
        given(excluded, "exclude").in_crs(MGA),
        Limits(0.0, 0.0),
        MGA,
    )
    west, south, east, north = shapely.total_bounds(water)
    shape, side = (
        (math.ceil((north - south) / 0.05), math.ceil((east - west) / 0.05)),
        from_origin(west, north, 0.05, 0.05),
    )
    wet, wet_before, out = (
        rasterio.features.rasterize(shapely.make_valid(some), out_shape=shape, transform=side).astype(bool)
        for some in (water, normal, excluded)
    )
    expected = wet & ~out & ~wet_before, wet & ~out & wet_before, wet & out
    for pixels, polygons in zip(expected, (found.flood.polygons, found.normal, found.excluded.polygons), strict=True):
        assert area(polygons) == pytest.approx(pixels.sum() * 0.0025, rel=0.005)


def _strip(width_m: float, length_m: float = 40.0) -> shapely.Polygon:
    return shapely.box(0, 0, length_m, width_m)


@pytest.mark.parametrize("crs", [MGA, "EPSG:4283", "EPSG:3857"])
@pytest.mark.parametrize("angle", [0, 30])
def test_the_tolerance_is_metres_on_the_ground(crs: str, angle: float) -> None:
    """A strip as wide as the tolerance is slight and one a twentieth wider is not, along or across, in any CRS."""
    turned = [shapely.affinity.rotate(_strip(width), angle, origin=(0, 0)) for width in (4.8, 5.0, 5.25, 40.0)]
    placed = [shapely.affinity.translate(strip, 300_000, 6_000_000) for strip in turned]
    upright = [shapely.affinity.rotate(strip, 90) for strip in placed]
    strips = moved(np.array([*placed, *upright], np.object_), MGA, crs)
    assert is_slight(strips, Limits(5.0, 0.0), crs).tolist() == [True, True, False, False] * 2


def test_a_line_of_pixels_is_a_pixel_wide_at_its_bends_too() -> None:
    """A staircase of single pixels is no wider than a pixel, though a larger disc fits into its bends; four are."""
    mask = np.zeros((12, 12), bool)
    for number in range(5):
        mask[number, number : number + 2] = True
    mask[9:11, 2:4] = True
    grid = grid_of(mask)
    stairs = np.array(to_crs(mask_polygons(mask), grid).geoms, np.object_)
    slight = is_slight(stairs, Limits(1.5, 0.0), MGA)
    assert slight.tolist() == (shapely.get_num_coordinates(stairs) > 5).tolist()


def test_thin_and_small_flood_is_normal_only_beside_normal_water() -> None:
    """A fringe along normal water, and a small rest of it, are misregistration; a thin creek elsewhere is flood."""
    lake = shapely.box(0, 0, 100, 100)
    water = np.array(
        [shapely.box(-1, 0, 100, 100), shapely.box(200, 0, 300, 1), shapely.box(50, 200, 90, 240)], np.object_
    )
    normal = np.array([lake, shapely.box(50, 204, 90, 240), shapely.box(50, 200, 88, 204)], np.object_)
    places = shapely.transform(water, lambda points: points + np.array([300_000, 6_000_000]))
    known = shapely.transform(normal, lambda points: points + np.array([300_000, 6_000_000]))
    mask = Mask(given(known, "normal_water").in_crs(MGA).polygons, MGA)
    found = classify(places, mask, None, Limits(1.5, 25.0), MGA)
    assert [round(one.area) for one in found.flood.polygons] == [100]
    assert sorted(round(one.area) for one in found.normal) == [1600, 10_100]
    assert found.flood.owner.tolist() == [1]
    wide = classify(places, mask, None, Limits(0.5, 5.0), MGA)
    assert sorted(round(one.area) for one in wide.flood.polygons) == [8, 100, 100]


def test_excluded_water_keeps_its_reason() -> None:
    """Each part has the reason of the ground that it lies on; where two overlap, that of the first."""
    water = np.array([shapely.box(300_000, 6_000_000, 300_100, 6_000_010)], np.object_)
    ground = [shapely.box(300_000 + west, 6_000_000, 300_040 + west, 6_000_020) for west in (0, 30, 80)]
    area_ = given(ground, "exclude", reasons=["roof", "levee", "roof"])
    found = classify(water, None, area_.in_crs(MGA), Limits(0.0, 0.0), MGA)
    names = [area_.reason_names[number] for number in found.excluded.owner]
    sizes = [(name, round(one.area)) for name, one in zip(names, found.excluded.polygons, strict=True)]
    assert sizes == [("roof", 400), ("levee", 300), ("roof", 200)]
    assert area(found.flood.polygons) == pytest.approx(100)


def test_of_the_lakes_of_two_years_35_pieces_of_99_are_no_wider_than_a_pixel() -> None:
    """Of what people drew as water in 2020 and not in 2009, so many parts are misregistration: they become normal."""
    if not DATA.exists():
        pytest.skip(f"real imagery is absent: {DATA}")
    before, now = (read_polygons(DATA / f"prairie_{year}" / "reference.gpkg") for year in (2009, 2020))
    normal = Mask(given(before.geometries, "normal_water", before.crs).in_crs(before.crs).polygons, before.crs)
    water = given(now.geometries, "normal_water", now.crs).in_crs(now.crs).polygons
    pieces = normal.outside(water).polygons
    assert len(pieces) == 99
    assert is_slight(pieces, Limits(5.0, 0.0), now.crs).sum() == 35
    found = classify(water, normal, None, Limits(5.0, 0.0), now.crs)
    assert len(found.flood.polygons) == 64
    assert area(found.flood.polygons) + area(found.normal) == pytest.approx(area(water), rel=1e-9)
