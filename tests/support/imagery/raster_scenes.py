"""Scenes of tiles as the rasters take them, with the layers that the product has of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tasks.core.arrays import BoolMask, LabelArray, UInt8Array
from tasks.core.chip_layout import ChipLayout
from tasks.core.geo.grid import Grid
from tasks.core.imagery.chip_archive import pack
from tasks.core.imagery.preparation import encode_jpeg
from tasks.core.masks.answers import Answer
from tasks.core.polygons.tile_extent import extract
from tasks.core.product.layer import AnsweredTile, FailedTile, Layer
from tasks.core.product.layer_assembly import assemble
from tasks.core.rasters.raster_tile import RasterTile, pictures_of
from tasks.core.rasters.rasters import write_rasters

MADE = datetime(2021, 4, 3, 1, 31, 5, tzinfo=UTC)
BOTH = (1, 2)


@dataclass
class SceneTile:
    """A tile of a scene; without labels it has failed after it was prepared."""

    id: str
    grid: Grid
    labels: LabelArray | None
    valid: BoolMask
    confidence: UInt8Array | None = None
    nrg: UInt8Array = field(default_factory=lambda: np.zeros((0, 0, 3), np.uint8))

    def as_raster_tile(self) -> RasterTile:
        """What reads it."""
        nrg = self.nrg if self.nrg.size else np.full((*self.valid.shape, 3), 90, np.uint8)
        layout = ChipLayout(self.grid.width_px, self.grid.height_px)
        jpegs = pack((encode_jpeg(nrg[chip.whole]) for chip in layout), len(layout))
        answer = None if self.labels is None else Answer(self.labels, self.confidence)
        return RasterTile(
            self.id,
            self.grid,
            lambda: self.valid,
            lambda: pictures_of(self.grid, [(chip, jpegs) for chip in layout]),
            None if answer is None else lambda: answer,
        )


def scene_tile(name: str, grid: Grid, labels: Any, **parts: Any) -> SceneTile:
    """A tile with these labels; everything in it is valid unless it is said."""
    parts = {"valid": np.ones((grid.height_px, grid.width_px), np.bool_)} | parts
    return SceneTile(name, grid, None if labels is None else np.asarray(labels, np.uint8), **parts)


def layers_of(tiles: Sequence[SceneTile], flood_labels: Collection[int] = BOTH, least_m2: float = 0.0) -> list[Layer]:
    """The product's layers."""
    answered = [
        AnsweredTile(
            tile.id, tile.grid, extract(tile.labels, tile.valid, tile.grid, flood_labels, tile.confidence), 1.0
        )
        for tile in tiles
        if tile.labels is not None
    ]
    failed = [FailedTile(tile.id, "predict", "no answer", 0.0, tile.grid.crs) for tile in tiles if tile.labels is None]
    return assemble(answered, failed, least_m2)


def written(folder: Path, tiles: Sequence[SceneTile], flood_labels: Collection[int] = BOTH, **settings: Any) -> Path:
    """The folder with the rasters of a scene, of which nothing is warned."""
    layers = layers_of(tiles, flood_labels, settings.pop("least_m2", 0.0))
    raster_tiles = [tile.as_raster_tile() for tile in tiles]
    assert write_rasters(raster_tiles, layers, folder, MADE, flood_labels=flood_labels, **settings) == ()
    return folder / "rasters"


def pixels(path: Path) -> UInt8Array:
    """(height, width) or (height, width, 3) at full resolution, read by Pillow."""
    with Image.open(path) as image:
        return np.asarray(image, np.uint8)


def place(path: Path) -> tuple[float, float, float, float]:
    """West and north edge, width and height of a pixel, read by Pillow."""
    with Image.open(path) as image:
        width, height, _ = image.tag_v2[33550]
        _, _, _, west, north, _ = image.tag_v2[33922]
    return west, north, width, height
