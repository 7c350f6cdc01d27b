"""Local files as they lie there: links are entries of their own, never the way to what they point at."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

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
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - pathlib opens no descriptors
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        while piece := file.read(PIECE_BYTES):
            yield piece
