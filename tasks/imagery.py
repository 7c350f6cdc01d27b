"""Stage prepare: the JPEG2000 frame becomes a small JPEG, a valid mask and a preview."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from prefect.logging import get_run_logger

from tasks.core.errors import UnreadableImage
from tasks.core.jobs import TileJob
from tasks.core.preparation import PreparedImage, prepare_image
from tasks.core.valid_masks import encode_valid
from tasks.policies import tile_task
from tasks.services import storage
from tasks.services.temp_folders import temp_folder
from tasks.timing import timed

PREVIEW_PX = 512


@tile_task("prepare")
def prepare_tile(job: dict[str, Any]) -> dict[str, Any]:
    """Fetch, judge, decode and resize one tile; what is kept lies at the job's URIs."""
    with timed() as timing:
        prepared = prepare(TileJob.from_dict(job))
    for warning in prepared.warnings:
        get_run_logger().warning(warning)
    return {"seconds": timing.seconds, "warnings": list(prepared.warnings)}


def prepare(job: TileJob) -> PreparedImage:
    """Write the tile's JPEG, valid mask and preview.

    Raises:
        UnreadableImage: What the header probe found wrong, or the decoder.
        StorageUnavailable: A retry may help.
    """
    size = job.resized
    if job.tile.grid is None:
        raise UnreadableImage(f"{job.tile.uri}: its place is unknown")
    with _at_hand(job) as path:
        prepared = prepare_image(path, job.tile.grid, size.width_px, size.height_px, max_pixels=job.max_pixels)
    storage.write_bytes(job.jpeg_uri, prepared.jpeg)
    storage.write_bytes(job.preview_uri, _preview(prepared.jpeg))
    storage.write_bytes(job.valid_uri, encode_valid(prepared.valid))
    return prepared


@contextmanager
def _at_hand(job: TileJob) -> Iterator[Path]:
    """The image as a local file with its sidecars beside it: fetched whole, because a decoder would read it all."""
    if not storage.is_s3(job.tile.uri):
        yield Path(job.tile.uri)
        return
    with temp_folder("frame") as folder:
        for uri in (*job.tile.sidecars, job.tile.uri):
            path = folder / storage.name(uri)
            storage.fetch(uri, path)
        yield path


def _preview(jpeg: bytes) -> bytes:
    image = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR))
    factor = min(1.0, PREVIEW_PX / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 85])[1])
