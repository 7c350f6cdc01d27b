"""Stage prepare: what is kept is made of the frame that was listed, or nothing is kept."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tile_jobs
from rasterio.transform import from_origin

from tasks.core.errors import ChangedSinceListed, CutShort
from tasks.core.imagery.preparation import PreparedImage
from tasks.core.tiles.jobs import TileJob
from tasks.imagery import prepare
from tasks.services import storage
from tasks.services.frames.dataset_listing import list_tiles
from tasks.services.frames.decoder_process import Request, decode

WORLD_FILE = b"0.5\n0\n0\n-0.5\n500000.25\n6249999.75\n"


@pytest.fixture
def frame(tmp_path: Path) -> Callable[[int], bytes]:
    """A function that makes a frame of one grey; all are of one size in pixels."""

    def make(grey: int) -> bytes:
        pixels = np.random.default_rng(grey).integers(grey, grey + 20, (3, 64, 64), dtype=np.uint8)
        profile = {"width": 64, "height": 64, "count": 3, "dtype": "uint8", "crs": "EPSG:7855"}
        path = tmp_path / "made.jp2"
        place = from_origin(500000, 6250000, 0.5, 0.5)
        with rasterio.open(path, "w", driver="JP2OpenJPEG", transform=place, **profile) as dataset:
            dataset.write(pixels)
        return path.read_bytes()

    return make


def planned(place: str, work: Path) -> TileJob:
    """The one tile's job, as a run lists and plans it."""
    tiles = list_tiles(place, crs=None, max_pixels=10**6)
    (job,) = tile_jobs.planned(tiles, width_px=64, max_pixels=10**6, work_directory=str(work))
    return job


def kept(work: Path) -> list[Path]:
    return [path for path in work.rglob("*") if path.is_file()]


def exchanging(uri: str, content: bytes) -> Callable[[Request], PreparedImage]:
    """A decoder under which somebody copies another file over the frame."""

    def decode_meanwhile(request: Request) -> PreparedImage:
        prepared = decode(request)
        storage.write_bytes(uri, content)
        return prepared

    return decode_meanwhile


def test_a_frame_exchanged_after_listing_is_not_prepared(
    place: str, frame: Callable[[int], bytes], tmp_path: Path
) -> None:
    """The tile fails, nothing is kept under the listed frame's name, and with that frame back its own map is made."""
    uri, work = f"{place}/a.jp2", tmp_path / "work"
    storage.write_bytes(uri, frame(20))
    right = prepare(planned(place, tmp_path / "aside")).jpegs
    job = planned(place, work)
    storage.write_bytes(uri, frame(200))
    with pytest.raises(ChangedSinceListed, match=r"a\.jp2: changed while the run was under way: run again"):
        prepare(job)
    assert kept(work) == []
    storage.write_bytes(uri, frame(20))
    prepare(planned(place, work))
    assert storage.read_bytes(planned(place, work).jpegs_uri) == right


@pytest.mark.parametrize("sidecar", ["a.jp2.aux.xml", "a.j2w"])
def test_a_sidecar_written_after_listing_costs_nothing(
    place: str, frame: Callable[[int], bytes], tmp_path: Path, sidecar: str
) -> None:
    """A GIS program writes statistics beside a frame at any time; the place that counts is the one that was listed."""
    storage.write_bytes(f"{place}/a.jp2", frame(20))
    storage.write_bytes(f"{place}/{sidecar}", b"<PAMDataset></PAMDataset>")
    job = planned(place, tmp_path / "work")
    storage.write_bytes(f"{place}/{sidecar}", WORLD_FILE)
    assert prepare(job).grid == job.grid


@pytest.mark.parametrize("grey", [200, 20], ids=["another frame", "the same content anew"])
def test_a_frame_written_during_the_decode_is_not_kept(
    frame: Callable[[int], bytes], tmp_path: Path, grey: int
) -> None:
    """What the decoder saw of a local file while somebody wrote it is not known."""
    place, work = str(tmp_path / "frames"), tmp_path / "work"
    storage.write_bytes(f"{place}/a.jp2", frame(20))
    job = planned(place, work)
    with pytest.raises(ChangedSinceListed):
        prepare(job, exchanging(f"{place}/a.jp2", frame(grey)))
    assert kept(work) == []


def test_a_frame_of_s3_is_decoded_from_a_copy(s3_bucket: str, frame: Callable[[int], bytes], tmp_path: Path) -> None:
    """Fetched under its ETag, it may be written meanwhile: the copy is what was listed."""
    storage.write_bytes(f"{s3_bucket}/a.jp2", frame(20))
    job = planned(s3_bucket, tmp_path / "work")
    prepared = prepare(job, exchanging(f"{s3_bucket}/a.jp2", frame(200)))
    assert storage.read_bytes(job.jpegs_uri) == prepared.jpegs


def test_a_download_names_the_etag_that_was_listed(s3_bucket: str, tmp_path: Path) -> None:
    """An object exchanged between the question for its ETag and the download is refused by S3."""
    storage.write_bytes(f"{s3_bucket}/a.jp2", b"one")
    listed = storage.info(f"{s3_bucket}/a.jp2")
    storage.write_bytes(f"{s3_bucket}/a.jp2", b"two")
    with pytest.raises(ChangedSinceListed):
        storage.fetch(listed.uri, tmp_path / "a.jp2", etag=listed.etag)
    with pytest.raises(ChangedSinceListed):
        storage.read_range(listed.uri, 0, 3, etag=listed.etag)
    assert not (tmp_path / "a.jp2").exists()


def test_a_half_written_frame_is_called_changed_not_damaged(frame: Callable[[int], bytes], tmp_path: Path) -> None:
    """While somebody copies over it the decoder finds it cut: to fetch it again is not the remedy."""
    place = str(tmp_path / "frames")
    storage.write_bytes(f"{place}/a.jp2", frame(20))
    job = planned(place, tmp_path / "work")
    storage.write_bytes(f"{place}/a.jp2", frame(20)[:-200])
    with pytest.raises(ChangedSinceListed) as raised:
        prepare(job)
    assert isinstance(raised.value.__cause__, CutShort)


def test_a_frame_that_was_only_touched_is_prepared(frame: Callable[[int], bytes], tmp_path: Path) -> None:
    """The content counts, not the date: a copy of a folder onto itself costs nothing."""
    place = tmp_path / "frames"
    storage.write_bytes(f"{place}/a.jp2", frame(20))
    job = planned(str(place), tmp_path / "work")
    shutil.copyfile(place / "a.jp2", tmp_path / "copy")
    (tmp_path / "copy").replace(place / "a.jp2")
    assert prepare(job).jpegs
