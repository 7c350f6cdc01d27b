"""What a tile's files in the work directory say: they fit their record, then their headers are judged, then decoded.

All raise ``ObjectMissing`` where file or record is not there, and ``RecordMismatch`` where a file is not the tile's.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from tasks.core.arrays import BoolMask, IntArray
from tasks.core.chip_layout import Chip
from tasks.core.class_map import MAPPED_LABELS
from tasks.core.errors import RecordMismatch, UnreadableImage, WrongMask
from tasks.core.imagery.chip_archive import unpack
from tasks.core.imagery.jpeg_header import size_of
from tasks.core.imagery.preparation import PREVIEW_PX
from tasks.core.masks import png_masks
from tasks.core.masks.answers import Answer
from tasks.core.masks.labels import decode_mask
from tasks.core.masks.valid_mask_png import decode_valid
from tasks.core.polygons.tile_extent import TileExtent
from tasks.core.tiles.jobs import Stage, TileJob
from tasks.core.tiles.stage_records import FileHash
from tasks.services import storage
from tasks.services.work_directory.cached_files import content_of, read, record_of


def jpegs(job: TileJob) -> Iterator[tuple[Chip, bytes]]:
    """What the endpoint is sent: each chip and its JPEG, taken out one at a time."""
    (content,) = read(job, "prepare", job.jpegs_uri)
    with _judging(job.jpegs_uri):
        yield from unpack(content, job.layout)


def preview(job: TileJob, expected: FileHash | None = None) -> bytes:
    """The small JPEG for the overview map; ``expected`` is what its record has for it, where that was read before."""
    return _preview(job, _read(job, "prepare", job.preview_uri, expected))


def valid_mask(job: TileJob) -> BoolMask:
    """The valid mask, (height, width) bool, True where the tile holds imagery."""
    return _valid(job, *read(job, "prepare", job.valid_uri))


def check_prepared(job: TileJob, *, with_jpegs: bool) -> None:
    """Judge all that ``prepare`` wrote, with one look at its record.

    Args:
        job: The tile.
        with_jpegs: Whether what the endpoint is sent is needed, too: it is removed after a good run.
    """
    images = {job.valid_uri: _valid, job.preview_uri: _preview, **({job.jpegs_uri: _jpegs} if with_jpegs else {})}
    for judge, content in zip(images.values(), read(job, "prepare", *images), strict=True):
        judge(job, content)


def histogram(job: TileJob) -> IntArray:
    """What the tile adds to the dataset's calibration, (2, 256) int64 pixels by level; it is in the record."""
    return np.array(record_of(job, "prepare").histogram, np.int64)


def answer(job: TileJob) -> Answer:
    """Label mask and confidence, where the model gave one."""
    files = record_of(job, "predict").files
    uris = [uri for uri in (job.labels_uri, job.confidence_uri) if uri == job.labels_uri or storage.name(uri) in files]
    labels, *confidence = (content_of(job, "predict", uri, files.get(storage.name(uri))) for uri in uris)
    size = job.resized.width_px, job.resized.height_px
    with _judging(job.labels_uri):
        decoded = decode_mask(labels, *size, job.tile.id, MAPPED_LABELS)
    with _judging(job.confidence_uri):
        return Answer(decoded, *(png_masks.decode_grey(png, *size, job.tile.id) for png in confidence))


def extent(job: TileJob, expected: FileHash | None = None) -> TileExtent:
    """The polygons, which lie on the tile's grid; ``expected`` as for ``preview``."""
    content = _read(job, "extract", job.extent_uri, expected)
    with _judging(job.extent_uri):
        return TileExtent.from_bytes(content, job.resized)


def _read(job: TileJob, stage: Stage, uri: str, expected: FileHash | None) -> bytes:
    return read(job, stage, uri)[0] if expected is None else content_of(job, stage, uri, expected)


def _valid(job: TileJob, content: bytes) -> BoolMask:
    with _judging(job.valid_uri):
        return decode_valid(content, job.resized.width_px, job.resized.height_px, job.valid_uri)


def _preview(job: TileJob, content: bytes) -> bytes:
    with _judging(job.preview_uri):
        if max(size_of(content)) > PREVIEW_PX:
            raise ValueError(f"a preview of {size_of(content)} px")
    return content


def _jpegs(job: TileJob, content: bytes) -> bytes:
    with _judging(job.jpegs_uri):
        for _ in unpack(content, job.layout):
            pass
    return content


@contextmanager
def _judging(uri: str) -> Iterator[None]:
    """A file that fits its record and is still nothing of ours came with a forged record."""
    try:
        yield
    except (UnreadableImage, WrongMask, ValueError) as error:
        raise RecordMismatch(uri, f"fits its record, but is not what it should be ({error})") from error
