"""One run at a time into one output."""

import fcntl
import hashlib
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.core.errors import OutputRefused
from tasks.services import storage
from tasks.services.storage_errors import translated


@contextmanager
def locked(destination: str) -> Iterator[None]:
    """Hold the output for the block, from wherever on this machine; death of the process releases it.

    A local output is locked by a file beside it (so also against other machines where the file system's ``flock``
    reaches them), one in S3 by a file of this machine: S3 itself is not locked against other machines.

    Args:
        destination: URI of the product's final folder or prefix.

    Raises:
        OutputRefused: Another run holds it, or the lock cannot be written.
    """
    destination = storage.resolve(destination)
    path = _lock_path(destination)
    with translated(str(path), "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(path)
    if descriptor is None:
        raise OutputRefused(
            f"{destination}: another run is writing it ({_holder(path)}). "
            "Wait for it or choose another output directory"
        )
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _lock_path(destination: str) -> Path:
    if storage.is_s3(destination):
        digest = hashlib.sha256(destination.encode()).hexdigest()[:32]
        return Path(tempfile.gettempdir()) / f"flood-extent-{os.getuid()}-{digest}.lock"
    target = Path(destination)
    return target.with_name(f".{target.name}.lock")


def _locked(path: Path) -> int | None:
    """A descriptor that holds the lock; None where another has it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if _is_current(descriptor, path):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
            return descriptor
        # Its holder removed the file between our opening and locking it: lock the one that is there now.
        os.close(descriptor)


def _is_current(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _holder(path: Path) -> str:
    try:
        return path.read_text(errors="replace")[:100] or "unknown process"
    except OSError:
        return "unknown process"
