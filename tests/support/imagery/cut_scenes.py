"""Scenes of labels, cut into tiles: what the tests of joining and of layers are made of."""

import math
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tasks.core.arrays import BoolMask, UInt8Array
from tasks.core.geo.grid import Grid
from tasks.core.polygons.tile_extent import extract
from tasks.core.product.layer import AnsweredTile

MGA = "EPSG:7855"


def grid_of(mask: npt.NDArray[Any], angle: float = 0.0, pixel: float = 1.5, crs: str = MGA) -> Grid:
    """A grid of square pixels, turned by an angle in radians."""
    across, down = math.cos(angle) * pixel, math.sin(angle) * pixel
    return Grid(mask.shape[1], mask.shape[0], (across, down, 300_000.15, down, -across, 6_600_000.3), crs)


def window(grid: Grid, row: float, column: float, rows: int, columns: int) -> Grid:
    """A grid of the same pixels that starts at another one."""
    a, b, _, d, e, _ = grid.transform
    x, y = grid.xy(column, row)
    return Grid(columns, rows, (a, b, x, d, e, y), grid.crs)


def windows(mask: npt.NDArray[Any], grid: Grid, size: int, overlap: int) -> Iterator[tuple[npt.NDArray[Any], Grid]]:
    """Cut a mask into tiles of a size, each reaching into the next by an overlap, in px."""
    for row in range(0, mask.shape[0], size):
        for column in range(0, mask.shape[1], size):
            part = mask[row : row + size + overlap, column : column + size + overlap]
            yield part, window(grid, row, column, *part.shape)


def noise(seed: int, share: float, shape: tuple[int, int] = (33, 41)) -> BoolMask:
    """Pixels set at random."""
    return np.random.default_rng(seed).random(shape) < share


def blobs(seed: int, shape: tuple[int, int] = (60, 70), sigma: float = 2.0) -> BoolMask:
    """Smooth shapes with holes and islands, about half of the scene."""
    random = np.random.default_rng(seed).random(shape).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(random, (0, 0), sigma) > random.mean(), np.bool_)


def answered(
    name: str,
    labels: npt.NDArray[Any],
    grid: Grid,
    valid: BoolMask | None = None,
    confidence: UInt8Array | None = None,
) -> AnsweredTile:
    """A tile that was answered with these labels, of which 1 is flood."""
    seen = np.ones(labels.shape, np.bool_) if valid is None else valid
    return AnsweredTile(name, grid, extract(labels.astype(np.uint8), seen, grid, [1], confidence), 1.0)
