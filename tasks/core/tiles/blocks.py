"""Cuts a dataset into spatial blocks of tiles, each for a run of its own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.core.geo.grid import Grid
from tasks.core.tiles.jobs import TileJob

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Block:
    """Tiles that lie together.

    Attributes:
        number: From 1.
        jobs: Of its tiles.
        crs: Of the tiles; empty where their place is not known.
        bounds: Of the tiles, in units of the CRS: west, south, east, north; None where their place is not known.
    """

    number: int
    jobs: tuple[TileJob, ...]
    crs: str
    bounds: Bounds | None


def spatial_blocks(jobs: Sequence[TileJob], size: int) -> list[Block]:
    """Cut tiles into as few blocks as their number asks for: halved again and again across the longer side.

    Tiles of different CRSs are in different blocks, and so are those whose place is not known.

    Args:
        jobs: In any order, which does not matter to the result.
        size: Tiles in a block, at most.
    """
    by_crs: dict[str, list[TileJob]] = {}
    for job in sorted(jobs, key=lambda job: job.tile.id):
        by_crs.setdefault("" if job.grid is None else job.grid.crs, []).append(job)
    cut = [(crs, part) for crs in sorted(by_crs) for part in _parts(by_crs[crs], math.ceil(len(by_crs[crs]) / size))]
    return [Block(number, tuple(part), crs, _bounds(part)) for number, (crs, part) in enumerate(cut, start=1)]


def _parts(jobs: list[TileJob], count: int) -> list[list[TileJob]]:
    """So many parts, whose sizes differ by one at most where the number allows."""
    if count <= 1:
        return [jobs]
    first = count // 2
    split = math.ceil(len(jobs) * first / count)
    ordered = jobs if jobs[0].grid is None else _along_longer_side(jobs)
    return [*_parts(ordered[:split], first), *_parts(ordered[split:], count - first)]


def _along_longer_side(jobs: list[TileJob]) -> list[TileJob]:
    bounds = np.array([bounds_of(job.grid) for job in jobs if job.grid is not None])
    centres = bounds[:, :2] + bounds[:, 2:]
    axis = int(np.argmax(np.ptp(centres, axis=0)))
    return [jobs[place] for place in np.lexsort((centres[:, 1 - axis], centres[:, axis]))]


def _bounds(jobs: Sequence[TileJob]) -> Bounds | None:
    found = np.array([bounds_of(job.grid) for job in jobs if job.grid is not None])
    if not len(found):
        return None
    (west, south), (east, north) = found[:, :2].min(axis=0), found[:, 2:].max(axis=0)
    return float(west), float(south), float(east), float(north)


def bounds_of(grid: Grid) -> Bounds:
    """West, south, east, north of a grid, rotated ones too, in units of its CRS."""
    x, y = zip(*grid.corners, strict=True)
    return min(x), min(y), max(x), max(y)
