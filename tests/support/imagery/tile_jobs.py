"""Jobs of tiles that need no imagery, and their files in the work directory."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tasks.core.arrays import UInt8Array
from tasks.core.geo.grid import Grid
from tasks.core.masks import png_masks
from tasks.core.masks.labels import encode_mask
from tasks.core.masks.valid_mask_png import encode_valid
from tasks.core.polygons.tile_extent import extract
from tasks.core.tiles.jobs import TileJob, plan_jobs
from tasks.core.tiles.tile import Tile
from tasks.services.work_directory import cached_files

WIDTH_PX, HEIGHT_PX = 8, 6
LABELS = np.arange(WIDTH_PX * HEIGHT_PX, dtype=np.uint8).reshape(HEIGHT_PX, WIDTH_PX) % 3
VALID = np.ones(LABELS.shape, np.bool_)
HISTOGRAM = np.zeros((2, 256), np.int64)


def planned(tiles: Sequence[Tile], **changes: Any) -> list[TileJob]:
    """Jobs of tiles, whose settings matter to nobody unless they are given."""
    settings: dict[str, Any] = {"width_px": 1000, "model_identity": "m", "flood_labels": [1, 2], "max_pixels": 10**9}
    return plan_jobs(tiles, **settings | {"work_directory": "/work"} | changes)


def tile_job(work_directory: str, name: str = "a", *, problem: str | None = None) -> TileJob:
    """The job of a tile of 8 x 6 px whose content and place are made of its name."""
    grid = Grid(WIDTH_PX, HEIGHT_PX, (1.5, 0.0, 300_000.0 + 100 * ord(name), 0.0, -1.5, 6_600_000.0), "EPSG:7855")
    content = sha256(name.encode()).hexdigest()
    tile = Tile(f"{name}.jp2", f"/frames/{name}.jp2", 1, content, grid=None if problem else grid, problem=problem)
    (job,) = planned([tile], width_px=WIDTH_PX, max_pixels=10**6, work_directory=work_directory)
    return job


def jpeg(width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX, bands: int = 3) -> bytes:
    """An image of this size."""
    return cv2.imencode(".jpg", np.zeros((height_px, width_px, bands), np.uint8))[1].tobytes()


def kept(work: Path | str, name: str = "a", confidence: UInt8Array | None = None) -> TileJob:
    """A tile of which everything is in the work directory."""
    job = tile_job(str(work), name)
    images = {job.jpegs_uri: jpeg(), job.preview_uri: jpeg(), job.valid_uri: encode_valid(VALID)}
    cached_files.keep(job, "prepare", images, histogram=HISTOGRAM)
    sure = {} if confidence is None else {job.confidence_uri: png_masks.encode(confidence)}
    cached_files.keep(job, "predict", {job.labels_uri: encode_mask(LABELS), **sure})
    extent = extract(LABELS, VALID, job.resized, (1, 2), confidence)
    cached_files.keep(job, "extract", {job.extent_uri: extent.to_bytes()})
    return job
