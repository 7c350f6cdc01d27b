"""Nothing is written or removed outside of the places given: links, locks, names."""

import os
import tempfile
import uuid
from pathlib import Path

import pytest

from tasks.core.errors import OutputRefused, UnusableArgument
from tasks.services import storage
from tasks.services.publishing import publishing
from tasks.services.work_directory import pruning

KEY = "0123456789abcdef" * 4
OURS = [
    f"cache/prepare/{KEY}.valid.png",
    f"cache/records/prepare/{KEY}.json",
    f"cache/extract/.{'a' * 32}.partial",
    f"results/predict-{KEY}",
    f"scratch/{KEY}.jpg",
    "scratch/flood-extent-failed-product-0a-1/tiles/a.shp",
    "scratch/flood-extent-product-0a-2/tiles/a.shp",
    f"runs/{uuid.UUID(int=1)}.json",
    f"reviews/{uuid.UUID(int=1)}.json",
]
FOREIGN = ["cache/photo.jpg", "results/paper.pdf", "runs/exp1/model.pt", "scratch/notes/a.txt", f"mine/{KEY}.png"]


@pytest.fixture
def work(place: str) -> str:
    """URI of a work directory."""
    return storage.join(place, "work")


def names(uri: str) -> list[str]:
    return [info.relative_path for info in storage.list_objects(uri)]


def test_cleaning_removes_what_runs_have_written_alone(work: str) -> None:
    """A directory that was named by mistake loses nothing, though its folders may be called as ours are."""
    for name in [*OURS, *FOREIGN]:
        storage.write_bytes(storage.join(work, name), b"x")
    assert sum(pruning.prune(work, -1).values()) == len(OURS)
    assert names(work) == sorted(FOREIGN)


@pytest.mark.parametrize("linked", ["cache", "cache/prepare", "results", "scratch/flood-extent-failed-product-0a-1"])
def test_cleaning_follows_no_link(linked: str, tmp_path: Path) -> None:
    """What lies in a linked folder stays, even under names like ours; so do the link and a linked file's target."""
    outside, work = tmp_path / "outside", tmp_path / "work"
    for name in OURS:
        if name.startswith(f"{linked}/"):
            storage.write_bytes(str(outside / name.removeprefix(f"{linked}/")), b"mine")
    (work / linked).parent.mkdir(parents=True)
    (work / linked).symlink_to(outside)
    before = names(str(outside))
    assert before
    pruning.prune(str(work), -1)
    assert names(str(outside)) == before
    assert (work / linked).is_symlink()


def test_cleaning_leaves_a_linked_file(tmp_path: Path) -> None:
    """A link among the files of the cache is nobody's answer, and its target nobody's business."""
    target, link = tmp_path / "mine.png", tmp_path / "work" / "cache" / "predict" / f"{KEY}.png"
    target.write_text("mine")
    os.utime(target, (0, 0))
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    assert sum(pruning.prune(str(tmp_path / "work"), -1).values()) == 0
    assert target.read_text() == "mine"


@pytest.mark.parametrize("way", ["symbolic", "hard", "broken", "file", "folder", "pipe"])
def test_a_lock_never_writes_into_what_is_no_lock(way: str, tmp_path: Path) -> None:
    """A link, or a file of somebody's, under the lock's name is refused by name and keeps its content."""
    mine, lock = tmp_path / "thesis.doc", tmp_path / ".x.lock"
    mine.write_text("ten years of work")
    {
        "symbolic": lambda: lock.symlink_to(mine),
        "hard": lambda: lock.hardlink_to(mine),
        "broken": lambda: lock.symlink_to(tmp_path / "new"),
        "file": lambda: lock.write_text("process of writing"),
        "folder": lock.mkdir,
        "pipe": lambda: os.mkfifo(lock),
    }[way]()
    with pytest.raises(OutputRefused, match=r"\.x\.lock"), publishing.locked(str(tmp_path / "x")):
        pass
    assert mine.read_text() == "ten years of work"
    assert os.path.lexists(lock)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("way", ["link", "open", "foreign"])
def test_locks_of_outputs_in_s3_are_where_nobody_else_can_write(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another user has prepared the folder of locks, nothing is written there, and the way out is named."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    folder, elsewhere = tmp_path / "tmp" / f"flood-extent-locks-{os.getuid()}", tmp_path / "elsewhere"
    folder.parent.mkdir()
    elsewhere.mkdir()
    if way == "foreign" and os.getuid() != 0:
        pytest.skip("only root can give a folder to somebody else")
    if way == "link":
        folder.symlink_to(elsewhere)
    else:
        folder.mkdir(mode=0o700)
        folder.chmod(0o777 if way == "open" else 0o700)
        os.chown(folder, 12345 if way == "foreign" else -1, -1)
    with pytest.raises(OutputRefused, match="TMPDIR"), publishing.locked("s3://bucket/x"):
        pass
    assert [*elsewhere.iterdir(), *folder.iterdir()] == []


def test_a_folder_that_no_run_has_used_is_not_cleaned(work: str) -> None:
    """A directory that was named by mistake is refused, though its folders are called as ours are."""
    for name in FOREIGN:
        storage.write_bytes(storage.join(work, name), b"x")
    with pytest.raises(UnusableArgument, match="no work directory"):
        pruning.check_work_directory(work)
    with pytest.raises(UnusableArgument, match="does not exist"):
        pruning.check_work_directory(f"{work}-not")
    storage.write_bytes(storage.join(work, OURS[0]), b"x")
    pruning.check_work_directory(work)


def test_a_folder_that_was_cleaned_is_still_a_work_directory(tmp_path: Path) -> None:
    """A schedule that cleans every day does not fail the day after."""
    storage.write_bytes(str(tmp_path / OURS[0]), b"x")
    assert pruning.prune(str(tmp_path), -1) == {**dict.fromkeys(pruning.PARTS, 0), "cache": 1}
    pruning.check_work_directory(str(tmp_path))
