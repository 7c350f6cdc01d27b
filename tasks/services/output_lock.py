"""One run at a time into one output."""

import errno
import fcntl
import hashlib
import os
import re
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tasks.core.errors import OutputRefused
from tasks.services import storage
from tasks.services.storage_errors import translated
from tasks.services.unfollowed import pieces

# What a lock holds: nothing else under its name is written into, wherever a link may lead.
HOLDER = re.compile(rb"(?:process \d+ on [^\n]*)?")
LONGEST_BYTES = 400
FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
OTHERS = 0o077


@contextmanager
def locked(destination: str) -> Iterator[None]:
    """Hold the output for the block, from wherever on this machine; death of the process releases it.

    A local output is locked by a file beside it (so also against other machines where the file system's ``flock``
    reaches them), one in S3 by a file of this machine: S3 itself is not locked against other machines.

    Args:
        destination: URI of the product's final folder or prefix.

    Raises:
        OutputRefused: Another run holds it, or the lock cannot be written, or is something else.
    """
    destination = storage.resolve(destination)
    with translated(destination, "write"):
        path = _lock_path(destination)
    with translated(str(path), "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(path)
    if descriptor is None:
        raise OutputRefused(
            f"{destination}: another run is writing it ({_holder(path)}). "
            "Wait for it or choose another `output_directory`"
        )
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _lock_path(destination: str) -> Path:
    if storage.is_s3(destination):
        digest = hashlib.sha256(destination.encode()).hexdigest()[:32]
        return _private_folder() / f"{digest}.lock"
    target = Path(destination)
    return target.with_name(f".{target.name}.lock")


def _private_folder() -> Path:
    """A folder of this user in the system's place for temporary files, where anybody may have put something.

    Raises:
        OutputRefused: It is not this user's alone.
    """
    folder = Path(tempfile.gettempdir()) / f"flood-extent-locks-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & OTHERS:
        raise OutputRefused(
            f"{folder}: is not a folder of yours alone. Remove it, or set TMPDIR to a place of your own"
        )
    return folder


def _locked(path: Path) -> int | None:
    """A descriptor that holds the lock; None where another has it.

    Raises:
        OutputRefused: What lies under the lock's name is no lock: nothing is written into it.
    """
    while True:
        descriptor = _opened(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if _is_current(descriptor, path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
            return descriptor
        # Its holder removed the file between our opening and locking it: lock the one that is there now.
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        descriptor = os.open(path, FLAGS, 0o644)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EISDIR, errno.ENXIO}:
            raise _foreign(path) from error
        raise
    status = os.fstat(descriptor)
    is_lock = stat.S_ISREG(status.st_mode) and status.st_nlink <= 1 and status.st_size < LONGEST_BYTES
    if not is_lock or not HOLDER.fullmatch(os.pread(descriptor, LONGEST_BYTES, 0)):
        os.close(descriptor)
        raise _foreign(path)
    return descriptor


def _foreign(path: Path) -> OutputRefused:
    return OutputRefused(f"{path}: is not a lock of a run. Move it or choose another `output_directory`")


def _is_current(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _holder(path: Path) -> str:
    try:
        return b"".join(pieces(path)).decode(errors="replace")[:100] or "unknown process"
    except OSError:
        return "unknown process"
