"""Deleting many objects of S3, up to 1,000 a request.

Keys that are not there count as deleted: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html. The
requests follow one another, for each counts as so many deletions against the 3,500 a second that a prefix takes.
"""

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from tasks.core.errors import OutputRefused, StorageUnavailable
from tasks.services.storage.s3_client import client, translated
from tasks.services.storage.s3_refusals import THROTTLED
from tasks.services.storage.storage_errors import refused
from tasks.services.storage.uris import S3_SCHEME

KEYS_A_REQUEST = 1000
PASSES = {"InternalError", "ServiceUnavailable", *THROTTLED}
ROUNDS, PAUSE_SECONDS = 4, 1.0


def delete_all(uris: Iterable[str]) -> int:
    """Remove objects of one bucket; how many were named.

    Raises:
        OutputRefused: One may not be removed; others were.
        StorageUnavailable: S3 keeps refusing some for a reason that passes.
    """
    count = 0
    for batch in _batches(iter(uris), KEYS_A_REQUEST):
        _delete(batch)
        count += len(batch)
    return count


def _batches(uris: Iterator[str], size: int) -> Iterator[list[str]]:
    while batch := list(islice(uris, size)):
        yield batch


def _delete(uris: Sequence[str]) -> None:
    bucket = uris[0].removeprefix(S3_SCHEME).partition("/")[0]
    left, place = list(uris), f"{S3_SCHEME}{bucket}/"
    for number in range(ROUNDS):
        keys = [{"Key": uri.removeprefix(place)} for uri in left]
        with translated(place, "write"):
            answer = client().delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
        errors = answer.get("Errors", ())
        left = [place + str(error["Key"]) for error in errors]
        if not left:
            return
        _check(place, errors)
        time.sleep(random.uniform(0, PAUSE_SECONDS * 2**number))  # noqa: S311 - so that clients do not go in step
    raise StorageUnavailable(f"{left[0]}: S3 does not delete it just now, nor {len(left) - 1:,} others")


def _check(place: str, errors: Sequence[dict[str, Any]]) -> None:
    """Refuse to go on where trying again does not help."""
    for error in errors:
        code, uri = str(error.get("Code", "")), place + str(error["Key"])
        if code == "AccessDenied":
            raise refused(uri, "write", str(error.get("Message", code)))
        if code not in PASSES:
            raise OutputRefused(f"{uri}: S3 does not delete it ({code}: {error.get('Message', '')})")
