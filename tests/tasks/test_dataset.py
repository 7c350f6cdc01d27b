"""What of the work directory a run may use."""

import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import shapely
from shapely import GeometryCollection, MultiPolygon, Point
from tile_jobs import HEIGHT_PX, WIDTH_PX, tile_job

from tasks.core.extraction import extract
from tasks.core.jobs import Stage, TileJob
from tasks.core.labels import encode_mask
from tasks.core.valid_masks import encode_valid
from tasks.dataset import Remembered
from tasks.services import cached_files

LABELS = np.arange(WIDTH_PX * HEIGHT_PX, dtype=np.uint8).reshape(HEIGHT_PX, WIDTH_PX) % 3
VALID = np.ones(LABELS.shape, np.bool_)


def jpeg(width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX, bands: int = 3) -> bytes:
    """An image of this size."""
    return cv2.imencode(".jpg", np.zeros((height_px, width_px, bands), np.uint8))[1].tobytes()


def kept(work: Path, name: str = "a") -> TileJob:
    """A tile of which everything is in the work directory."""
    job = tile_job(str(work), name)
    cached_files.keep(
        job, "prepare", {job.jpeg_uri: jpeg(), job.preview_uri: jpeg(), job.valid_uri: encode_valid(VALID)}
    )
    cached_files.keep(job, "predict", {job.labels_uri: encode_mask(LABELS)})
    cached_files.keep(job, "extract", {job.extent_uri: extract(LABELS, VALID, job.resized, (1, 2)).to_bytes()})
    return job


def looked_up(*jobs: TileJob) -> tuple[set[str], set[str], set[str], list[str]]:
    """Tiles whose stages are done, and those that something was found of."""
    found = Remembered.look_up(jobs)
    return set(found.prepare), set(found.predict), set(found.extract), [tile for tile, _ in found.mismatches]


def test_whole_answers_are_used(tmp_path: Path) -> None:
    """What was kept with its record needs not be done again; of a tile that cannot be used nothing is asked."""
    job, bad = kept(tmp_path), tile_job(str(tmp_path), "b", problem="cut short")
    assert looked_up(job, bad) == ({"a.jp2"}, {"a.jp2"}, {"a.jp2"}, [])


def test_what_is_not_there_is_no_finding(tmp_path: Path) -> None:
    """A fresh, a pruned and a cleaned-up work directory have nothing wrong; a JPEG is missed only to be predicted."""
    job = kept(tmp_path)
    Path(job.jpeg_uri).unlink()
    assert looked_up(job) == ({"a.jp2"}, {"a.jp2"}, {"a.jp2"}, [])
    Path(job.labels_uri).unlink()
    assert looked_up(job, tile_job(str(tmp_path), "b")) == (set(), set(), {"a.jp2"}, [])


def test_a_cache_without_records_is_counted_not_named(tmp_path: Path) -> None:
    """One sentence a run says that masks are predicted again; no tile has a warning for it."""
    jobs = [kept(tmp_path, name) for name in "abc"]
    for job in jobs:
        Path(job.record_uri("predict")).unlink()
    found = Remembered.look_up(jobs)
    assert (found.unrecorded, found.predict, found.mismatches) == (3, frozenset(), ())


@pytest.mark.parametrize(
    ("stage", "uri"),
    [("prepare", "valid_uri"), ("prepare", "preview_uri"), ("predict", "labels_uri"), ("extract", "extent_uri")],
)
def test_another_tiles_file_is_found(stage: Stage, uri: str, tmp_path: Path) -> None:
    """Each kind of file is bound to its tile: the stage is done again, and one sentence names the file."""
    job = kept(tmp_path)
    path = Path(getattr(job, uri))
    path.write_bytes(path.read_bytes()[::-1])
    found = Remembered.look_up([job])
    assert found.lacks(stage, job)
    assert found.mismatches == (("a.jp2", f"{path}: not the file that its record names"),)


def png(width_px: int) -> bytes:
    """The head of a PNG of this width and height."""
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", width_px, width_px, 8, 0, 0, 0, 0)


def far_too_wide() -> bytes:
    """Sound polygons, five thousand kilometres wide."""
    ground = MultiPolygon([shapely.box(0, 0, 5e6, 5e6)])
    return bytes(shapely.to_wkb(GeometryCollection([ground, ground, MultiPolygon(), Point(1, 0)])))


@pytest.mark.parametrize(
    ("stage", "uri", "content"),
    [
        ("prepare", "valid_uri", lambda _: png(32_000)),
        ("prepare", "preview_uri", lambda _: jpeg(2_000, 2_000)),
        ("prepare", "preview_uri", lambda _: b"text"),
        ("predict", "labels_uri", lambda _: png(32_000)),
        ("extract", "extent_uri", lambda _: far_too_wide()),
        ("extract", "extent_uri", lambda _: extract(LABELS, VALID, tile_job("", "z").resized, (1,)).to_bytes()),
    ],
)
def test_a_forged_record_is_not_enough(
    stage: Stage, uri: str, content: Callable[[TileJob], bytes], tmp_path: Path
) -> None:
    """A file that fits its record, but cannot be the tile's, is found by what it declares or where it lies."""
    job = kept(tmp_path)
    files = {job.preview_uri: jpeg(), job.valid_uri: encode_valid(VALID)} if stage == "prepare" else {}
    cached_files.keep(job, stage, {**files, getattr(job, uri): content(job)})
    found = Remembered.look_up([job])
    assert found.lacks(stage, job)
    assert [finding.partition(": ")[0] for _, finding in found.mismatches] == [getattr(job, uri)]


def test_a_foreign_jpeg_is_not_sent(tmp_path: Path) -> None:
    """What the endpoint is asked about is the tile's own image, of its own size."""
    job = kept(tmp_path)
    Path(job.record_uri("predict")).unlink()
    cached_files.keep(
        job, "prepare", {job.jpeg_uri: jpeg(20, 20), job.preview_uri: jpeg(), job.valid_uri: encode_valid(VALID)}
    )
    assert looked_up(job) == (set(), set(), {"a.jp2"}, ["a.jp2"])
