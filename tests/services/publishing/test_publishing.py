"""Publishing: complete or not at all, never over another's product, one run at a time."""

import hashlib
import os
import resource
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cloud import Cloud
from products import contents, make_product

from tasks.core.errors import OutputRefused, StorageFull
from tasks.services import storage
from tasks.services.publishing import publishing, swapping
from tasks.services.publishing.local_publishing import clear_leftovers
from tasks.services.publishing.product_folder import hashes_of

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def output(place: str) -> str:
    """URI of an output directory that does not exist yet, or of a bucket's prefix."""
    return storage.join(place, "out")


def test_a_product_appears_whole(output: str, tmp_path: Path) -> None:
    """All files lie under the final name, in their folders, and nothing else does."""
    folder = make_product(tmp_path / "p", {"a.shp": "a", "tiles/Ü 洪.shp": "b"})
    published = publishing.publish(folder, f"{output}/Prairie 2016/")
    assert published == f"{output}/Prairie 2016"
    assert contents(published) == contents(str(folder))
    assert [info.relative_path.split("/")[0] for info in storage.list_objects(output)] == ["Prairie 2016"] * 3


def test_a_former_product_of_the_dataset_is_replaced(output: str, tmp_path: Path) -> None:
    """No file of the former product survives that the new one does not have."""
    publishing.publish(make_product(tmp_path / "one", {"a": "1", "tiles/gone.shp": "1"}), f"{output}/x")
    published = publishing.publish(make_product(tmp_path / "two", {"a": "2"}), f"{output}/x")
    assert contents(published) == contents(str(tmp_path / "two"))


def test_another_datasets_product_is_never_touched(output: str, tmp_path: Path) -> None:
    """Two datasets whose last component is the same do not overwrite each other."""
    publishing.publish(make_product(tmp_path / "one", {"a": "1"}, "/data/2009/tiles"), f"{output}/tiles")
    with pytest.raises(OutputRefused, match=r"/data/2009/tiles, this is /data/2016/tiles"):
        publishing.publish(make_product(tmp_path / "two", {"b": "2"}, "/data/2016/tiles"), f"{output}/tiles")
    assert contents(f"{output}/tiles") == contents(str(tmp_path / "one"))


@pytest.mark.parametrize("record", [None, "not json", "[1]", '{"dataset": 3}'])
def test_files_that_are_no_product_are_never_touched(output: str, record: str | None, tmp_path: Path) -> None:
    """An output that points at somebody's own folder is refused, also where a run.json is not one of ours."""
    storage.write_bytes(f"{output}/x/thesis.doc", b"ten years of work")
    if record is not None:
        storage.write_bytes(f"{output}/x/run.json", record.encode())
    with pytest.raises(OutputRefused, match="no flood-extent product"):
        publishing.publish(make_product(tmp_path / "p", {"a": "1"}), f"{output}/x")
    assert storage.read_bytes(f"{output}/x/thesis.doc") == b"ten years of work"


def test_a_file_with_the_products_name_is_refused(output: str, tmp_path: Path) -> None:
    """A file is never replaced by a folder."""
    storage.write_bytes(f"{output}/x", b"file")
    with pytest.raises(OutputRefused, match="is a file"):
        publishing.publish(make_product(tmp_path / "p", {}), f"{output}/x")


def test_an_upload_that_broke_off_shows_no_product_and_can_be_repeated(cloud: Cloud, tmp_path: Path) -> None:
    """Without the last object there is no run.json; the same dataset may publish again, another may not."""
    cloud.sandbox.create_bucket("maps")
    publishing.publish(make_product(tmp_path / "old", {"a": "1", "gone": "1"}), "s3://maps/x")
    storage.write_bytes("s3://maps/x/map.qgz", b"mine")
    cloud.sandbox.fault("PutObject", "access-denied", name_contains="x/b")
    new = make_product(tmp_path / "new", {"a": "2", "b": "2"})
    with pytest.raises(OutputRefused, match="maps/x/b"):
        publishing.publish(new, "s3://maps/x")

    assert not storage.exists("s3://maps/x/run.json")
    with pytest.raises(OutputRefused, match="another dataset"):
        publishing.check_owner("s3://maps/x", "/data/other")
    publishing.publish(new, "s3://maps/x")
    assert contents("s3://maps/x") == {**contents(str(new)), "map.qgz": b"mine"}


def test_without_exchange_the_product_is_swapped_by_two_renames(tmp_path: Path) -> None:
    """Systems that cannot exchange names have the new folder in its place, and the former one beside."""
    new, target = make_product(tmp_path / "new", {"a": "2"}), make_product(tmp_path / "target", {"a": "1"})
    former = swapping.swap_by_two_renames(new, target)
    assert {path.name for path in tmp_path.iterdir()} == {"target", former.name}
    assert ((target / "a").read_text(), (former / "a").read_text()) == ("2", "1")


def test_a_product_renamed_away_by_a_killed_run_comes_back(tmp_path: Path) -> None:
    """Between two renames no product is lost: the next run finds the former one and puts it back."""
    make_product(tmp_path / ".x.0123.old", {"a": "1"})
    make_product(tmp_path / ".x.4567.partial", {"a": "2"})
    clear_leftovers(tmp_path / "x")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x" / "a").read_text() == "1"


def test_leftovers_of_other_products_stay(tmp_path: Path) -> None:
    """Only what belongs to this product is cleared."""
    (tmp_path / ".xy.0123.partial").mkdir()
    (tmp_path / ".x.lock").touch()
    clear_leftovers(tmp_path / "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".x.lock", ".xy.0123.partial"]


LIMITED = """
import signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from pathlib import Path
from tasks.core.errors import StorageFull
from tasks.services.publishing import publishing
try:
    if sys.argv[1] == "publish":
        publishing.publish(Path(sys.argv[2]), sys.argv[3])
    else:
        publishing.zip_folder(Path(sys.argv[2]), Path(sys.argv[3]))
except StorageFull as error:
    print("full:", error)
"""


@pytest.mark.parametrize("operation", ["publish", "zip"])
def test_a_disk_that_fills_up_leaves_what_was_there(operation: str, tmp_path: Path) -> None:
    """The former file or product stays whole, nothing half lies about, and the message names the place."""
    folder = make_product(tmp_path / "p", {"small": "x"})
    (folder / "big").write_bytes(os.urandom(200_000))
    target = tmp_path / "out" / "x"
    if operation == "publish":
        publishing.publish(make_product(tmp_path / "old", {"a": "1"}), str(target))
    else:
        make_product(tmp_path / "out", {"x": "old"})
    before = contents(str(tmp_path / "out"))
    done = subprocess.run(
        [sys.executable, "-B", "-c", LIMITED, operation, str(folder), str(target)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    assert done.stdout.startswith(f"full: {target}")
    assert contents(str(tmp_path / "out")) == before


def test_a_real_full_disk_is_storage_full(tmp_path: Path) -> None:
    """On a file system without space the run ends with the remedy, not with a traceback."""
    mount = tmp_path / "small"
    mount.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(mount)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system is not permitted here")
    try:
        with pytest.raises(StorageFull, match="Free space"):
            publishing.publish(make_product(tmp_path / "p", {"big": "x" * 100_000}), str(mount / "x"))
        assert list(mount.iterdir()) == []
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_an_output_is_checked_before_the_work(output: str) -> None:
    """A writable output passes and nothing stays behind."""
    publishing.check_writable(output)
    assert not storage.is_folder(output) or storage.list_objects(output) == []


def test_an_output_that_cannot_be_written_is_refused_at_once(tmp_path: Path, s3_bucket: str) -> None:
    """A file in the way and a missing bucket are found before any tile is read."""
    (tmp_path / "file").touch()
    for output in (str(tmp_path / "file" / "out"), "/proc/out", f"{s3_bucket}-no/out"):
        with pytest.raises(OutputRefused, match=output):
            publishing.check_writable(output)


def test_a_second_run_into_the_same_output_is_refused(output: str) -> None:
    """The second says who holds it; another output is free; after the first it may."""
    with publishing.locked(f"{output}/x"):
        with pytest.raises(OutputRefused, match=f"process {os.getpid()}"), publishing.locked(f"{output}/x/"):
            pass
        with publishing.locked(f"{output}/y"):
            pass
    with publishing.locked(f"{output}/x"):
        pass


HOLDER = """
import sys
from tasks.services.publishing import publishing
with publishing.locked(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_dead_runs_lock_is_free(tmp_path: Path) -> None:
    """A killed process does not lock its output for ever."""
    target = str(tmp_path / "x")
    command = [sys.executable, "-B", "-c", HOLDER, target]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=REPOSITORY) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(OutputRefused, match=f"process {child.pid}"), publishing.locked(target):
            pass
        child.kill()
    with publishing.locked(target):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_zip_is_dated_as_its_run(tmp_path: Path) -> None:
    """What is unpacked from it says when the run was."""
    folder = make_product(tmp_path / "p", {"b": "2"})
    publishing.zip_folder(folder, folder / "p.zip", datetime(2026, 3, 9, 23, 59, 58, tzinfo=UTC))
    with zipfile.ZipFile(folder / "p.zip") as archive:
        assert {member.date_time for member in archive.infolist()} == {(2026, 3, 9, 23, 59, 58)}


def test_the_same_files_give_the_same_zip(tmp_path: Path) -> None:
    """Neither dates nor order nor the zip of an earlier packing show in the bytes, and everything is in it."""
    folder = make_product(tmp_path / "p", {"b": "2", "tiles/Ü 洪.shp": "1"})
    publishing.zip_folder(folder, folder / "p.zip")
    first = (folder / "p.zip").read_bytes()
    os.utime(folder / "b", (0, 0))
    publishing.zip_folder(folder, folder / "p.zip")
    assert (folder / "p.zip").read_bytes() == first
    with zipfile.ZipFile(folder / "p.zip") as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {
            name: data for name, data in contents(str(folder)).items() if name != "p.zip"
        }


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        ("/data/prairie_2016/", "prairie_2016"),
        ("s3://bucket/a/b c/", "b c"),
        ("s3://bucket", "bucket"),
        ("lists/frames.TXT", "frames"),
        ("/data/frame.jp2", "frame"),
        ("s3://bucket/a/Frame 1.JP2", "Frame 1"),
        ("/data/.jp2", "dataset"),
        ("/data/..hidden: Ü|洪.", "hidden_ Ü_洪"),
        ("/", "dataset"),
        ("s3://bucket/...", "dataset"),
        ("/data/" + "洪" * 100, "洪" * 60),
    ],
)
def test_a_dataset_gives_its_product_a_safe_name(dataset: str, name: str) -> None:
    """The last component, in characters and length that every file system takes."""
    assert publishing.dataset_name(dataset) == name


def test_file_hashes_are_sha_256(tmp_path: Path) -> None:
    """Anyone can check the product's files with sha256sum."""
    (tmp_path / "tiles").mkdir()
    (tmp_path / "tiles" / "a.shp").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    assert hashes_of(tmp_path) == {
        "b": hashlib.sha256(b"b").hexdigest(),
        "tiles/a.shp": hashlib.sha256(b"a").hexdigest(),
    }


def test_a_frames_product_stays_where_it_is(output: str, tmp_path: Path) -> None:
    """One under the frame's whole name is replaced there: beside a second one it would pass for the newest."""
    assert publishing.product_place(output, "/data/frame.jp2") == f"{output}/frame"
    publishing.publish(make_product(tmp_path / "p", {"a": "1"}, "/data/frame.jp2"), f"{output}/frame.jp2")
    assert publishing.product_place(output, "/data/frame.jp2") == f"{output}/frame.jp2"
    assert publishing.product_place(output, "/other/frame.jp2") == f"{output}/frame"


def test_a_place_that_cannot_be_written_is_named_itself(tmp_path: Path) -> None:
    """Not the file by which that was tried, which nobody knows."""
    (tmp_path / "file").touch()
    with pytest.raises(OutputRefused, match=f"^{tmp_path}/file: cannot be written"):
        publishing.check_writable(str(tmp_path / "file"))
