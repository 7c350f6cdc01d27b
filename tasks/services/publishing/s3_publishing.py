"""A product in S3: object by object, the record first away and last there, over nothing that is somebody else's.

Whose an object is, its content says, by the hashes that the former ``run.json`` lists; that it is still the one that
was looked at when it is written over, S3 sees to by its ETag.
"""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Self

from tasks.core.errors import ObjectMissing, StorageUnavailable
from tasks.core.product.kept_names import Present, kept_name
from tasks.services import storage
from tasks.services.publishing.former_product import MARKER, FormerProduct
from tasks.services.publishing.product_folder import files_of, hashes_of
from tasks.services.storage.s3_store import S3Store
from tasks.services.storage.storage_errors import translated
from tasks.services.work_directory.run_records import RECORD

AT_ONCE = 8
# Somebody who writes the same object again and again, faster than it can be looked at, is left to it.
ATTEMPTS = 5


@dataclass(frozen=True)
class S3Belongings:
    """What lies at a prefix.

    Attributes:
        former: The product that is there, as its record, or what a broken-off upload has left, describes it.
        objects: By relative path; without the marker.
        present: Their names, by whose they are.
    """

    former: FormerProduct
    objects: Mapping[str, storage.ObjectInfo]
    present: Present

    @classmethod
    def of(cls, destination: str) -> Self:
        """Look through a prefix, and read what a run may have written."""
        former = FormerProduct.at(destination, storage.name(destination))
        objects = {info.relative_path: info for info in _objects(destination) if info.relative_path != MARKER}
        claimed = sorted(objects.keys() & former.names)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            ours = list(pool.map(lambda name: _wrote(former, objects[name]), claimed))
        unchanged = frozenset(name for name, is_ours in zip(claimed, ours, strict=True) if is_ours)
        return cls(former, objects, Present(frozenset(objects), unchanged, former.names))


def _objects(destination: str) -> list[storage.ObjectInfo]:
    try:
        return storage.list_objects(destination)
    except ObjectMissing:
        return []


def _wrote(former: FormerProduct, info: storage.ObjectInfo) -> bool:
    try:
        return former.wrote(info.relative_path, S3Store(info.uri).pieces(info.size_bytes))
    except ObjectMissing:  # gone since it was listed
        return False


def publish(folder: Path, destination: str, dataset: str) -> dict[str, str]:
    """Upload a product in place of a former one; the names that other objects keep, by their own.

    Raises:
        StorageUnavailable: S3 failed, or somebody keeps writing the same object; publishing again continues.
    """
    files, new = dict(files_of(folder)), hashes_of(folder)
    seen = S3Belongings.of(destination)
    kept = dict(seen.former.kept(seen.present, new))
    marker = storage.join(destination, MARKER)
    either = seen.former.or_new(new)
    listed = {name: sorted(hashes) for name, hashes in sorted(either.files.items())}
    storage.write_bytes(marker, json.dumps({"dataset": dataset, "files": listed}).encode())
    for name, kept_as in kept.items():
        S3Store(storage.join(destination, name)).copy(storage.join(destination, kept_as))
    upload = _Upload(destination, seen, either, kept)
    upload.remove(RECORD)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda name: upload.put(name, files[name]), sorted(files.keys() - {RECORD})))
    for name in (seen.present.unchanged | kept.keys()) - files.keys():
        upload.remove(name)
    upload.put(RECORD, files[RECORD])
    storage.delete(marker)
    return upload.kept


class _Upload:
    """Writes and removes objects, as long as they are what was looked at; what is not, is kept under another name."""

    def __init__(self, destination: str, seen: S3Belongings, either: FormerProduct, kept: dict[str, str]) -> None:
        self.kept, self._destination, self._either = kept, destination, either
        self._etags = {name: info.etag for name, info in seen.objects.items()}
        self._taken = {*seen.objects, *either.files, *kept.values()}

    def put(self, name: str, path: Path) -> None:
        with translated(str(path), "read"):
            self._attempt(name, lambda uri: S3Store(uri).upload_if(path, self._etags.get(name)))

    def remove(self, name: str) -> None:
        def remove(uri: str) -> bool:
            info = S3Store(uri).stat()
            if info is not None and info.etag == self._etags.get(name):
                storage.delete(uri)
            return info is None or info.etag == self._etags.get(name)

        self._attempt(name, remove)

    def _attempt(self, name: str, change: Callable[[str], bool]) -> None:
        """Change an object by its URI, unless it is not what it was when it was looked at; then look, and try again."""
        uri = storage.join(self._destination, name)
        for _ in range(ATTEMPTS):
            if change(uri):
                return
            self._look_again(name, uri)
        raise StorageUnavailable(f"{uri}: somebody keeps writing this object. Publish again when it is left alone")

    def _look_again(self, name: str, uri: str) -> None:
        """Somebody has written the object meanwhile, perhaps this upload itself, whose answer was lost."""
        info = S3Store(uri).stat()
        self._etags[name] = None if info is None else info.etag
        if info is not None and not _wrote(self._either, replace(info, relative_path=name)):
            number = next(one for one in count(1) if kept_name(name, one) not in self._taken)
            self.kept[name] = kept_name(name, number)
            self._taken.add(self.kept[name])
            S3Store(uri).copy(storage.join(self._destination, self.kept[name]))
