"""Reading and writing, local or S3, by one set of functions.

URIs are absolute local paths or ``s3://bucket/key`` (``resolve`` makes one of what a person types). Safe to call from
many threads. All raise the storage errors of ``tasks.core.errors`` with the URI in the message: ``ObjectMissing``,
``OutputRefused``, ``StorageFull``, ``StorageUnavailable`` (the one that a retry may help), ``UnusableArgument``.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tasks.core.errors import ObjectMissing
from tasks.services.storage.local_store import LocalStore, opened
from tasks.services.storage.local_tree import prune_folder
from tasks.services.storage.presence import present
from tasks.services.storage.s3_deletion import delete_all as delete_in_s3
from tasks.services.storage.s3_store import S3Store
from tasks.services.storage.storage_errors import translated
from tasks.services.storage.uris import ObjectInfo, is_s3, join, name, parent, resolve

__all__ = [
    "ObjectInfo",
    "content_hash",
    "delete",
    "delete_all",
    "exists",
    "fetch",
    "info",
    "is_folder",
    "is_s3",
    "join",
    "list_objects",
    "name",
    "parent",
    "present",
    "prune",
    "read_bytes",
    "read_range",
    "resolve",
    "siblings",
    "walk",
    "write_bytes",
]

SECONDS_A_DAY = 86_400


def _store(uri: str) -> LocalStore | S3Store:
    uri = resolve(uri)
    return S3Store(uri) if is_s3(uri) else LocalStore(uri)


def list_objects(uri: str) -> list[ObjectInfo]:
    """Every object below a folder or prefix at any depth, sorted by relative path; of an object, itself.

    Raises:
        ObjectMissing: Folder, prefix or bucket does not exist.
    """
    return sorted(_store(uri).list(), key=lambda info: info.relative_path)


def walk(prefix: str) -> Iterator[ObjectInfo]:
    """Every object below a prefix of S3, in the order of the keys, as the pages of the listing come."""
    return (info for info in S3Store(resolve(prefix)).walk() if not info.uri.endswith("/"))


def info(uri: str) -> ObjectInfo:
    """What a listing would tell about one object.

    Raises:
        ObjectMissing: It does not exist, or is a folder.
    """
    found = _store(uri).stat()
    if found is None:
        raise ObjectMissing(f"{resolve(uri)}: does not exist, or is no regular file. Check the name")
    return found


def siblings(uri: str) -> list[ObjectInfo]:
    """The objects in the same folder, or whose keys differ from this one's in the last component alone; itself too.

    Raises:
        ObjectMissing: There is no such folder.
    """
    return sorted(_store(uri).siblings(), key=lambda info: info.relative_path)


def exists(uri: str) -> bool:
    """Whether an object is there; a folder or prefix is none (``is_folder``)."""
    return _store(uri).stat() is not None


def is_folder(uri: str) -> bool:
    """Whether a local folder, a bucket, or a prefix with objects below it is there."""
    return _store(uri).is_folder()


def read_bytes(uri: str) -> bytes:
    """The whole object."""
    return _store(uri).read()


def read_range(uri: str, start: int, length: int, etag: str | None = None) -> bytes:
    """``length`` bytes from ``start``, fewer where the object ends before.

    Args:
        uri: The object.
        start: Offset of the first byte.
        length: How many.
        etag: The ETag that an object in S3 must have.

    Raises:
        ChangedSinceListed: It has another.
    """
    return _store(uri).read_range(start, length, etag) if length > 0 else b""


def write_bytes(uri: str, data: bytes) -> None:
    """Write an object whole or not at all; local folders are made."""
    _store(uri).write(data)


def fetch(uri: str, path: Path, etag: str | None = None) -> None:
    """Copy an object to a local file, whole or not at all; its folders are made.

    Args:
        uri: The object.
        path: Of the file.
        etag: The ETag that an object in S3 must have.

    Raises:
        ChangedSinceListed: It has another.
    """
    _store(uri).fetch(path, etag)


def delete(uri: str) -> None:
    """Remove an object; nothing there is no error."""
    _store(uri).delete()


def delete_all(uris: Iterable[str]) -> int:
    """Remove objects of one folder or bucket, in S3 up to 1,000 a request; how many were named. Not there is no error.

    Raises:
        OutputRefused: One may not be removed.
        StorageUnavailable: A retry may help.
    """
    listed = list(uris)
    if listed and is_s3(listed[0]):
        return delete_in_s3(listed)
    for uri in listed:
        delete(uri)
    return len(listed)


def content_hash(info: ObjectInfo) -> str:
    """Changes when the object's content does: SHA-256 of a local file; in S3 of ETag and size, without reading it."""
    if info.etag is not None:
        return hashlib.sha256(f"{info.etag} {info.size_bytes}".encode()).hexdigest()
    with translated(info.uri, "read"), opened(info.uri) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def prune(uri: str, older_than_days: float, *, ours: Callable[[str], object] = lambda _: True) -> int:
    """Remove the objects below a folder or prefix that have not changed for so many days.

    Links are left alone, and what they lead to: a folder that is a link itself has nothing to prune.

    Args:
        uri: Folder or prefix; one that does not exist has nothing to prune.
        older_than_days: Age from which an object goes.
        ours: Whether an object may go, by its relative path.

    Returns:
        How many were removed.
    """
    uri = resolve(uri)
    limit = time.time() - older_than_days * SECONDS_A_DAY
    if not is_s3(uri):
        with translated(uri, "write"):
            return prune_folder(Path(uri), limit, ours)
    return delete_in_s3(one.uri for one in walk(uri) if one.modified_at < limit and ours(one.relative_path))
