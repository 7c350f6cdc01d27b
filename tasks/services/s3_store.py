"""Objects in S3 behind the same few operations as local files, by fsspec's ``s3fs`` (extra ``aws``).

``AWS_ENDPOINT_URL``, credentials and region come from where botocore finds them. It has no variable for the KMS key to
encrypt with, so that comes from ``FLOOD_EXTENT_KMS_KEY``; without it no encryption is asked for: S3 encrypts all the
same, and asking for AES256 would override a bucket's own default of KMS. Never through ``get``, ``put`` or ``rm`` of
fsspec: these take ``[`` and ``*`` in a name for patterns.
"""

import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from tasks.core.errors import FloodExtentError, ObjectMissing, StorageUnavailable, UnusableArgument
from tasks.core.redaction import redact
from tasks.services import s3_keys
from tasks.services.local_store import write_atomically
from tasks.services.objects import S3_SCHEME, ObjectInfo
from tasks.services.s3_refusals import ARCHIVED, archive_refusal, payer_hint, requester_pays
from tasks.services.storage_errors import FULL, Purpose, changed_since_listed, local_error, missing, no_bucket, refused

BEYOND_THE_END = 416
ANOTHER_ETAG = 412
PIECE_BYTES = 1 << 20
THROTTLED = {
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "RequestTimeout",
    "RequestLimitExceeded",
    "OperationAborted",
}
# An object that was to be another, or none; or somebody writes it at the same time.
CONDITION_FAILED = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412"}
# S3's limit for one request: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
ONE_REQUEST_BYTES = 5 * 2**30
PIECE_BYTES = 8 * 2**20
KMS_KEY = "FLOOD_EXTENT_KMS_KEY"

Settings = tuple[tuple[str, str], ...]


class S3Store:
    """Objects in S3. URIs are ``s3://bucket/key``."""

    def list(self, uri: str) -> list[ObjectInfo]:
        """Every object below the prefix, or the object itself; placeholders of folders are left out."""
        bucket, key = s3_keys.split(uri)
        with translated(uri, "read"):
            found = _listed(bucket, s3_keys.below(uri))
        if found or not key:
            return [info for info in found if not info.uri.endswith("/")]
        itself = self.stat(uri)
        if itself is None:
            raise ObjectMissing(f"{uri}: no object has this prefix. Check bucket and prefix")
        return [itself]

    def siblings(self, uri: str) -> Sequence[ObjectInfo]:
        """The objects whose keys differ from this one's in their last component alone."""
        bucket, key = s3_keys.split(uri)
        folder = key[: key.rfind("/") + 1]
        with translated(uri, "read"):
            found = _listed(bucket, folder, "/")
        if not found:
            raise missing(uri, "read")
        return [info for info in found if not info.uri.endswith("/")]

    def stat(self, uri: str) -> ObjectInfo | None:
        """What is at the key; None where nothing is or where it is a prefix."""
        bucket, key = s3_keys.split(uri)
        with translated(uri, "read"):
            found = s3_keys.head(_filesystem(), uri)
        return None if found is None else _info(bucket, found, key[: key.rfind("/") + 1])

    def is_folder(self, uri: str) -> bool:
        """Whether objects lie below the prefix, or the bucket exists."""
        with translated(uri, "read"):
            try:
                return s3_keys.has_any(_filesystem(), s3_keys.split(uri)[0], s3_keys.below(uri))
            except FileNotFoundError:
                return False

    def read(self, uri: str) -> bytes:
        """The whole object."""
        with translated(uri, "read"):
            return bytes(_filesystem().cat_file(_path(uri)))

    def read_range(self, uri: str, start: int, length: int, etag: str | None = None) -> bytes:
        """Bytes from ``start``; fewer than ``length`` where the object ends."""
        with translated(uri, "read"):
            try:
                return b"".join(_content(uri, etag, Range=f"bytes={start}-{start + length - 1}"))
            except OSError as error:
                if _status(error) == BEYOND_THE_END:
                    return b""
                raise

    def write(self, uri: str, data: bytes) -> None:
        """Write whole or not at all: S3 shows an object only when it is complete."""
        with translated(uri, "write"):
            _filesystem().pipe_file(_path(uri), data)

    def write_if(self, uri: str, data: bytes, etag: str | None) -> bool:
        """Write an object in place of the one with this ETag, or where none is; False where something else is there."""
        path, is_one_request = _path(uri), len(data) < ONE_REQUEST_BYTES
        if not is_one_request and etag is not None:  # S3 has no such condition for what is uploaded in parts
            found = self.stat(uri)
            if found is None or found.etag != etag:
                return False
        condition = {"mode": "create"} if etag is None else {"IfMatch": etag} if is_one_request else {}
        with translated(uri, "write"):
            try:
                _filesystem().pipe_file(path, data, chunksize=ONE_REQUEST_BYTES // 2, **condition)
            except Exception as error:
                if _code(error) in CONDITION_FAILED or isinstance(error, FileExistsError):
                    return False
                raise
        return True

    def copy(self, uri: str, target: str) -> None:
        """Copy an object within S3; nothing there is no error."""
        with translated(target, "write"), suppress(FileNotFoundError):
            _filesystem().cp_file(_path(uri), _path(target))

    def pieces(self, info: ObjectInfo) -> Iterator[bytes]:
        """The content of an object that was listed, piece by piece."""
        for start in range(0, info.size_bytes, PIECE_BYTES):
            yield self.read_range(info.uri, start, PIECE_BYTES)

    def fetch(self, uri: str, path: Path, etag: str | None = None) -> None:
        """Download to ``path``, whole or not at all."""

        def download(partial: Path) -> None:
            with translated(uri, "read", str(path)), partial.open("wb") as file:
                file.writelines(_content(uri, etag))

        write_atomically(path, download)

    def delete(self, uri: str) -> None:
        """Remove the object; nothing there is no error."""
        with translated(uri, "write"):
            _filesystem().rm_file(_path(uri))


def _content(uri: str, etag: str | None, **request: str) -> Iterator[bytes]:
    """What one request answers, in pieces: s3fs's own ways ask several times, and may mix an object with its successor.

    Args:
        uri: The object.
        etag: That it must have; None: any.
        request: More of the request.
    """
    filesystem, sync = _filesystem(), importlib.import_module("fsspec.asyn").sync
    bucket, key = s3_keys.split(uri)
    condition = {"IfMatch": f'"{etag}"'} if etag else {}
    body = filesystem.call_s3("get_object", Bucket=bucket, Key=key, **condition, **request)["Body"]
    try:
        while piece := sync(filesystem.loop, body.read, PIECE_BYTES):
            yield bytes(piece)
    finally:
        body.close()


def _path(uri: str) -> str:
    return uri.removeprefix(S3_SCHEME)


def _listed(bucket: str, prefix: str, delimiter: str = "") -> list[ObjectInfo]:
    return [_info(bucket, one, prefix) for one in s3_keys.contents(_filesystem(), bucket, prefix, delimiter)]


def _info(bucket: str, found: Mapping[str, Any], prefix: str) -> ObjectInfo:
    """What S3 tells about an object below a prefix."""
    key, modified = str(found["Key"]), found.get("LastModified")
    etag = str(found.get("ETag", "")).strip('"')
    changed = modified.timestamp() if modified else 0.0
    return ObjectInfo(f"{S3_SCHEME}{bucket}/{key}", key.removeprefix(prefix), int(found["Size"]), etag, changed, etag)


def settings() -> Settings:
    """The part of the environment that decides how S3 is reached: what a client of S3 is kept under.

    fsspec's own cache, like that of prefect-aws, would hand out a client of another endpoint or other credentials.
    """
    return tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_") or item[0] == KMS_KEY))


def encryption() -> dict[str, str]:
    """What a request that makes an object says of its encryption; nothing without a KMS key."""
    key = os.environ.get(KMS_KEY)
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}


def connecting() -> dict[str, Any]:
    """How clients of S3 connect, as botocore's ``Config`` takes it; a new one each time, for botocore changes it."""
    # Threads of a run that talk to S3 at once: botocore's default of 10 connections would make them queue. Two layers
    # retry below ours (botocore requests, s3fs bodies); the tasks' own policy does the patient waiting.
    return {"max_pool_connections": 32, "retries": {"mode": "standard", "max_attempts": 3}}


def _filesystem() -> Any:
    return _connected(os.getpid(), settings())  # the process: a client made before a fork must not be used after it


@lru_cache(maxsize=4)
def _connected(_process: int, _settings: Settings) -> Any:
    try:
        s3fs = importlib.import_module("s3fs")
    except ImportError as error:
        raise UnusableArgument('s3:// needs the extra "aws": pip install "flood-extent[aws]"') from error
    filesystem = s3fs.S3FileSystem(
        use_listings_cache=False,
        skip_instance_cache=True,
        config_kwargs=connecting(),
        s3_additional_kwargs=encryption(),
        requester_pays=requester_pays(),
    )
    filesystem.split_path = s3_keys.split_path
    filesystem.retries = 2
    return filesystem


@contextmanager
def translated(uri: str, purpose: Purpose, disk: str | None = None) -> Iterator[None]:
    """As ``storage_errors.translated``, for s3fs and boto3; a full disk while downloading is reported for ``disk``."""
    try:
        yield
    except FloodExtentError:
        raise
    except Exception as error:
        if disk and isinstance(error, OSError) and error.errno in FULL:
            raise local_error(error, disk, "write") from error
        known = _s3_error(error, uri, purpose)
        if known is None:
            raise
        raise known from error


def _s3_error(error: Exception, uri: str, purpose: Purpose) -> FloodExtentError | None:
    response, status, code = _response(error), _status(error), _code(error)
    error = _as_s3fs(error)
    if status == ANOTHER_ETAG:
        return changed_since_listed(uri)
    if status >= 500 or code.removeprefix("KMS.") in THROTTLED or _is_connection(error):  # noqa: PLR2004 - HTTP's server errors
        return StorageUnavailable(f"{uri}: S3 does not answer just now ({_words(error)})")
    if isinstance(error, FileNotFoundError):
        return missing(uri, "read") if purpose == "read" else no_bucket(uri)
    if isinstance(error, PermissionError) or code in ARCHIVED:
        return _refused(uri, purpose, error, response)
    if isinstance(error, OSError | ValueError | importlib.import_module("botocore.exceptions").BotoCoreError):
        return UnusableArgument(f"{uri}: S3 refuses this ({_words(error)}). Check bucket, key, region and credentials")
    return None


def _refused(uri: str, purpose: Purpose, error: Exception, response: Mapping[str, Any]) -> FloodExtentError:
    if (archived := archive_refusal(uri, response)) is not None:
        return ObjectMissing(archived)
    return refused(uri, purpose, _words(error), payer_hint(response) if purpose == "read" else "")


def _as_s3fs(error: Exception) -> Exception:
    """An error of boto3 as s3fs would have raised it: by kind, as Python's own."""
    if not isinstance(error, importlib.import_module("botocore.exceptions").ClientError):
        return error
    kind: Exception = importlib.import_module("s3fs.errors").translate_boto_error(error)
    return kind


def _is_connection(error: Exception) -> bool:
    exceptions = importlib.import_module("botocore.exceptions")
    broken = exceptions.HTTPClientError | exceptions.ConnectionError | importlib.import_module("aiohttp").ClientError
    return isinstance(error, ConnectionError | TimeoutError | broken)


def _response(error: BaseException) -> dict[str, Any]:
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return response
    return {}


def _code(error: BaseException) -> str:
    return str(_response(error).get("Error", {}).get("Code", ""))


def _status(error: BaseException) -> int:
    return int(_response(error).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _words(error: Exception) -> str:
    return redact(str(error)) or type(error).__name__
