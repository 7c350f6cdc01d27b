"""Local files as they lie there: links are entries of their own, never the way to what they point at."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PIECE_BYTES = 1 << 20


def entries(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Relative path and state of everything below a folder: files, links, sockets; of folders the empty ones alone.

    Raises:
        OSError: The folder, or one below it, cannot be read.
    """
    pending = [root]
    while pending:
        folder = pending.pop()
        with os.scandir(folder) as found:
            inside = sorted(found, key=lambda entry: entry.name)
        if not inside and folder != root:
            yield folder.relative_to(root).as_posix(), folder.lstat()
        for entry in inside:
            if entry.is_dir(follow_symlinks=False):
                pending.append(Path(entry.path))
            else:
                yield Path(entry.path).relative_to(root).as_posix(), entry.stat(follow_symlinks=False)


def pieces(path: Path) -> Iterator[bytes]:
    """The content of a file, piece by piece.

    Raises:
        OSError: It is a link, or no regular file.
    """
    with regular_file(path) as (file, _):
        while piece := file.read(PIECE_BYTES):
            yield piece


@contextmanager
def regular_file(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """A file to be read in the block, and its bytes.

    Raises:
        OSError: It is a link, or no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - pathlib opens no descriptors
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        yield file, status.st_size


def prune_folder(root: Path, limit: float, ours: Callable[[str], object]) -> int:
    """Remove the regular files below a folder that were changed before a moment, then folders that are empty of that.

    Args:
        root: Nothing where it does not exist, or is a link.
        limit: Seconds since the epoch.
        ours: Whether a file may go, by its relative path.

    Returns:
        How many files were removed.
    """
    if root.is_symlink() or not root.is_dir():
        return 0
    removed = 0
    # By descriptors: a folder that somebody replaces by a link meanwhile is not entered either.
    for here, folders, names, descriptor in os.fwalk(root, topdown=False, follow_symlinks=False):
        for name in names:
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode) and status.st_mtime < limit and ours(_below(root, here, name)):
                os.unlink(name, dir_fd=descriptor)
                removed += 1
        for name in folders:
            with suppress(OSError):  # one that holds something, or is a link
                if ours(f"{_below(root, here, name)}/"):
                    os.rmdir(name, dir_fd=descriptor)
    return removed


def _below(root: Path, folder: str, name: str) -> str:
    return (Path(folder) / name).relative_to(root).as_posix()
