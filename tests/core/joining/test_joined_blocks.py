"""Blocks joined apart, kept in files and joined again are what their tiles are joined at once."""

import tempfile
from pathlib import Path
from random import Random

import numpy as np
import pytest
import shapely
from cut_scenes import MGA, blobs, grid_of, noise, windows
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.arrays import BoolMask, ObjectArray
from tasks.core.errors import FinalError, UnusableArgument
from tasks.core.geo.grid import Grid
from tasks.core.joining.block_files import read_block, write_block
from tasks.core.joining.joined_blocks import JoinedBlock, join_block, join_blocks
from tasks.core.joining.seam_joining import join
from tasks.core.polygons.tracing import mask_polygons, to_crs

Part = tuple[BoolMask, Grid]


def _blocks(parts: list[Part], size: int) -> list[JoinedBlock]:
    """Each ``size`` parts joined by themselves."""
    tiles = [(to_crs(mask_polygons(mask), grid), grid) for mask, grid in parts]
    groups = [tiles[start : start + size] for start in range(0, len(tiles), size)]
    return [block for group in groups for block in join_block(*_columns(group))]


def _columns(tiles: list[tuple[shapely.MultiPolygon, Grid]]) -> tuple[list[shapely.MultiPolygon], str, list[Grid]]:
    return [tile for tile, _ in tiles], MGA, [grid for _, grid in tiles]


def _through_files(blocks: list[JoinedBlock], folder: Path) -> list[JoinedBlock]:
    for number, block in enumerate(blocks):
        write_block(block, folder / f"{number}.npz")
    return [read_block(folder / f"{number}.npz") for number in range(len(blocks))]


def _wkb(blocks: list[JoinedBlock]) -> list[bytes]:
    return sorted(wkb for part in join_blocks(blocks) for wkb in shapely.to_wkb(part))


def _at_once(parts: list[Part]) -> list[bytes]:
    joined = join(*_columns([(to_crs(mask_polygons(mask), grid), grid) for mask, grid in parts]))
    return list(shapely.to_wkb(np.array([*joined, None], np.object_)[:-1]))


Scene = tuple[int, float, float, int, int, float, float | None]
SCENES = st.tuples(
    st.integers(0, 10_000),
    st.sampled_from([0.1, 0.6, 0.97]),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from([0, 2]),
    st.sampled_from([1, 3, 1000]),
    st.sampled_from([0.0, 1e-4, 2e-4, 3e-4, 0.37]),
    st.sampled_from([None, 0.7]),
)


@settings(max_examples=10)
@given(SCENES)
def test_blocks_join_to_what_their_tiles_do(scene: Scene) -> None:
    """Also where tiles are off by what rounding tells apart or not, overlap, or lie in several directions."""
    _check_blocks(*scene)


@pytest.mark.slow
@settings(max_examples=120)
@given(SCENES)
def test_blocks_join_to_what_their_tiles_do_in_many_scenes(scene: Scene) -> None:
    """The same, often enough to meet rare meetings of the three."""
    _check_blocks(*scene)


def _check_blocks(
    seed: int, share: float, angle: float, overlap: int, size: int, off_m: float, other: float | None
) -> None:
    mask = noise(seed, share, (20, 24))
    a, b, c, d, e, f = grid_of(mask, angle).transform
    off = Grid(24, 20, (a, b, c + off_m, d, e, f - 2 * off_m), MGA)
    parts = [part for grid in (grid_of(mask, angle), off) for part in windows(mask, grid, 8, overlap)]
    if other is not None:
        turned = blobs(seed, (16, 16))
        parts += windows(turned, grid_of(turned, other), 8, 0)
    Random(seed).shuffle(parts)
    with tempfile.TemporaryDirectory() as folder:
        blocks = _through_files(_blocks(parts, size), Path(folder))
        assert _wkb(Random(seed).sample(blocks, len(blocks))) == _at_once(parts)


def test_what_reaches_no_other_block_is_handed_on_before_the_next_is_read() -> None:
    """A pond in the midst of its block comes out before the polygons of the next one are asked for."""
    mask = np.zeros((8, 16), np.bool_)
    mask[3:5, [3, 12]] = True
    mask[7] = True
    first, second = _blocks(list(windows(mask, grid_of(mask), 8, 0)), 1)
    read: list[str] = []

    def read_second() -> ObjectArray:
        read.append("second")
        return second.read()

    parts = join_blocks([first, JoinedBlock(second.axes, second.tile_bounds, read_second)])
    assert [len(next(parts)), len(read)] == [1, 0]
    assert [len(part) for part in parts] == [1, 1]


def test_no_blocks_join_to_nothing() -> None:
    """Neither no block nor blocks without flood give polygons."""
    empty = np.zeros((4, 4), np.bool_)
    assert list(join_blocks([])) == []
    assert _wkb(_blocks([(empty, grid_of(empty))] * 2, 1)) == []


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """A file cut short says which it is, and what to do."""
    mask = np.ones((4, 4), np.bool_)
    (block,) = _blocks([(mask, grid_of(mask))], 1)
    write_block(block, tmp_path / "block.npz")
    content = (tmp_path / "block.npz").read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"something else"):
        (tmp_path / "block.npz").write_bytes(damaged)
        with pytest.raises(FinalError, match=r"block\.npz.*Join the block's tiles again"):
            read_block(tmp_path / "block.npz")


def test_polygons_off_their_grid_are_refused() -> None:
    """A triangle is made of no pixels: it cannot be joined exactly, and says so."""
    mask = np.ones((4, 4), np.bool_)
    triangle = shapely.MultiPolygon([shapely.Polygon([(0, 0), (4, 0), (0, 3)])])
    with pytest.raises(UnusableArgument, match="with the grids"):
        join_block([triangle], MGA, [grid_of(mask)])
