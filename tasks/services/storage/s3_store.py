"""Objects in S3 behind the same few operations as local files, by boto3 (extra ``aws``).

``AWS_ENDPOINT_URL``, credentials and region come from where botocore finds them. It has no variable for the KMS key to
encrypt with, so that comes from ``FLOOD_EXTENT_KMS_KEY``; without it no encryption is asked for: S3 encrypts all the
same, and asking for AES256 would override a bucket's own default of KMS. A key may begin with a slash, hold ``//`` or
``*``, or end in ``?versionId=…``: to S3 these are characters like any other.
"""

import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tasks.core.errors import FloodExtentError, ObjectMissing, UnusableArgument
from tasks.services.storage.local_store import write_atomically
from tasks.services.storage.s3_refusals import REQUESTER, code_of, requester_pays, s3_error, status_of
from tasks.services.storage.storage_errors import FULL, Purpose, local_error, missing
from tasks.services.storage.uris import S3_SCHEME, ObjectInfo

NOT_FOUND, BEYOND_THE_END = 404, 416
# An object that was to be another, or none; or somebody writes it at the same time.
CONDITION_FAILED = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412"}
# S3's limit for one request: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
ONE_REQUEST_BYTES = 5 * 2**30
PIECE_BYTES = 8 * 2**20
CONNECT_SECONDS, READ_SECONDS = 5, 15
KMS_KEY = "FLOOD_EXTENT_KMS_KEY"


@dataclass(frozen=True)
class S3Store:
    """What lies at ``s3://bucket/key``.

    Attributes:
        uri: As ``uris.resolve`` gives it.
        one_request_bytes: What is larger is uploaded in parts of half that.
    """

    uri: str
    one_request_bytes: int = ONE_REQUEST_BYTES

    @property
    def address(self) -> dict[str, str]:
        """Bucket and key, as requests name them."""
        bucket, _, key = self.uri.removeprefix(S3_SCHEME).partition("/")
        return {"Bucket": bucket, "Key": key}

    def list(self) -> list[ObjectInfo]:
        """Every object below the prefix, or the object itself; placeholders of folders are left out."""
        bucket, key = self.address.values()
        with translated(self.uri, "read"):
            found = _listed(bucket, f"{key}/" if key else "")
        if found or not key:
            return [info for info in found if not info.uri.endswith("/")]
        itself = self.stat()
        if itself is None:
            raise ObjectMissing(f"{self.uri}: no object has this prefix. Check bucket and prefix")
        return [itself]

    def siblings(self) -> Sequence[ObjectInfo]:
        """The objects whose keys differ from this one's in their last component alone."""
        bucket, key = self.address.values()
        with translated(self.uri, "read"):
            found = _listed(bucket, _folder(key), "/")
        if not found:
            raise missing(self.uri, "read")
        return [info for info in found if not info.uri.endswith("/")]

    def stat(self) -> ObjectInfo | None:
        """What is at the key; None where nothing is or where it is a prefix."""
        bucket, key = self.address.values()
        with translated(self.uri, "read"), _nothing_there_is_no_error():
            if key:
                found = _client().head_object(Bucket=bucket, Key=key)
                return _info(bucket, found | {"Key": key, "Size": found["ContentLength"]}, _folder(key))
        return None

    def is_folder(self) -> bool:
        """Whether objects lie below the prefix, or the bucket exists."""
        bucket, key = self.address.values()
        with translated(self.uri, "read"), _nothing_there_is_no_error():
            page = _client().list_objects_v2(Bucket=bucket, Prefix=f"{key}/" if key else "", MaxKeys=1)
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
            self._put(data)

    def write_if(self, data: bytes, etag: str | None) -> bool:
        """Write an object in place of the one with this ETag, or where none is; False where something else is there."""
        with translated(self.uri, "write"):
            try:
                self._put(data, **({"IfMatch": etag} if etag else {"IfNoneMatch": "*"}))
            except Exception as error:
                if code_of(error) in CONDITION_FAILED:
                    return False
                raise
        return True

    def _put(self, data: bytes, **condition: str) -> None:
        client, target = _client(), self.address
        if len(data) < self.one_request_bytes:
            client.put_object(**target, Body=data, **condition)
            return
        # Not by boto3's own upload in parts, which takes no condition.
        upload = target | {"UploadId": client.create_multipart_upload(**target)["UploadId"]}
        step, parts = self.one_request_bytes // 2, []
        try:
            for number, start in enumerate(range(0, len(data), step), 1):
                part = client.upload_part(**upload, PartNumber=number, Body=data[start : start + step])
                parts.append({"PartNumber": number, "ETag": part["ETag"]})
            client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **condition)
        except BaseException:
            client.abort_multipart_upload(**upload)
            raise

    def copy(self, target: str) -> None:
        """Copy an object within S3; nothing there is no error."""
        transfer = importlib.import_module("boto3.s3.transfer")
        # In one request, if that can be: in parts an object would lose what its writer has noted with it.
        config = transfer.TransferConfig(multipart_threshold=ONE_REQUEST_BYTES)
        with translated(target, "write"), _nothing_there_is_no_error():
            _client().copy(self.address, **S3Store(target).address, Config=config)

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
        with closing(_client().get_object(**self.address, **condition, **request)["Body"]) as body:
            yield from body.iter_chunks(PIECE_BYTES)

    def delete(self) -> None:
        """Remove the object; nothing there is no error."""
        with translated(self.uri, "write"):
            _client().delete_object(**self.address)


def _folder(key: str) -> str:
    return key[: key.rfind("/") + 1]


def _listed(bucket: str, prefix: str, delimiter: str = "") -> list[ObjectInfo]:
    """The objects whose keys begin so; with a delimiter, without those that have it farther on."""
    pages = _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter=delimiter)
    return [_info(bucket, one, prefix) for page in pages for one in page.get("Contents", [])]


def _info(bucket: str, found: Mapping[str, Any], prefix: str) -> ObjectInfo:
    """What S3 tells about an object below a prefix."""
    key, modified = str(found["Key"]), found.get("LastModified")
    etag = str(found.get("ETag", "")).strip('"')
    changed = modified.timestamp() if modified else 0.0
    return ObjectInfo(f"{S3_SCHEME}{bucket}/{key}", key.removeprefix(prefix), int(found["Size"]), etag, changed, etag)


def _client() -> Any:
    """A client of this process, for one from before a fork must not be used after it, and of what its environment says.

    A cache like that of prefect-aws would hand out a client of another endpoint or other credentials.
    """
    settings = sorted(item for item in os.environ.items() if item[0].startswith("AWS_") or item[0] == KMS_KEY)
    return _connected(os.getpid(), tuple(settings))


@lru_cache(maxsize=4)
def _connected(_process: int, _settings: tuple[tuple[str, str], ...]) -> Any:
    try:
        boto3, config = importlib.import_module("boto3"), importlib.import_module("botocore.config")
    except ImportError as error:
        raise UnusableArgument('s3:// needs the extra "aws": pip install "flood-extent[aws]"') from error
    limits = config.Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        # Threads of a run that talk to S3 at once: botocore's default of 10 connections would make them queue.
        max_pool_connections=32,
        retries={"mode": "standard", "max_attempts": 3},  # the tasks' own policy does the patient waiting
    )
    client = boto3.Session().client("s3", config=limits)
    more = {"RequestPayer": REQUESTER} if requester_pays() else {}
    if key := os.environ.get(KMS_KEY):
        more |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}

    def with_more(params: Mapping[str, Any], model: Any, **_: object) -> dict[str, Any]:
        return {**{key: value for key, value in more.items() if key in model.input_shape.members}, **params}

    client.meta.events.register("provide-client-params.s3", with_more)
    return client


@contextmanager
def _nothing_there_is_no_error() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if status_of(error) != NOT_FOUND:
            raise


@contextmanager
def translated(uri: str, purpose: Purpose, disk: str | None = None) -> Iterator[None]:
    """As ``storage_errors.translated``, for boto3; a full disk while downloading is reported for ``disk``."""
    try:
        yield
    except FloodExtentError:
        raise
    except Exception as error:
        if disk and isinstance(error, OSError) and error.errno in FULL:
            raise local_error(error, disk, "write") from error
        known = s3_error(error, uri, purpose)
        if known is None:
            raise
        raise known from error
