"""Temporary folders: private, gone with their block, and swept where a kill left them."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tasks.services import temp_folders
from tasks.services.temp_folders import keep_failed, make, sweep, temp_folder

REPOSITORY = Path(__file__).parents[2]
KEEPER = """
import sys, time
from pathlib import Path
from tasks.services.temp_folders import keep_failed, make
folder = make(sys.argv[2], Path(sys.argv[1]))
(folder / "file").write_text("x")
print(keep_failed(folder) if sys.argv[2] == "failing" else folder, flush=True)
time.sleep(600)
"""


def of_killed_process(parent: Path, use: str) -> Path:
    """A folder whose process was killed."""
    command = [sys.executable, "-c", KEEPER, str(parent), use]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as child:
        assert child.stdout is not None
        folder = Path(child.stdout.readline().strip())
        child.send_signal(signal.SIGKILL)
    return folder


def test_a_folder_is_private_and_ends_with_its_block(tmp_path: Path) -> None:
    """Nobody else may look into it, also where everybody may into the place, and an error leaves nothing behind."""
    with temp_folder("log", tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
    with suppress(ValueError), temp_folder("log", tmp_path):
        raise ValueError
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_left_is_swept_and_what_failed_stays_a_week(tmp_path: Path) -> None:
    """The folder of a living process stays, that of a dead one goes; one to be looked into goes by its age."""
    mine, killed = make("mine", tmp_path), of_killed_process(tmp_path, "killed")
    failed = of_killed_process(tmp_path, "failing")
    assert sweep(tmp_path) == 1
    assert set(tmp_path.iterdir()) == {mine, failed}
    assert not killed.exists()
    assert sweep(tmp_path, now=time.time() + 8 * 86_400) == 1
    assert list(tmp_path.iterdir()) == [mine]


@pytest.mark.parametrize("part", [2, 3, 4])
def test_what_cannot_be_known_from_here_goes_by_age(tmp_path: Path, part: int) -> None:
    """A process of another machine or container may live: its folder stays a week; after a restart none lives."""
    folder = make("other", tmp_path)
    words = folder.name.split("-")
    words[part + 1] = "0" * 8
    other = folder.rename(tmp_path / "-".join(words))
    is_restart = part == 3
    assert sweep(tmp_path) == is_restart
    assert sweep(tmp_path, now=time.time() + 8 * 86_400) == (not is_restart)
    assert not other.exists()


def test_what_is_not_ours_is_not_touched(tmp_path: Path) -> None:
    """Other names stay, however old; a link of our name stays with what it leads to; so does what lies behind links."""
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_text("mine")
    killed = of_killed_process(tmp_path, "killed")
    (killed / "link").symlink_to(photos)
    linked = of_killed_process(tmp_path, "linked")
    (linked / "file").unlink()
    linked.rmdir()
    linked.symlink_to(photos)
    (tmp_path / "flood-extent-notes").mkdir()
    sweep(tmp_path, now=time.time() + 1000 * 86_400)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["photos", "flood-extent-notes", linked.name])
    assert (photos / "a.jpg").read_text() == "mine"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to somebody else")
def test_another_users_folders_stay(tmp_path: Path) -> None:
    """Whatever its name says, what belongs to another user is not ours to remove."""
    folder = of_killed_process(tmp_path, "killed")
    os.chown(folder, 12345, -1)
    assert sweep(tmp_path, now=time.time() + 1000 * 86_400) == 0
    assert folder.exists()


def test_a_kept_folder_is_still_known(tmp_path: Path) -> None:
    """Its name says that it failed, and whose it was."""
    folder = make("product-0123abcd", tmp_path)
    kept = keep_failed(folder)
    assert kept.name.startswith("flood-extent-failed-product-0123abcd-")
    assert temp_folders.NAME.fullmatch(kept.name)
