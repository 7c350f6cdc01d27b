"""The handed frames of prairie lakes with their reference polygons, as one scene, exposed otherwise and cut."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pyogrio.raw
import pytest
import rasterio
import rasterio.features
import shapely

from tasks.core.arrays import BoolMask, UInt8Array
from tasks.core.imagery.preparation import encode_jpeg

DATA = Path(__file__).parents[3].parent / "shared" / "data"
YEARS = (2009, 2016, 2020)


@dataclass(frozen=True)
class PrairieScene:
    """Pixels of a scene, or of a part of it.

    Attributes:
        nrg: uint8 (height, width, 3).
        valid: bool (height, width).
        water: bool (height, width), as people have drawn it.
    """

    nrg: UInt8Array
    valid: BoolMask
    water: BoolMask

    def sent(self) -> UInt8Array:
        """The image as the model gets it, out of a JPEG."""
        body = np.frombuffer(encode_jpeg(np.ascontiguousarray(self.nrg)), np.uint8)
        return np.asarray(cv2.imdecode(body, cv2.IMREAD_COLOR_RGB), np.uint8)

    def exposed(self, gain: float, gamma: float, offset: float) -> tuple["PrairieScene", float]:
        """The scene under another exposure, 8 bit and clipped; and the share of values that clipping changed."""
        levels = 255 * (np.arange(256) / 255 * gain) ** gamma + offset
        table = levels.round().clip(0, 255).astype(np.uint8)
        clipped = ((levels < -0.5) | (levels > 255.5))[self.nrg].mean()
        return PrairieScene(table[self.nrg], self.valid, self.water), float(clipped)

    def cut(self, side: int) -> Iterator["PrairieScene"]:
        """Tiles, ``side`` in a row and as many in a column."""
        height, width = self.valid.shape
        rows, columns = (np.linspace(0, size, side + 1).astype(int) for size in (height, width))
        for top, bottom in pairwise(rows):
            for left, right in pairwise(columns):
                part = np.s_[top:bottom, left:right]
                yield PrairieScene(self.nrg[part], self.valid[part], self.water[part])

    def iou(self, found: BoolMask) -> float:
        """Of valid pixels."""
        found, water = found & self.valid, self.water & self.valid
        return float((found & water).sum() / (found | water).sum())


def prairie(year: int) -> PrairieScene:
    """The scene of a year; skips where it is absent."""
    folder = DATA / f"prairie_{year}"
    if not folder.exists():
        pytest.skip(f"real imagery is absent: {folder}")
    water = shapely.from_wkb(pyogrio.raw.read(folder / "reference.gpkg")[2])
    frames = [_frame(path, water) for path in sorted(folder.glob("*.jp2"))]
    parts = [[getattr(frame, name) for frame in frames] for name in ("nrg", "valid", "water")]
    nrg, valid, drawn = (np.vstack([np.hstack(four[:2]), np.hstack(four[2:])]) for four in parts)
    return PrairieScene(nrg, valid, drawn)


def _frame(path: Path, water: object) -> PrairieScene:
    with rasterio.open(path) as source:
        bands, transform = source.read(), source.transform
    valid = bands[3] >= 128
    drawn = rasterio.features.rasterize(water, out_shape=valid.shape, transform=transform).astype(bool)
    return PrairieScene(np.ascontiguousarray(bands[:3].transpose(1, 2, 0)), valid, drawn)
