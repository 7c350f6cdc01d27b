"""The client of S3 that a process has, and how its errors become ours; by boto3 (extra ``aws``).

``AWS_ENDPOINT_URL``, credentials and region come from where botocore finds them. It has no variable for the KMS key to
encrypt with, so that comes from ``FLOOD_EXTENT_KMS_KEY``; without it no encryption is asked for: S3 encrypts all the
same, and asking for AES256 would override a bucket's own default of KMS.
"""

import importlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from tasks.core.errors import FloodExtentError, UnusableArgument
from tasks.services.storage.s3_refusals import REQUESTER, requester_pays, s3_error, status_of
from tasks.services.storage.storage_errors import FULL, Purpose, local_error

NOT_FOUND = 404
CONNECT_SECONDS, READ_SECONDS = 5, 15
# Of a request: botocore waits between them for a random part of 1, 2 and 4 s (its mode ``standard``), and spends no
# more on retries than a budget that all requests of a client share. Tasks do the patient waiting.
ATTEMPTS = 4
# More than tiles are in flight: what does not fit pays for a new connection each time. None is opened before its use.
CONNECTIONS = 256
KMS_KEY = "FLOOD_EXTENT_KMS_KEY"


def client() -> Any:
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
        max_pool_connections=CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    made = boto3.Session().client("s3", config=limits)
    more = {"RequestPayer": REQUESTER} if requester_pays() else {}
    if key := os.environ.get(KMS_KEY):
        more |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}

    def with_more(params: Mapping[str, Any], model: Any, **_: object) -> dict[str, Any]:
        return {**{key: value for key, value in more.items() if key in model.input_shape.members}, **params}

    made.meta.events.register("provide-client-params.s3", with_more)
    return made


@contextmanager
def nothing_there_is_no_error() -> Iterator[None]:
    """Swallow S3's answer that there is no such bucket or key."""
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
