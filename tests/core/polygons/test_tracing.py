"""Polygons of a mask follow its pixels' edges exactly."""

import math

import cv2
import numpy as np
import pytest
import rasterio.features
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from rasterio import Affine
from shapely.geometry import shape

from tasks.core.arrays import BoolMask
from tasks.core.geo.grid import Grid
from tasks.core.polygons.tracing import mask_polygons, to_crs

SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, max_side=14)
MASKS = arrays.arrays(np.bool_, SHAPES)
CHECKERBOARD = np.indices((9, 8)).sum(axis=0) % 2 == 0
RINGS = np.minimum(*np.minimum(np.indices((9, 9)), 8 - np.indices((9, 9)))) % 2 == 0
TOUCHING = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 0], [1, 1, 1, 1]], bool)


def _noise(share: float, size: int = 120) -> BoolMask:
    return np.random.default_rng(5).random((size, size)) < share


def _content(polygons: list[shapely.Polygon]) -> list[bytes]:
    return sorted(shapely.to_wkb(shapely.normalize(np.array(polygons, dtype=object))))


def _by_rasterio(mask: BoolMask) -> list[shapely.Polygon]:
    shapes = rasterio.features.shapes(mask.astype(np.uint8), mask=mask, connectivity=4)
    return [shape(geometry) for geometry, _ in shapes]


@given(MASKS)
@example(np.ones((1, 1), bool))
@example(np.zeros((1, 1), bool))
@example(np.ones((3, 5), bool))
@example(CHECKERBOARD)
@example(~CHECKERBOARD)
@example(RINGS)
@example(TOUCHING)
@example(~TOUCHING)
def test_polygons_equal_those_of_rasterio(mask: BoolMask) -> None:
    """Every mask gives vertex for vertex the polygons of rasterio's 4-connected shapes, each of them valid."""
    polygons = mask_polygons(mask)
    assert _content(polygons) == _content(_by_rasterio(mask))
    assert _content(mask_polygons(mask, many_pixels=0)) == _content(polygons)
    assert shapely.is_valid(polygons).all()


@pytest.mark.parametrize("share", [0.2, 0.41, 0.5, 0.593, 0.7, 0.85, 0.98])
def test_dense_noise_equals_rasterio(share: float) -> None:
    """Large masks of noise, with rings that touch themselves many times over, come out the same too."""
    mask = _noise(share)
    assert _content(mask_polygons(mask)) == _content(_by_rasterio(mask))


@given(MASKS)
def test_polygons_rasterised_back_equal_the_mask(mask: BoolMask) -> None:
    """Burning the polygons gives the mask back, and their area is the number of its pixels."""
    polygons = mask_polygons(mask)
    shapes = [(polygon, 1) for polygon in polygons] or [(shapely.Point(-9, -9), 1)]
    burnt = rasterio.features.rasterize(shapes, mask.shape, transform=Affine.identity())
    assert np.array_equal(burnt.astype(bool), mask)
    assert shapely.area(polygons).sum() == mask.sum()


def test_holes_that_touch_the_outline_are_holes() -> None:
    """Holes that touch the outline or one another in a point come out as holes of a valid polygon."""
    (polygon,) = mask_polygons(TOUCHING)
    assert len(polygon.interiors) == 2
    assert polygon.is_valid


def test_islands_in_holes_are_polygons_of_their_own() -> None:
    """Nested rings alternate between polygons and holes."""
    assert [len(polygon.interiors) for polygon in mask_polygons(RINGS)].count(1) == 2
    assert len(mask_polygons(RINGS)) == 3


@pytest.mark.slow
def test_a_large_checkerboard_takes_no_more_than_its_share() -> None:
    """A mask with half a million components is traced: time must not grow with the square of their number."""
    checkerboard = np.indices((1000, 1000)).sum(axis=0) % 2 == 0
    assert len(mask_polygons(checkerboard)) == 500_000


@given(st.floats(-math.pi, math.pi), st.sampled_from([0.15, 1.5, 375 / 256, 5.0]), MASKS)
def test_ground_area_is_pixels_times_pixel_area(angle: float, pixel_m: float, mask: BoolMask) -> None:
    """By the full affine, rotated grids included, area = pixels x pixel area, to within the rounding of vertices."""
    across, along = math.cos(angle) * pixel_m, math.sin(angle) * pixel_m
    grid = Grid(mask.shape[1], mask.shape[0], (across, along, 3e5, along, -across, 6.6e6), "EPSG:7855")
    area = to_crs(mask_polygons(mask), grid)
    assert area.area == pytest.approx(mask.sum() * grid.pixel_area, abs=1e-4 * area.length + 1e-9)
    assert area.is_valid


def test_polygons_on_the_ground_agree_with_gdal_s_affine() -> None:
    """A sheared transform places vertices where rasterio places them."""
    transform = (1.2, 0.3, 500_000.0, -0.1, -1.4, 6_000_000.0)
    mask = cv2.circle(np.zeros((20, 30), np.uint8), (14, 9), 7, 1, -1).astype(bool)
    ours = to_crs(mask_polygons(mask), Grid(30, 20, transform, "EPSG:7855"))
    shapes = rasterio.features.shapes(mask.astype(np.uint8), mask=mask, transform=Affine(*transform))
    theirs = shapely.union_all([shape(geometry) for geometry, _ in shapes])
    assert shapely.hausdorff_distance(ours, theirs) < 1e-4


@pytest.mark.parametrize(("crs", "decimals"), [("EPSG:7855", 4), ("EPSG:4326", 9), ("EPSG:2227", 4), ("EPSG:4807", 9)])
def test_vertices_are_rounded(crs: str, decimals: int) -> None:
    """Vertices keep 0.1 mm or a little finer in feet, and 1e-9 degrees or a little finer in grads."""
    grid = Grid(3, 3, (1 / 3, 0.0, 100 / 7, 0.0, -1 / 3, 100 / 9), crs)
    vertices = shapely.get_coordinates(to_crs(mask_polygons(np.eye(3, dtype=bool)), grid))
    assert np.array_equal(vertices, np.round(vertices, decimals))
    assert not np.array_equal(vertices, np.round(vertices, decimals - 1))


def test_corners_that_differ_in_the_last_bit_round_alike() -> None:
    """The same pixel edge reached from two tiles rounds to one number, also half-way between two."""
    pixel = 375 / 256
    whole = to_crs(mask_polygons(np.ones((1, 8), bool)), Grid(8, 1, (pixel, 0, 0.1, 0, -1, 0), "EPSG:7855"))
    corner = np.nextafter(0.1 + 8 * pixel, -1)  # 11.81875: a half of 0.1 mm
    beside = to_crs(mask_polygons(np.ones((1, 1), bool)), Grid(1, 1, (pixel, 0, corner, 0, -1, 0), "EPSG:7855"))
    assert whole.bounds[2] == beside.bounds[0]
