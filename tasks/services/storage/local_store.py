"""Files of this machine behind the same few operations as S3."""

import os
import shutil
import stat
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from tasks.core.errors import ObjectMissing
from tasks.services.storage.storage_errors import translated
from tasks.services.storage.uris import ObjectInfo


@dataclass(frozen=True)
class LocalStore:
    """What lies at an absolute path."""

    uri: str

    def list(self) -> list[ObjectInfo]:
        """Every file below the folder, or the file itself.

        It follows links to files and folders (each folder once), and a folder that cannot be read is an error: left out
        in silence, its tiles would be lost.
        """
        with translated(self.uri, "read"):
            root = Path(self.uri)
            if not stat.S_ISDIR(root.stat().st_mode):
                return [_info(root, root.parent)]
            return [info for path in _files(root) if (info := _info_if_there(path, root)) is not None]

    def siblings(self) -> Sequence[ObjectInfo]:
        """The files in the same folder."""
        folder = Path(self.uri).parent
        with translated(str(folder), "read"):
            return [_info(path, folder) for path in folder.iterdir() if path.is_file()]

    def stat(self) -> ObjectInfo | None:
        """What is at the path; None where nothing is or where it is a folder, device or pipe."""
        with translated(self.uri, "read"):
            path = Path(self.uri)
            return _info(path, path.parent) if path.is_file() else None

    def is_folder(self) -> bool:
        """Whether the path is a folder."""
        return Path(self.uri).is_dir()

    def read(self) -> bytes:
        """The whole file."""
        with translated(self.uri, "read"), opened(self.uri) as file:
            return file.read()

    def read_range(self, start: int, length: int, etag: str | None = None) -> bytes:  # noqa: ARG002 - of S3
        """Bytes from ``start``; fewer than ``length`` where the file ends."""
        with translated(self.uri, "read"), opened(self.uri) as file:
            file.seek(start)
            return file.read(length)

    def write(self, data: bytes) -> None:
        """Write whole or not at all."""
        write_atomically(Path(self.uri), lambda partial: partial.write_bytes(data))

    def fetch(self, path: Path, etag: str | None = None) -> None:  # noqa: ARG002 - of S3
        """Copy to ``path``, whole or not at all."""
        if self.stat() is None:
            raise ObjectMissing(f"{self.uri}: does not exist. Check the name")
        with translated(self.uri, "read"), Path(self.uri).open("rb"):
            pass  # so that what fails from here on is the writing
        write_atomically(path, lambda partial: shutil.copyfile(self.uri, partial))

    def delete(self) -> None:
        """Remove the file; nothing there is no error."""
        with translated(self.uri, "write"):
            Path(self.uri).unlink(missing_ok=True)


def opened(uri: str) -> BufferedReader:
    """A file to be read: a device never ends, and a pipe without a writer would be waited for.

    Raises:
        ObjectMissing: It is a device or a pipe.
        OSError: It cannot be opened.
    """
    descriptor = os.open(uri, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    kind = os.fstat(descriptor).st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        os.close(descriptor)
        raise ObjectMissing(f"{uri}: is a device or a pipe, not a file. Check the name")
    return open(descriptor, "rb")  # noqa: PTH123 - a descriptor; a folder is an error here


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file in the same folder, then rename it: readers never see half a file.

    Args:
        path: Where the file goes; its folders are made.
        write: Fills the path it is given.

    Raises:
        StorageFull: No space left; nothing of the attempt stays behind.
        OutputRefused: The folder may not be written.
    """
    with translated(str(path), "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        # A short name: one made of the file's own could pass the limit of 255 bytes.
        partial = path.parent / f".{uuid.uuid4().hex}.partial"
        try:
            write(partial)
            partial.replace(path)
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def _files(root: Path) -> Iterator[Path]:
    seen = {root.resolve()}
    for folder, folders, names in os.walk(root, followlinks=True, onerror=_raise):
        here = Path(folder)
        fresh = {name: (here / name).resolve() for name in sorted(folders)}
        folders[:] = [name for name, real in fresh.items() if real not in seen]
        seen.update(fresh.values())
        yield from (here / name for name in names)


def _raise(error: OSError) -> None:
    raise error


def _info_if_there(path: Path, root: Path) -> ObjectInfo | None:
    """None for what is no file, or not any more: another run may write and remove files meanwhile."""
    with suppress(FileNotFoundError):
        return _info(path, root) if path.is_file() else None
    return None


def _info(path: Path, root: Path) -> ObjectInfo:
    status = path.stat()
    stamp = f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
    return ObjectInfo(str(path), path.relative_to(root).as_posix(), status.st_size, None, status.st_mtime, stamp)
