"""Tiles into the rasters that are being filled, one tile in memory at a time."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from tasks.core.arrays import BoolMask
from tasks.core.errors import FloodExtentError
from tasks.core.geo.grid import Grid
from tasks.core.masks.answers import Answer
from tasks.core.rasters.merging import merge_answers, merge_pictures, percent, with_no_data
from tasks.core.rasters.placing import Nearest, Placement
from tasks.core.rasters.raster_kinds import CONFIDENCE, LABELS, MOSAIC
from tasks.core.rasters.raster_tile import Picture, RasterTile
from tasks.core.rasters.scratch_rasters import Canvas, Scratch

COARSER = 1.01  # a picture whose pixels are larger than its tile's by more is the preview


@dataclass(slots=True)
class Filled:
    """What is known when all tiles are in.

    Attributes:
        has_confidence: Whether a model said how sure it was.
        coarse: Tiles that the mosaic shows in small.
        unread: Tiles that could not be read, with what was wrong.
    """

    has_confidence: bool = False
    coarse: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


@contextmanager
def filling(scratch: Scratch, flood_labels: Collection[int]) -> Iterator["Filling"]:
    """Labels, confidence and mosaic open to be filled."""
    with scratch.canvas(LABELS) as labels, scratch.canvas(CONFIDENCE) as confidence, scratch.canvas(MOSAIC) as mosaic:
        yield Filling(scratch.grid, flood_labels, labels, confidence, mosaic)


@dataclass(frozen=True, slots=True)
class Filling:
    """Rasters on one grid.

    Attributes:
        grid: North up.
        flood_labels: Labels that count as flood.
        labels: Filled with labels.
        confidence: Filled with percents.
        mosaic: Filled with imagery.
    """

    grid: Grid
    flood_labels: Collection[int]
    labels: Canvas
    confidence: Canvas
    mosaic: Canvas

    def put(self, tile: RasterTile, filled: Filled) -> None:
        """Read a tile and put it into the rasters; where that fails, what is missing of it is noted."""
        try:
            valid = tile.valid()
            if tile.answer is not None:
                answer = tile.answer()
                filled.has_confidence |= answer.confidence is not None
                self._put_answer(answer, valid, Placement(tile.grid, self.grid))
                del answer
            for picture in tile.pictures():
                if picture.grid.pixel_area > tile.grid.pixel_area * COARSER:
                    filled.coarse.append(tile.id)
                self._put_picture(picture, valid, Placement(tile.grid, self.grid))
        except FloodExtentError as error:
            filled.unread.append(f"{tile.id} ({error})")

    def _put_answer(self, answer: Answer, valid: BoolMask, placement: Placement) -> None:
        for window in placement.windows():
            nearest = placement.nearest(window)
            seen = _seen(nearest, valid)
            if not seen.any():
                continue
            new = with_no_data(nearest.take(answer.labels), seen)
            confidence = None if answer.confidence is None else nearest.take(answer.confidence)
            labels, known = self.labels.read(window), self.confidence.read(window)
            merge_answers(labels[0], known[0], new, percent(confidence, seen), self.flood_labels)
            self.labels.write(window, labels)
            self.confidence.write(window, known)

    def _put_picture(self, picture: Picture, valid: BoolMask, placement: Placement) -> None:
        of_picture = Placement(picture.grid, self.grid)
        is_aligned = of_picture.is_aligned
        for window in of_picture.windows():
            nearest = of_picture.nearest(window)
            shown = nearest.inside & _seen(placement.nearest(window), valid)
            if not shown.any():
                continue
            nrg = nearest.take(picture.nrg) if is_aligned else of_picture.linear(window, picture.nrg)
            mosaic = self.mosaic.read(window)
            merge_pictures(mosaic, np.asarray(nrg, np.uint8), shown)
            self.mosaic.write(window, mosaic)


def _seen(nearest: Nearest, valid: BoolMask) -> BoolMask:
    return np.asarray(nearest.inside & nearest.take(valid))
