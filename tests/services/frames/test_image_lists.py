"""What a list of images may name."""

import os
from pathlib import Path

import boto3
import pytest

from tasks.core.errors import DatasetNotFound
from tasks.services import storage
from tasks.services.frames import image_lists
from tasks.services.frames.dataset_listing import list_tiles
from tasks.services.frames.image_lists import Line, read_list


def problems(dataset: str, **settings: list[str]) -> dict[str, str]:
    tiles = list_tiles(dataset, crs=None, max_pixels=10**6, **settings)
    return {tile.uri: tile.problem or "" for tile in tiles}


@pytest.mark.parametrize("line", ["/etc/passwd", "file:///etc/passwd", "/data/secret.jp2", "~/secret.jp2"])
def test_a_list_in_s3_names_no_local_file(s3_bucket: str, line: str) -> None:
    """Whoever may write to the bucket does not learn what the machine of the run holds: the line is a failed tile."""
    storage.write_bytes(f"{s3_bucket}/lists/all.txt", line.encode())
    assert "names no local files" in problems(f"{s3_bucket}/lists/all.txt")[line]


def test_a_list_in_s3_names_its_own_bucket_alone(s3_bucket: str) -> None:
    """Another bucket that the run may read is read only where the operator says so."""
    other = storage.name(s3_bucket) + "-other"
    boto3.client("s3").create_bucket(Bucket=other)
    for bucket in (s3_bucket, f"s3://{other}"):
        storage.write_bytes(f"{bucket}/a.jp2", b"no image")
    storage.write_bytes(f"{s3_bucket}/all.txt", f"a.jp2\ns3://{other}/a.jp2\n../../{other}/b.jp2\n".encode())
    own, others = f"{s3_bucket}/a.jp2", f"s3://{other}/a.jp2"
    found = problems(f"{s3_bucket}/all.txt")
    assert "not JPEG2000" in found[own]
    assert f"own bucket alone. Where this is wanted, set {image_lists.LIST_BUCKETS}" in found[others]
    assert "does not exist" in found[f"{s3_bucket}/{other}/b.jp2"]
    assert "not JPEG2000" in problems(f"{s3_bucket}/all.txt", list_buckets=[other])[others]


def test_a_local_list_names_both(tmp_path: Path, s3_bucket: str) -> None:
    """Who writes a file of this machine may as well read from it."""
    listing = tmp_path / "all.txt"
    listing.write_text(f"a.jp2\n{s3_bucket}/a.jp2\n")
    assert read_list(str(listing)) == [Line(str(tmp_path / "a.jp2")), Line(f"{s3_bucket}/a.jp2")]


@pytest.mark.parametrize("line", ["/etc/passwd", "/dev/zero", "https://example.org/a.jp2", "notes.md", "/"])
def test_a_line_that_names_no_frame_is_a_failed_tile(tmp_path: Path, line: str) -> None:
    """It is not opened, its reason is in the table, and the list's frames are not lost."""
    listing = tmp_path / "all.txt"
    listing.write_text(f"{line}\na.jp2\n")
    found = problems(str(listing))
    assert "does not exist" in found[str(tmp_path / "a.jp2")]
    assert len(found) == 2
    assert "does not exist" not in found[line]


def test_devices_and_pipes_are_not_waited_for(tmp_path: Path) -> None:
    """A name that ends as a frame's may stand for what never ends, or never begins."""
    (tmp_path / "zero.jp2").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.jp2")
    listing = tmp_path / "all.txt"
    listing.write_text("zero.jp2\npipe.jp2\n")
    assert all("is no regular file" in words for words in problems(str(listing)).values())
    listing.unlink()
    listing.symlink_to("/dev/zero")
    with pytest.raises(DatasetNotFound, match=r"all\.txt"):
        read_list(str(listing))


def test_a_list_of_absurd_size_is_refused(tmp_path: Path) -> None:
    """It would be read whole."""
    listing = tmp_path / "all.txt"
    listing.touch()
    os.truncate(listing, 1 << 40)
    with pytest.raises(DatasetNotFound, match="that is no list"):
        read_list(str(listing))
