"""Temporary folders of this program, which the next one removes where a kill left them.

Each is named after the process that it belongs to (machine, boot, process ids' namespace, process, start time), is
open to its owner alone, and goes when its block ends. ``sweep`` removes those whose process was on this machine and is
gone; of another machine, on a shared disk, nobody here knows that, so theirs go by age alone. What is not named so,
belongs to another user, or is a link, is not touched.
"""

import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from tasks.core.disk_space import TEMP_PREFIX
from tasks.core.errors import OutputRefused
from tasks.services import process_identity
from tasks.services.storage.storage_errors import translated

PREFIX = TEMP_PREFIX
OWNER = r"(?P<host>[0-9a-f]{8})-(?P<boot>[0-9a-f]{8})-(?P<space>[0-9a-f]{8})-(?P<pid>\d+)-(?P<started>\d+)"
NAME = re.compile(rf"{PREFIX}-(?P<use>[a-z0-9-]+)-{OWNER}-\w{{8}}")
# A crash's own report to whoever mends the program, and what failed and is to be looked into.
TRACE = re.compile(rf"{PREFIX}-\w{{8}}\.trace")
FAILED = "failed"
KEPT_DAYS = 7
SECONDS_A_DAY = 86_400


@contextmanager
def temp_folder(use: str, parent: Path | None = None) -> Iterator[Path]:
    """A folder of this process for the block.

    Args:
        use: What for: a part of its name, of small letters, digits and dashes.
        parent: Where; the system's place for temporary files where None.
    """
    folder = make(use, parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make(use: str, parent: Path | None = None) -> Path:
    """A folder of this process, which whoever makes it removes.

    Raises:
        OutputRefused: It cannot be made, or there is no place for temporary files.
        StorageFull: No space is left there.
    """
    try:
        place = Path(tempfile.gettempdir()) if parent is None else parent
    except OSError as error:
        raise OutputRefused(f"no folder for temporary files can be written ({error}). Set TMPDIR to one") from error
    name = f"{PREFIX}-{use}-{_owner()}-"
    with translated(str(place / name), "write"):
        place.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=name, dir=place))


def keep_failed(folder: Path) -> Path:
    """Let a folder outlive its process, for people to look into; it goes after a week."""
    kept = folder.with_name(folder.name.replace(f"{PREFIX}-", f"{PREFIX}-{FAILED}-", 1))
    return folder.rename(kept)


def sweep(parent: Path | None = None, *, now: float | None = None) -> int:
    """Remove the folders of dead processes; how many.

    Args:
        parent: Where; the system's place for temporary files where None.
        now: Seconds since the epoch to count ages from; the clock where None.
    """
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    now = time.time() if now is None else now
    removed = 0
    with suppress(OSError), os.scandir(parent) as found:
        for entry in list(found):
            with suppress(OSError):
                removed += _swept(Path(entry.path), entry.stat(follow_symlinks=False), now)
    return removed


def _swept(path: Path, status: os.stat_result, now: float) -> bool:
    """Remove the entry if it is to go; whether it has."""
    if status.st_uid != os.getuid():
        return False
    is_old = now - status.st_mtime > KEPT_DAYS * SECONDS_A_DAY
    if stat.S_ISREG(status.st_mode) and TRACE.fullmatch(path.name) and is_old:
        path.unlink()
        return True
    has_failed = path.name.startswith(f"{PREFIX}-{FAILED}-")
    named = NAME.fullmatch(path.name)
    if named is None or not stat.S_ISDIR(status.st_mode):
        return False
    lives = _lives(named)
    if (is_old and (has_failed or not lives)) or (lives is False and not has_failed):
        shutil.rmtree(path)  # which follows no link, wherever one is
        return True
    return False


def _lives(named: re.Match[str]) -> bool | None:
    """Whether the owner runs on this machine; None where that cannot be known from here."""
    if named["host"] != _short(process_identity.host()):
        return None
    if named["boot"] != _short(process_identity.boot()):
        return False
    if named["space"] != _short(process_identity.namespace()):
        return None
    return process_identity.start_time(int(named["pid"])) == named["started"]


def _owner() -> str:
    pid, started = process_identity.this()
    place = (process_identity.host(), process_identity.boot(), process_identity.namespace())
    return "-".join([*map(_short, place), str(pid), started])


def _short(text: str) -> str:
    return sha256(text.encode(errors="surrogateescape")).hexdigest()[:8]
