"""Objects in S3 behind the same few operations as local files.

A key may begin with a slash, hold ``//`` or ``*``, or end in ``?versionId=…``: to S3 these are characters like others.
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from tasks.core.errors import ObjectMissing
from tasks.services.storage.local_store import write_atomically
from tasks.services.storage.local_tree import regular_file
from tasks.services.storage.s3_client import client, nothing_there_is_no_error, translated
from tasks.services.storage.s3_refusals import code_of, status_of
from tasks.services.storage.s3_uploads import PART_BYTES, put
from tasks.services.storage.storage_errors import missing
from tasks.services.storage.uris import S3_SCHEME, ObjectInfo

BEYOND_THE_END = 416
# An object that was to be another, or none; or somebody writes it at the same time.
CONDITION_FAILED = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412"}
# S3's limit for one request: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
ONE_REQUEST_BYTES = 5 * 2**30
PIECE_BYTES = 8 * 2**20


@dataclass(frozen=True)
class S3Store:
    """What lies at ``s3://bucket/key``.

    Attributes:
        uri: As ``uris.resolve`` gives it.
        part_bytes: Of an upload in parts, each; what is twice as large is uploaded so.
    """

    uri: str
    part_bytes: int = PART_BYTES

    @property
    def address(self) -> dict[str, str]:
        """Bucket and key, as requests name them."""
        bucket, _, key = self.uri.removeprefix(S3_SCHEME).partition("/")
        return {"Bucket": bucket, "Key": key}

    def list(self) -> list[ObjectInfo]:
        """Every object below the prefix, or the object itself; placeholders of folders are left out."""
        found = list(self.walk())
        if found or not self.address["Key"]:
            return [info for info in found if not info.uri.endswith("/")]
        itself = self.stat()
        if itself is None:
            raise ObjectMissing(f"{self.uri}: no object has this prefix. Check bucket and prefix")
        return [itself]

    def walk(self) -> Iterator[ObjectInfo]:
        """As ``list``, page by page, with placeholders; nothing where nothing is."""
        bucket, key = self.address.values()
        with translated(self.uri, "read"):
            yield from _listed(bucket, f"{key}/" if key else "")

    def siblings(self) -> Sequence[ObjectInfo]:
        """The objects whose keys differ from this one's in their last component alone."""
        bucket, key = self.address.values()
        with translated(self.uri, "read"):
            found = list(_listed(bucket, _folder(key), "/"))
        if not found:
            raise missing(self.uri, "read")
        return [info for info in found if not info.uri.endswith("/")]

    def stat(self) -> ObjectInfo | None:
        """What is at the key; None where nothing is or where it is a prefix."""
        bucket, key = self.address.values()
        with translated(self.uri, "read"), nothing_there_is_no_error():
            if key:
                found = client().head_object(Bucket=bucket, Key=key)
                return _info(bucket, found | {"Key": key, "Size": found["ContentLength"]}, _folder(key))
        return None

    def is_folder(self) -> bool:
        """Whether objects lie below the prefix, or the bucket exists."""
        bucket, key = self.address.values()
        with translated(self.uri, "read"), nothing_there_is_no_error():
            page = client().list_objects_v2(Bucket=bucket, Prefix=f"{key}/" if key else "", MaxKeys=1)
            return not key or bool(page.get("Contents"))
        return False

    def read(self) -> bytes:
        """The whole object."""
        with translated(self.uri, "read"):
            return b"".join(self._content())

    def read_range(self, start: int, length: int, etag: str | None = None) -> bytes:
        """Bytes from ``start``; fewer than ``length`` where the object ends."""
        with translated(self.uri, "read"):
            try:
                return b"".join(self._content(etag, Range=f"bytes={start}-{start + length - 1}"))
            except Exception as error:
                if status_of(error) == BEYOND_THE_END:
                    return b""
                raise

    def write(self, data: bytes) -> None:
        """Write whole or not at all: S3 shows an object only when it is complete."""
        with translated(self.uri, "write"):
            put(self.address, BytesIO(data), len(data), self.part_bytes)

    def upload_if(self, path: Path, etag: str | None) -> bool:
        """Upload a file in place of the object with this ETag, or where none is; False where something else is there.

        Raises:
            OSError: The file cannot be read, or is a link.
        """
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        with regular_file(path) as (file, size_bytes), translated(self.uri, "write"):
            try:
                put(self.address, file, size_bytes, self.part_bytes, **condition)
            except Exception as error:
                if code_of(error) in CONDITION_FAILED:
                    return False
                raise
        return True

    def copy(self, target: str) -> None:
        """Copy an object within S3; nothing there is no error."""
        transfer = importlib.import_module("boto3.s3.transfer")
        # In one request, if that can be: in parts an object would lose what its writer has noted with it.
        config = transfer.TransferConfig(multipart_threshold=ONE_REQUEST_BYTES)
        with translated(target, "write"), nothing_there_is_no_error():
            client().copy(self.address, **S3Store(target).address, Config=config)

    def pieces(self, size_bytes: int) -> Iterator[bytes]:
        """So much of the object, piece by piece."""
        for start in range(0, size_bytes, PIECE_BYTES):
            yield self.read_range(start, PIECE_BYTES)

    def fetch(self, path: Path, etag: str | None = None) -> None:
        """Download to ``path``, whole or not at all."""

        def download(partial: Path) -> None:
            with translated(self.uri, "read", str(path)), partial.open("wb") as file:
                file.writelines(self._content(etag))

        write_atomically(path, download)

    def _content(self, etag: str | None = None, **request: str) -> Iterator[bytes]:
        """What one request answers, in pieces: boto3's own download asks several times."""
        condition = {"IfMatch": f'"{etag}"'} if etag else {}
        with closing(client().get_object(**self.address, **condition, **request)["Body"]) as body:
            yield from body.iter_chunks(PIECE_BYTES)

    def delete(self) -> None:
        """Remove the object; nothing there is no error."""
        with translated(self.uri, "write"):
            client().delete_object(**self.address)


def _folder(key: str) -> str:
    return key[: key.rfind("/") + 1]


def _listed(bucket: str, prefix: str, delimiter: str = "") -> Iterator[ObjectInfo]:
    """The objects whose keys begin so; with a delimiter, without those that have it farther on."""
    pages = client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter=delimiter)
    return (_info(bucket, one, prefix) for page in pages for one in page.get("Contents", []))


def _info(bucket: str, found: Mapping[str, Any], prefix: str) -> ObjectInfo:
    """What S3 tells about an object below a prefix."""
    key, modified = str(found["Key"]), found.get("LastModified")
    etag = str(found.get("ETag", "")).strip('"')
    changed = modified.timestamp() if modified else 0.0
    return ObjectInfo(f"{S3_SCHEME}{bucket}/{key}", key.removeprefix(prefix), int(found["Size"]), etag, changed, etag)
