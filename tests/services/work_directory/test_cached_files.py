"""Files of the work directory are believed only if they are the ones that were written for the tile."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tile_jobs import tile_job

from tasks.core.errors import ObjectMissing, RecordMismatch
from tasks.core.tiles.jobs import TileJob
from tasks.services import storage
from tasks.services.work_directory import cached_files

LABELS = b"labels of "


def kept(work: str, name: str = "a") -> TileJob:
    """A tile whose label mask is in the work directory."""
    job = tile_job(work, name)
    cached_files.keep(job, "predict", {job.labels_uri: LABELS + name.encode()})
    return job


@pytest.fixture
def work(place: str) -> str:
    """A work directory on this machine, and one in S3."""
    return storage.join(place, "work")


def test_what_was_kept_is_read(work: str) -> None:
    """What a stage wrote is what later stages and runs get, wherever it lies."""
    job = kept(work)
    assert cached_files.read(job, "predict", job.labels_uri) == [LABELS + b"a"]


def test_a_file_alone_is_not_believed(tmp_path: Path) -> None:
    """Without its record a file is as good as none; so is a record without its file."""
    a, b = kept(str(tmp_path), "a"), kept(str(tmp_path), "b")
    Path(a.record_uri("predict")).unlink()
    Path(b.labels_uri).unlink()
    for job in (a, b):
        with pytest.raises(ObjectMissing):
            cached_files.read(job, "predict", job.labels_uri)


def exchange(one: str, other: str) -> None:
    first, second = Path(one).read_bytes(), Path(other).read_bytes()
    Path(one).write_bytes(second)
    Path(other).write_bytes(first)


@pytest.mark.parametrize("records_too", [False, True])
def test_another_tiles_file_is_not_read(records_too: bool, tmp_path: Path) -> None:
    """Exchanged files do not fit their records, and exchanged records not their tiles: the message names the file."""
    a, b = kept(str(tmp_path), "a"), kept(str(tmp_path), "b")
    exchange(a.labels_uri, b.labels_uri)
    if records_too:
        exchange(a.record_uri("predict"), b.record_uri("predict"))
    named = a.record_uri("predict") if records_too else a.labels_uri
    with pytest.raises(RecordMismatch, match=named):
        cached_files.read(a, "predict", a.labels_uri)


def changed(**values: object) -> Callable[[bytes], bytes]:
    return lambda record: json.dumps({**json.loads(record), **values}).encode()


@pytest.mark.parametrize(
    "forge",
    [
        lambda _: b"",
        lambda _: b"[]",
        lambda _: b"[" * 100_000,
        lambda record: record[:-20],
        lambda record: record + b" " * 300_000,
        changed(version=4),
        changed(stage="extract"),
        changed(key="0" * 64),
        changed(tile_content="another"),
        changed(files=[]),
        changed(files={}),
        changed(files={"x": ["9", "0" * 64]}),
        changed(files={"x": {"size_bytes": 9, "sha256": "0"}}),
        changed(warnings=5),
        changed(warnings=[5]),
        changed(more=1),
    ],
)
def test_a_record_of_another_shape_is_not_read(forge: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """Whatever lies in its place, it is found to be no record of this tile's stage."""
    job = kept(str(tmp_path))
    record = Path(job.record_uri("predict"))
    record.write_bytes(forge(record.read_bytes()))
    with pytest.raises(RecordMismatch, match=str(record)):
        cached_files.read(job, "predict", job.labels_uri)


def test_no_more_is_read_than_the_record_says(tmp_path: Path) -> None:
    """A file of a terabyte in the place of a small one is refused, and so is a record that names such a size."""
    job = kept(str(tmp_path))
    os.truncate(job.labels_uri, 1 << 40)
    with pytest.raises(RecordMismatch, match="not the file"):
        cached_files.read(job, "predict", job.labels_uri)
    record = Path(job.record_uri("predict"))
    record.write_bytes(re.sub(rb"\[\d+,", b"[1099511627776,", record.read_bytes()))
    with pytest.raises(RecordMismatch, match="names no usable"):
        cached_files.read(job, "predict", job.labels_uri)


def test_the_record_is_written_last(tmp_path: Path) -> None:
    """A run that dies in between leaves files without a record, never a record of files that are not there."""
    job = tile_job(str(tmp_path))
    Path(job.labels_uri).mkdir(parents=True)  # where a file is to be written
    with pytest.raises(Exception, match="cannot be written"):
        cached_files.keep(job, "predict", {job.labels_uri: b"x"})
    assert not storage.exists(job.record_uri("predict"))
