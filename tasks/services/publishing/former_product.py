"""What of a product's folder a run has written, by the hashes in its ``run.json``: all else is somebody's own."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from tasks.core.errors import ObjectMissing
from tasks.core.product.kept_names import Present, kept_names
from tasks.core.reports.seals import is_sealed_record, is_sealed_zip
from tasks.services import storage
from tasks.services.storage.local_tree import pieces
from tasks.services.work_directory.run_records import RECORD

# In S3, where nothing can be renamed: whose half-uploaded product this is, until its run.json is there.
MARKER = ".publishing.json"


@dataclass(frozen=True)
class FormerProduct:
    """A product as its own record describes it.

    Attributes:
        dataset: As it stands in the record; None where there is no record of ours.
        files: SHA-256 that its files may have, by relative path. Without such a list, as in records of old, nothing in
            the folder is known to be ours.
        zip_name: Of its zip.
    """

    dataset: str | None
    files: Mapping[str, frozenset[str]]
    zip_name: str

    @classmethod
    def at(cls, destination: str, name: str) -> Self:
        """The product of a name at a URI; where none is, one without dataset and files."""
        records = [_read(storage.join(destination, record)) for record in (RECORD, MARKER)]
        datasets = [record["dataset"] for record in records if isinstance(record.get("dataset"), str)]
        files: dict[str, frozenset[str]] = {}
        for listed in (record.get("files") for record in records):
            for file, hashes in listed.items() if isinstance(listed, dict) else ():
                possible = hashes if isinstance(hashes, list) else [hashes]
                files[file] = files.get(file, frozenset()) | {one for one in possible if isinstance(one, str)}
        return cls(datasets[0] if datasets else None, files, f"{name}.zip")

    @property
    def names(self) -> frozenset[str]:
        """Relative paths that it claims."""
        return frozenset(self.files) | {RECORD, self.zip_name}

    def kept(self, present: Present, new: Mapping[str, str]) -> Mapping[str, str]:
        """New names for what cannot stay under its own.

        Args:
            present: What lies there.
            new: SHA-256 of the new product's files by relative path; empty where it is not known yet.
        """
        same = {name for name in present.unchanged if new.get(name) in self.files.get(name, ())}
        return kept_names(present, new.keys(), new.keys() - same)

    def or_new(self, new: Mapping[str, str]) -> Self:
        """What its files may be while they and a new product's are there in parts."""
        both = {name: self.files.get(name, frozenset()) | {content} for name, content in new.items()}
        return replace(self, files={**self.files, **both})

    def wrote(self, name: str, content: Iterable[bytes]) -> bool:
        """Whether a file has the content that a run gave it."""
        if name == RECORD:
            return is_sealed_record(b"".join(content))
        if name == self.zip_name:
            return is_sealed_zip(content)
        return name in self.files and digest(content) in self.files[name]


def digest(content: Iterable[bytes]) -> str:
    """SHA-256 of a file that comes piece by piece."""
    hashing = sha256()
    for piece in content:
        hashing.update(piece)
    return hashing.hexdigest()


def _read(uri: str) -> dict[str, Any]:
    """A record; an empty one where there is none that can be read."""
    try:
        record = json.loads(storage.read_bytes(uri) if storage.is_s3(uri) else b"".join(pieces(Path(uri))))
    except (ObjectMissing, OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}
