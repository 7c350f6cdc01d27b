"""Tiles joined are the scene that they were cut from."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import rasterio.features
import shapely
from cut_scenes import MGA, blobs, grid_of, noise, window, windows
from hypothesis import example, given
from hypothesis import strategies as st
from rasterio import Affine
from shapely import MultiPolygon

from tasks.core.arrays import BoolMask
from tasks.core.geo.grid import Grid
from tasks.core.joining.seam_joining import join
from tasks.core.polygons.tracing import mask_polygons, to_crs

ANGLES = st.sampled_from([0.0, math.pi / 2, 0.3, -2.0])
PIXELS = st.sampled_from([0.15, 1.5, 375 / 256, 5.0])
SEEDS = st.integers(0, 10_000)
SHARES = st.sampled_from([0.1, 0.45, 0.6, 0.8, 0.97])
ONE_ROUNDING = 1.01e-4  # metres


def _trace(mask: BoolMask, grid: Grid) -> MultiPolygon:
    return to_crs(mask_polygons(mask), grid)


def _content(polygons: Sequence[shapely.Polygon]) -> list[bytes]:
    return sorted(shapely.to_wkb(shapely.normalize(np.array([*polygons, None], dtype=object)[:-1])))


def _same(joined: Sequence[shapely.Polygon], whole: Sequence[shapely.Polygon]) -> bool:
    """Vertex for vertex the same; a coordinate that lies half-way between two roundings may have gone either way.

    Its last bit decides there, and two tiles need not compute the same last bit.
    """
    if _content(joined) == _content(whole):
        return True
    ones, others = (shapely.normalize(np.array(list(part), dtype=object)) for part in (joined, whole))
    return len(ones) == len(others) and all(shapely.equals_exact(one, others, ONE_ROUNDING).any() for one in ones)


def _join(parts: Sequence[tuple[BoolMask, Grid]], crs: str = MGA) -> list[shapely.Polygon]:
    return join([_trace(*part) for part in parts], crs, [grid for _, grid in parts])


@given(SEEDS, SHARES, ANGLES, PIXELS, st.sampled_from([0, 1, 2]))
def test_tiles_of_noise_join_to_the_whole(seed: int, share: float, angle: float, pixel: float, overlap: int) -> None:
    """Cut with and without overlap, on upright and rotated grids, tiles join vertex for vertex to the whole scene."""
    mask = noise(seed, share)
    grid = grid_of(mask, angle, pixel)
    joined = _join(list(windows(mask, grid, 17, overlap)))
    assert _same(joined, _trace(mask, grid).geoms)
    assert shapely.is_valid(joined).all()


@given(SEEDS, ANGLES, PIXELS, st.sampled_from([0, 2]))
@example(350, 0.3, 5.0, 0)
def test_tiles_of_shapes_join_to_the_whole(seed: int, angle: float, pixel: float, overlap: int) -> None:
    """Shapes with holes that run over many tiles come out as from one image; overlap is 10 % here."""
    mask = blobs(seed)
    grid = grid_of(mask, angle, pixel)
    assert _same(_join(list(windows(mask, grid, 20, overlap))), _trace(mask, grid).geoms)


@given(SEEDS, SHARES)
def test_geographic_tiles_join_to_the_whole(seed: int, share: float) -> None:
    """Degrees join like metres."""
    mask = noise(seed, share)
    grid = Grid(mask.shape[1], mask.shape[0], (1.4e-6, 0, 146.123456789, 0, -1.2e-6, -35.1), "EPSG:4326")
    assert _content(_join(list(windows(mask, grid, 17, 2)), "EPSG:4326")) == _content(_trace(mask, grid).geoms)


@given(SEEDS, SHARES, ANGLES, st.sampled_from([(0.5, 0.5), (0.0, 0.5), (0.5, 7.0)]))
def test_misaligned_tiles_cover_the_union_of_their_masks(
    seed: int, share: float, angle: float, shift: tuple[float, float]
) -> None:
    """Half a pixel off, the joined area is that of the union of the masks, counted at half-pixel resolution."""
    first, second = noise(seed, share, (12, 15)), noise(seed + 1, share, (12, 15))
    grid = grid_of(first, angle)
    joined = _join([(first, grid), (second, window(grid, *shift, 12, 15))])
    canvas = np.zeros((60, 60), bool)
    for mask, (row, column) in ((first, (0, 0)), (second, (int(2 * shift[0]), int(2 * shift[1])))):
        canvas[row : row + 24, column : column + 30] |= np.kron(mask, np.ones((2, 2), bool))
    expected = canvas.sum() * grid.pixel_area / 4
    assert shapely.area(joined).sum() == pytest.approx(expected, abs=1e-4 * shapely.length(joined).sum() + 1e-6)
    assert shapely.is_valid(joined).all()


@given(SEEDS, SHARES)
def test_overlapping_tiles_that_disagree_take_any_yes(seed: int, share: float) -> None:
    """Where tiles see different things, rasterio burns the same from the joined extent as from the masks together."""
    first, second = noise(seed, share, (20, 20)), noise(seed + 1, share, (20, 20))
    grid = grid_of(first)
    joined = _join([(first, grid), (second, window(grid, 3, 5, 20, 20))])
    canvas = np.zeros((23, 25), bool)
    canvas[:20, :20] |= first
    canvas[3:, 5:] |= second
    shapes = [(polygon, 1) for polygon in joined] or [(shapely.Point(0, 0), 1)]
    burnt = rasterio.features.rasterize(shapes, canvas.shape, transform=Affine(*grid.transform))
    assert np.array_equal(burnt.astype(bool), canvas)


@given(SEEDS, SHARES, ANGLES, st.randoms(use_true_random=False))
def test_the_order_of_tiles_does_not_show(seed: int, share: float, angle: float, random: object) -> None:
    """Shuffled tiles give the same polygons in the same order."""
    mask = noise(seed, share)
    parts = list(windows(mask, grid_of(mask, angle), 9, 2))
    shuffled = parts.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert _join(shuffled) == _join(parts)


@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_corners_that_differ_in_the_last_bits_still_join(angle: float) -> None:
    """Tiles whose corners were summed differently are one polygon, without a vertex on their seam."""
    mask = np.ones((16, 16), bool)
    grid = grid_of(mask, angle, 375 / 256)
    left, right = window(grid, 0, 0, 16, 8), window(grid, 0, 8, 16, 8)
    a, b, c, d, e, f = right.transform
    for away in (-math.inf, math.inf):
        off = Grid(8, 16, (a, b, math.nextafter(c, away), d, e, math.nextafter(f, -away)), MGA)
        (joined,) = _join([(mask[:, :8], left), (mask[:, 8:], off)])
        assert len(joined.exterior.coords) == 5


def test_a_seam_off_by_the_rounding_still_joins() -> None:
    """Corners 0.1 mm apart, the rounding itself, leave neither a gap nor a step."""
    mask = np.ones((4, 4), bool)
    grid = grid_of(mask)
    a, b, c, d, e, f = window(grid, 0, 4, 4, 4).transform
    for gap in (-1e-4, 1e-4):
        (joined,) = _join([(mask, grid), (mask, Grid(4, 4, (a, b, c + gap, d, e, f + gap), MGA))])
        assert len(joined.exterior.coords) == 5


@given(SEEDS)
def test_flights_in_several_directions_join(seed: int) -> None:
    """Tiles turned against each other cover the area of their union, found by a plain union."""
    first, second = blobs(seed, (30, 30)), blobs(seed + 1, (30, 30))
    parts = [(first, grid_of(first)), (second, window(grid_of(second, 0.4), 3, 2, 30, 30))]
    joined = _join(parts)
    expected = shapely.union_all([_trace(*part) for part in parts]).area
    assert shapely.area(joined).sum() == pytest.approx(expected, abs=1e-4 * shapely.length(joined).sum() + 1e-6)
    assert shapely.is_valid(joined).all()
    assert _join(parts[::-1]) == joined


def test_polygons_that_touch_at_a_corner_stay_apart() -> None:
    """As in one mask, tiles that meet at a corner only are not connected."""
    one = np.ones((2, 2), bool)
    grid = grid_of(one)
    assert len(_join([(one, grid), (one, window(grid, 2, 2, 2, 2))])) == 2


def test_nothing_joins_to_nothing() -> None:
    """No tiles, and tiles without flood, give no polygons."""
    assert join([], MGA) == []
    assert join([MultiPolygon(), MultiPolygon()], MGA) == []


@pytest.mark.slow
def test_a_large_scene_joins_to_the_whole() -> None:
    """A scene of 30 x 30 tiles with thousands of polygons joins vertex for vertex."""
    mask = blobs(3, (1800, 1800), 3.0)
    grid = grid_of(mask)
    assert _content(_join(list(windows(mask, grid, 60, 0)))) == _content(_trace(mask, grid).geoms)
