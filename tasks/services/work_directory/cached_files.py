"""The files of a tile in the work directory: written with a record of their content, read only if they fit it.

These files are the cache (``docs/decisions.md``, "How caching works"); nothing here needs Prefect.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from tasks.core.arrays import IntArray
from tasks.core.errors import FloodExtentError, ObjectMissing, RecordMismatch
from tasks.core.tiles.jobs import Stage, TileJob
from tasks.core.tiles.stage_records import LARGEST_RECORD_BYTES, FileHash, StageRecord
from tasks.services import storage

# What no file of a tile exceeds, so that a forged record makes nobody read more: 160 bytes of polygons around each
# second pixel of a chessboard, and what a file has of its own.
BYTES_A_PIXEL, BYTES_BESIDE = 160, 8 << 20


def keep(
    job: TileJob,
    stage: Stage,
    files: Mapping[str, bytes],
    warnings: Sequence[str] = (),
    histogram: IntArray | None = None,
) -> StageRecord:
    """Write a stage's files (content by URI), then their record, which is returned: without it nobody uses them."""
    for uri, content in files.items():
        storage.write_bytes(uri, content)
    hashes = {storage.name(uri): FileHash.of(content) for uri, content in files.items()}
    record = StageRecord(
        stage=stage,
        key=job.key(stage),
        tile_content=job.tile.content_hash,
        files=hashes,
        warnings=tuple(warnings),
        histogram=None if histogram is None else (tuple(histogram[0].tolist()), tuple(histogram[1].tolist())),
    )
    storage.write_bytes(job.record_uri(stage), record.to_bytes())
    return record


def read(job: TileJob, stage: Stage, *uris: str) -> list[bytes]:
    """The content of some files of a stage, in this order: one request for the record, and one for each.

    Raises:
        ObjectMissing: There is no record, or no such file.
        RecordMismatch: The record is not of this stage of this tile, or a file is not the one that it names.
    """
    files = record_of(job, stage).files
    return [content_of(job, stage, uri, files.get(storage.name(uri))) for uri in uris]


def record_of(job: TileJob, stage: Stage) -> StageRecord:
    """What a stage has answered.

    Raises:
        ObjectMissing: There is no record, or one of an earlier version that lacks warnings or histogram.
        RecordMismatch: It is not of this stage of this tile.
    """
    uri = job.record_uri(stage)
    try:
        record = StageRecord.from_bytes(storage.read_range(uri, 0, LARGEST_RECORD_BYTES + 1))
    except ValueError as error:
        raise RecordMismatch(uri, "not the record of a tile's stage") from error
    if (record.stage, record.key, record.tile_content) != (stage, job.key(stage), job.tile.content_hash):
        raise RecordMismatch(uri, "the record of another tile or stage")
    if stage == "prepare" and record.histogram is None:
        raise ObjectMissing(f"{uri}: is of an earlier version, without the tile's histogram")
    return record


def content_of(job: TileJob, stage: Stage, uri: str, expected: FileHash | None) -> bytes:
    """The content of a file, which must be as the stage's record has it; raises as ``read`` does."""
    largest = BYTES_BESIDE + BYTES_A_PIXEL * job.resized.width_px * job.resized.height_px
    if expected is None or expected.size_bytes > largest:
        raise RecordMismatch(job.record_uri(stage), f"its record names no usable {storage.name(uri)}")
    # No more than a byte too many: the file may be any that somebody has put there.
    content = storage.read_range(uri, 0, expected.size_bytes + 1)
    if len(content) != expected.size_bytes or FileHash.of(content) != expected:
        raise RecordMismatch(uri, "not the file that its record names")
    return content


def discard(mismatch: RecordMismatch) -> None:
    """Remove what does not fit, where that may be done: a later run then finds it missing, and computes it anew."""
    with suppress(FloodExtentError):
        storage.delete(mismatch.uri)
