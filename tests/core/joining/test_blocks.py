"""Tiles joined block by block are what they are joined at once, and what the whole scene would be."""

from random import Random

import numpy as np
import pytest
import shapely
from cut_scenes import MGA, blobs, grid_of, noise, window, windows
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.arrays import BoolMask, FloatArray
from tasks.core.geo.grid import Grid
from tasks.core.joining.blocks import EVERYWHERE, Rectangle, halves, reaching
from tasks.core.joining.dissolving import dissolve
from tasks.core.joining.seam_joining import join
from tasks.core.polygons.tracing import mask_polygons, to_crs

Part = tuple[BoolMask, Grid]
SEEDS, SHARES = st.integers(0, 10_000), st.sampled_from([0.1, 0.45, 0.6, 0.8, 0.97])
ANGLES, BLOCK_TILES = st.sampled_from([0.0, 0.3, -2.0]), st.sampled_from([1, 2, 5, 1000])
EVERYTHING = 1_000_000
FEW = settings(max_examples=10)


def _join(parts: list[Part], block_tiles: int, seed: int = 0) -> list[bytes]:
    """WKB of what the parts join to, in a shuffled order."""
    shuffled = Random(seed).sample(parts, len(parts))
    grids = [grid for _, grid in shuffled]
    joined = join([to_crs(mask_polygons(mask), grid) for mask, grid in shuffled], MGA, grids, block_tiles)
    assert shapely.is_valid(joined).all()
    return list(shapely.to_wkb(np.array([*joined, None], np.object_)[:-1]))


def _whole(mask: BoolMask, grid: Grid) -> list[bytes]:
    return sorted(shapely.to_wkb(shapely.normalize(shapely.get_parts(to_crs(mask_polygons(mask), grid)))))


@FEW
@given(SEEDS, SHARES, st.sampled_from([0, 1, 3]), BLOCK_TILES)
def test_any_blocks_give_the_whole_scene(seed: int, share: float, overlap: int, block_tiles: int) -> None:
    """Noise, all of whose polygons run over seams, joins to the traced scene whatever a block holds."""
    mask = noise(seed, share)
    grid = grid_of(mask)
    assert _join(list(windows(mask, grid, 7, overlap)), block_tiles, seed) == _whole(mask, grid)


@pytest.mark.slow
@settings(max_examples=60)
@given(SEEDS, st.sampled_from([0, 1, 5]), BLOCK_TILES)
def test_any_blocks_give_a_larger_scene_of_shapes(seed: int, overlap: int, block_tiles: int) -> None:
    """Shapes that run through some hundred tiles join to the traced scene whatever a block holds."""
    mask = blobs(seed, (150, 170), 3.0)
    grid = grid_of(mask)
    assert _join(list(windows(mask, grid, 11, overlap)), block_tiles, seed) == _whole(mask, grid)


@FEW
@given(SEEDS, SHARES, st.sampled_from([(0.5, 0.5), (0.0, 0.5), (3.5, 7.0)]), BLOCK_TILES)
def test_misaligned_flights_give_the_scene_at_half_pixels(
    seed: int, share: float, shift: tuple[float, float], block_tiles: int
) -> None:
    """Two flights, half a pixel apart, join to what tracing their masks together at half pixels gives."""
    first, second = noise(seed, share, (18, 21)), noise(seed + 1, share, (18, 21))
    grid = grid_of(first)
    parts = [*windows(first, grid, 6, 0), *windows(second, window(grid, *shift, 18, 21), 6, 1)]
    canvas = np.zeros((44, 60), np.bool_)
    for mask, (row, column) in ((first, (0, 0)), (second, (int(2 * shift[0]), int(2 * shift[1])))):
        canvas[row : row + 36, column : column + 42] |= np.kron(mask, np.ones((2, 2), np.bool_))
    a, b, c, d, e, f = grid.transform
    assert _join(parts, block_tiles, seed) == _whole(canvas, Grid(60, 44, (a / 2, b, c, d, e / 2, f), MGA))


@FEW
@given(SEEDS, SHARES, ANGLES, st.sampled_from([0.0, 0.7]), BLOCK_TILES)
def test_blocks_do_not_show_in_frames_of_several_directions(
    seed: int, share: float, angle: float, other: float, block_tiles: int
) -> None:
    """Flights in one or two directions, some tiles off by tenths of a millimetre, join as they do at once."""
    first, second = noise(seed, share, (16, 16)), blobs(seed, (16, 16))
    a, b, c, d, e, f = grid_of(first, angle).transform
    off = Grid(16, 16, (a, b, c + 2e-4, d, e, f - 3e-4), MGA)
    turned = window(grid_of(second, other), 3, 2, 16, 16)
    parts = [part for grid in (off, grid_of(first, angle)) for part in windows(first, grid, 5, 1)]
    parts += windows(second, turned, 6, 0)
    assert _join(parts, block_tiles) == _join(parts, EVERYTHING)


@pytest.mark.parametrize("block_tiles", [1, 4, 9, 30])
@pytest.mark.parametrize("overlap", [0, 2])
def test_rings_around_blocks_and_islands_in_them_stay_what_they_are(block_tiles: int, overlap: int) -> None:
    """Rivers that close around whole blocks, each an island in the hole of the next, and a spiral through all."""
    rows, columns = np.mgrid[:64, :64] - 31.5
    from_middle = np.maximum(np.abs(rows), np.abs(columns))
    rings = from_middle // 4 % 2 == 0
    spiral = (np.hypot(rows, columns) - np.arctan2(rows, columns) * 8 / (2 * np.pi)) % 8 < 4
    for mask in (rings, spiral):
        grid = grid_of(mask)
        joined = _join(list(windows(mask, grid, 5, overlap)), block_tiles)
        assert joined == _whole(mask, grid)


def test_two_tiles_that_meet_only_through_a_third_are_one() -> None:
    """In three blocks, a bridge over the gap between two tiles makes them one polygon."""
    one = np.ones((4, 4), np.bool_)
    grid = grid_of(one)
    parts = [(one, window(grid, 0, column, 4, 4)) for column in (0, 6, 3)]
    assert len(_join(parts[:2], 1)) == 2
    assert len(_join(parts, 1)) == 1


@FEW
@given(SEEDS, st.integers(2, 9), SHARES)
def test_dissolving_parts_of_a_mask_gives_the_mask(seed: int, number: int, share: float) -> None:
    """Pixels handed out to parts at random, and traced part by part, dissolve to the tracing of all of them."""
    mask = noise(seed, share, (15, 17))
    part_of = np.random.default_rng(seed).integers(number, size=mask.shape)
    parts = [polygon for part in range(number) for polygon in mask_polygons(mask & (part_of == part))]
    united = dissolve(np.array([*parts, None], np.object_)[:-1])
    whole = np.array([*mask_polygons(mask), None], np.object_)[:-1]
    assert sorted(shapely.to_wkb(shapely.normalize(united))) == sorted(shapely.to_wkb(shapely.normalize(whole)))
    assert shapely.is_valid(united).all()


def rectangles(bounds: FloatArray, most_tiles: int, around: Rectangle = EVERYWHERE) -> list[Rectangle]:
    """What is left of a rectangle when it has been halved as often as can be."""
    near = bounds[reaching(bounds, around)]
    parts = halves(near, around, most_tiles)
    return [around] if parts is None else [one for half in parts for one in rectangles(near, most_tiles, half)]


@FEW
@given(st.lists(st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 9)] * 2), max_size=40), st.integers(1, 8))
def test_rectangles_cover_the_plane_once(tiles: list[tuple[int, int, int, int]], most_tiles: int) -> None:
    """Each point beside the lines lies in one rectangle, however tiles lie."""
    bounds = np.array([(x, y, x + w, y + h) for x, y, w, h in tiles], np.float64).reshape(-1, 4)
    found = np.array(rectangles(bounds, most_tiles))
    points = np.random.default_rng(0).uniform(-5, 45, (50, 2))
    inside = (points[:, None] > found[:, :2]).all(axis=2) & (points[:, None] < found[:, 2:]).all(axis=2)
    assert (inside.sum(axis=1) == 1).all()


def test_tiles_that_adjoin_are_not_cut() -> None:
    """Of tiles side by side no rectangle holds more than it may, and each holds whole tiles."""
    bounds = np.array([(x, y, x + 10, y + 10) for x in range(0, 80, 10) for y in range(0, 80, 10)], np.float64)
    found = np.array(rectangles(bounds, 4))
    assert len(found) == 16
    assert np.isin(found[np.isfinite(found)], range(0, 90, 10)).all()
