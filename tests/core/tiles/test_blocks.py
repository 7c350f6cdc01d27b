"""Blocks: every tile is in one, none is too large, and it does not matter in which order the tiles come."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tile_jobs import planned

from tasks.core.geo.grid import Grid
from tasks.core.tiles.blocks import spatial_blocks
from tasks.core.tiles.jobs import TileJob
from tasks.core.tiles.tile import Tile

SIDE_M = 100.0


def job_at(name: str, column: int, row: int, crs: str = "EPSG:7855", *, known: bool = True) -> TileJob:
    """A tile of 100 m, so many tiles from the corner."""
    grid = Grid(10, 10, (10.0, 0.0, 500_000 + column * SIDE_M, 0.0, -10.0, 6_000_000 - row * SIDE_M), crs)
    tile = Tile(name, f"/{name}", 1, name, grid=grid if known else None, problem=None if known else "cut short")
    (job,) = planned([tile])
    return job


def square(side: int) -> list[TileJob]:
    """Tiles side by side, as many across as down."""
    return [job_at(f"t{row:02}{column:02}", column, row) for row in range(side) for column in range(side)]


places = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30), st.sampled_from(["EPSG:7855", "EPSG:7856"]), st.booleans()),
    max_size=40,
)


@given(places, st.integers(1, 50), st.randoms())
def test_every_tile_is_in_one_block_whatever_their_order(
    tiles: list[tuple[int, int, str, bool]], size: int, random: Random
) -> None:
    """Blocks are numbered from 1, of one CRS, no larger than asked, and no more than needed."""
    jobs = [job_at(f"{n:03}", x, y, crs, known=known) for n, (x, y, crs, known) in enumerate(tiles)]
    blocks = spatial_blocks(jobs, size)
    assert sorted(job.tile.id for block in blocks for job in block.jobs) == [job.tile.id for job in jobs]
    assert [block.number for block in blocks] == list(range(1, len(blocks) + 1))
    kinds = [job.grid.crs if job.grid else "" for job in jobs]
    assert len(blocks) == sum(math.ceil(kinds.count(kind) / size) for kind in set(kinds))
    for block in blocks:
        assert 1 <= len(block.jobs) <= size
        assert {job.grid.crs if job.grid else "" for job in block.jobs} == {block.crs}
        assert (block.bounds is None) == (block.crs == "")
    random.shuffle(jobs)
    assert spatial_blocks(jobs, size) == blocks


@pytest.mark.parametrize(("side", "size"), [(8, 16), (12, 9), (10, 25)])
def test_a_square_of_tiles_is_cut_into_compact_blocks(side: int, size: int) -> None:
    """Few tiles are at a block's edge: a block is at most twice as long as it is wide, and none lies over another."""
    blocks = spatial_blocks(square(side), size)
    covered = 0.0
    for block in blocks:
        assert block.bounds is not None
        west, south, east, north = block.bounds
        assert max(east - west, north - south) <= 2 * min(east - west, north - south)
        covered += (east - west) * (north - south)
    assert covered == pytest.approx((side * SIDE_M) ** 2)


def test_a_blocks_bounds_are_those_of_its_tiles() -> None:
    """In units of the CRS, west, south, east, north."""
    (block,) = spatial_blocks(square(3), 9)
    assert block.bounds == (500_000.0, 5_999_700.0, 500_300.0, 6_000_000.0)


def test_nothing_has_no_blocks() -> None:
    """A dataset whose tiles were all answered before needs no run."""
    assert spatial_blocks([], 500) == []
