"""What of the work directory a run may use."""

import json
import struct
from pathlib import Path

import pytest
from s3_front import front
from tile_jobs import HISTOGRAM, LABELS, VALID, jpeg, kept, tile_job

from tasks.core.errors import ObjectMissing
from tasks.core.masks.valid_mask_png import encode_valid
from tasks.core.tiles.jobs import Stage, TileJob
from tasks.prediction import is_predicted
from tasks.services.work_directory import cached_files
from tasks.services.work_directory.cached_tiles import CachedTiles


def unextracted(work: Path) -> TileJob:
    """A tile that still needs its polygons."""
    job = kept(work, confidence=LABELS)
    Path(job.record_uri("extract")).unlink()
    return job


def looked_up(*jobs: TileJob) -> tuple[set[str], set[str], set[str], list[str]]:
    """Tiles whose stages are done, and those that something was found of."""
    found = CachedTiles.look_up(jobs)
    return set(found.prepare), set(found.predict), set(found.extract), [tile for tile, _ in found.mismatches]


def test_whole_answers_are_used(tmp_path: Path) -> None:
    """What was kept with its record needs not be done again; of a tile that cannot be used nothing is asked."""
    job, bad = kept(tmp_path), tile_job(str(tmp_path), "b", problem="cut short")
    assert looked_up(job, bad) == ({"a.jp2"}, {"a.jp2"}, {"a.jp2"}, [])


def test_what_is_not_there_is_no_finding(tmp_path: Path) -> None:
    """A fresh, a pruned and a cleaned-up work directory have nothing wrong; a JPEG is missed only to be predicted."""
    job = kept(tmp_path)
    Path(job.jpegs_uri).unlink()
    assert looked_up(job) == ({"a.jp2"}, {"a.jp2"}, {"a.jp2"}, [])
    Path(job.labels_uri).unlink()
    assert looked_up(job, tile_job(str(tmp_path), "b")) == (set(), set(), {"a.jp2"}, [])


def test_a_cache_without_records_is_counted_not_named(tmp_path: Path) -> None:
    """One sentence a run says that masks are predicted again; no tile has a warning for it."""
    jobs = [kept(tmp_path, name) for name in "abc"]
    for job in jobs:
        Path(job.record_uri("predict")).unlink()
    found = CachedTiles.look_up(jobs)
    assert (found.unrecorded, found.predict, found.mismatches) == (3, frozenset(), ())


@pytest.mark.parametrize(
    ("stage", "uri"),
    [("prepare", "valid_uri"), ("prepare", "preview_uri"), ("predict", "labels_uri"), ("predict", "confidence_uri")],
)
def test_another_tiles_file_is_found(stage: Stage, uri: str, tmp_path: Path) -> None:
    """What polygons are to be made of is bound to its tile: it is made again, and one sentence names the file."""
    job = unextracted(tmp_path)
    path = Path(getattr(job, uri))
    path.write_bytes(path.read_bytes()[::-1])
    found = CachedTiles.look_up([job])
    assert not found.has(stage, job)
    assert found.mismatches == (("a.jp2", f"{path}: not the file that its record names"),)


def test_a_mask_without_its_confidence_is_predicted_again(tmp_path: Path) -> None:
    """Its record names both: without one of them no polygons would ever be made."""
    job = unextracted(tmp_path)
    Path(job.confidence_uri).unlink()
    assert looked_up(job)[1] == set()
    assert not is_predicted(job)


def png(width_px: int) -> bytes:
    """The head of a PNG of this width and height."""
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", width_px, width_px, 8, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("stage", "uri", "content"),
    [
        ("prepare", "valid_uri", png(32_000)),
        ("prepare", "preview_uri", jpeg(2_000, 2_000)),
        ("prepare", "preview_uri", b"text"),
        ("predict", "labels_uri", png(32_000)),
    ],
)
def test_a_forged_record_is_not_enough(stage: Stage, uri: str, content: bytes, tmp_path: Path) -> None:
    """A file that fits its record, but cannot be the tile's, is found by what it declares."""
    job = unextracted(tmp_path)
    files = {job.preview_uri: jpeg(), job.valid_uri: encode_valid(VALID)} if stage == "prepare" else {}
    cached_files.keep(job, stage, {**files, getattr(job, uri): content}, histogram=HISTOGRAM)
    found = CachedTiles.look_up([job])
    assert not found.has(stage, job)
    assert [finding.partition(": ")[0] for _, finding in found.mismatches] == [getattr(job, uri)]


def test_a_foreign_jpeg_is_not_sent(tmp_path: Path) -> None:
    """What the endpoint is asked about is the tile's own image, of its own size."""
    job = kept(tmp_path)
    Path(job.record_uri("predict")).unlink()
    images = {job.jpegs_uri: jpeg(20, 20), job.preview_uri: jpeg(), job.valid_uri: encode_valid(VALID)}
    cached_files.keep(job, "prepare", images, histogram=HISTOGRAM)
    assert looked_up(job) == (set(), set(), {"a.jp2"}, ["a.jp2"])


def test_label_masks_of_the_first_version_are_used(tmp_path: Path) -> None:
    """They may have cost money, and their records lack nothing."""
    job = unextracted(tmp_path)
    path = Path(job.record_uri("predict"))
    record = json.loads(path.read_bytes())
    files = {name: {"size_bytes": size, "sha256": digest} for name, (size, digest) in record["files"].items()}
    del record["warnings"]
    path.write_text(json.dumps(record | {"version": 1, "files": files}))
    assert looked_up(job)[1] == {"a.jp2"}


def test_a_cache_that_may_not_be_listed_is_not_taken_for_empty(
    s3_bucket: str, s3_server: str, aws_settings: pytest.MonkeyPatch
) -> None:
    """Everything would be predicted, and paid for, again: the folder is named instead."""
    job = kept(s3_bucket)
    with front(s3_server, allows=lambda _: False) as refusing:
        aws_settings.setenv("AWS_ENDPOINT_URL", refusing.url)
        with pytest.raises(ObjectMissing, match="may not be read"):
            CachedTiles.look_up([job])
