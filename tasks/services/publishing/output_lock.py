"""One run at a time into one output."""

import errno
import fcntl
import hashlib
import os
import re
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tasks.core.errors import OutputRefused
from tasks.services import storage
from tasks.services.storage.local_tree import pieces
from tasks.services.storage.storage_errors import translated

# What a lock holds: nothing else under its name is written into, wherever a link may lead.
HOLDER = re.compile(rb"(?:process \d+ on [^\n]*)?")
LONGEST_BYTES = 400
FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
OTHERS = 0o077
# What flock answers where a file system has no locks; and what it answers on some where another has the lock, on some
# where there are none.
NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENOTTY}
REFUSED = {errno.EACCES, errno.EPERM}
NOT_LOCKED = (
    "{folder}: this file system has no locks ({why}), so a run on another machine is not kept out: see to it that none "
    "writes {output} meanwhile"
)

Flock = Callable[[int, int], object]


class _NoLocks(Exception):
    """The file system has no locks."""


@contextmanager
def locked(destination: str, *, flock: Flock = fcntl.flock, temp_flock: Flock = fcntl.flock) -> Iterator[str | None]:
    """Hold the output for the block, from wherever on this machine; death of the process releases it.

    A local output is locked by a file beside it (so also against other machines where the file system's ``flock``
    reaches them), one in S3 by a file of this machine: S3 itself is not locked against other machines. Nor is a share
    that has no locks, of which the caller is told.

    Args:
        destination: URI of the product's final folder or prefix.
        flock: Locks an open file beside the output, as the system does.
        temp_flock: The same among this machine's temporary files.

    Yields:
        None; where the share has no locks, that a run on another machine is not kept out, for a person.

    Raises:
        OutputRefused: Another run holds it, or the lock cannot be written, or is something else.
    """
    destination = storage.resolve(destination)
    warning = None
    with translated(destination, "write"):
        beside = Path(destination).with_name(f".{storage.name(destination)}.lock")
        path = _machine_lock(destination) if storage.is_s3(destination) else beside
    try:
        descriptor = _lock(path, flock)
    except _NoLocks as error:
        warning = NOT_LOCKED.format(folder=path.parent, why=error, output=destination)
        try:
            path = _machine_lock(destination)
            descriptor = _lock(path, temp_flock)
        except _NoLocks:  # temporary files are on such a share, too
            yield warning
            return
    if descriptor is None:
        raise OutputRefused(
            f"{destination}: another run is writing it ({_holder(path)}). "
            "Wait for it or choose another `output_directory`"
        )
    try:
        yield warning
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _machine_lock(destination: str) -> Path:
    """A lock against other runs of this user on this machine."""
    digest = hashlib.sha256(destination.encode()).hexdigest()[:32]
    return _private_folder() / f"{digest}.lock"


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


def _lock(path: Path, flock: Flock) -> int | None:
    """A descriptor that holds the lock, whose folder is made; None where another has it.

    Raises:
        OutputRefused: What lies under the lock's name is no lock: nothing is written into it.
        _NoLocks: The file system has none.
    """
    with translated(str(path), "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            descriptor = _opened(path)
            try:
                flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            except OSError as error:
                _withdraw(descriptor, path)
                if error.errno in NO_LOCKS or (error.errno in REFUSED and not _has_locks(path.parent, flock)):
                    raise _NoLocks(error.strerror) from error
                if error.errno in REFUSED:
                    return None
                raise
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


def _withdraw(descriptor: int, path: Path) -> None:
    """Close what could not be locked; a new file goes, one that names a holder stays."""
    is_new = os.fstat(descriptor).st_size == 0
    os.close(descriptor)
    if is_new:
        path.unlink(missing_ok=True)


def _has_locks(folder: Path, flock: Flock) -> bool:
    """Whether a file that nobody else knows can be locked there."""
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


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
