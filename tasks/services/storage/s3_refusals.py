"""S3's errors, mapped once to ours; among them what is archived, and what its reader has to pay for.

Sources: S3's manual on archived objects (``InvalidObjectState``, ``ObjectNotInActiveTierError``), and on buckets whose
requester pays: a request without ``x-amz-request-payer`` is refused with 403.
"""

import importlib
import os
from collections.abc import Mapping
from typing import Any

from tasks.core.errors import FloodExtentError, ObjectMissing, OutputRefused, StorageUnavailable, UnusableArgument
from tasks.core.redaction import redact
from tasks.services.storage.storage_errors import Purpose, changed_since_listed, missing, refused

REQUEST_PAYER = "AWS_REQUEST_PAYER"  # GDAL's name for it
REQUESTER = "requester"
ARCHIVED = {"InvalidObjectState", "ObjectNotInActiveTierError"}
FORBIDDEN = {"AccessDenied", "Forbidden", "403"}
DENIED, MISSING, ANOTHER_ETAG, SERVER_ERROR = 403, 404, 412, 500
EXPIRED = {"ExpiredToken"}  # with status 400
THROTTLED = {
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "RequestTimeout",
    "RequestLimitExceeded",
    "OperationAborted",
}
ARCHIVES = {
    "GLACIER": "in Glacier",
    "DEEP_ARCHIVE": "in Glacier Deep Archive",
    "ARCHIVE_ACCESS": "in the Archive Access tier of Intelligent-Tiering",
    "DEEP_ARCHIVE_ACCESS": "in the Deep Archive Access tier of Intelligent-Tiering",
}
OTHER_ARCHIVE = "archived (Glacier, Deep Archive, or an archive tier of Intelligent-Tiering)"

PAYER_HINT = f"; if its bucket is 'requester pays', set `requester_pays`, or {REQUEST_PAYER}={REQUESTER}"
# A bucket is never made, which needs a region and a policy.
NO_BUCKET = "{}: cannot be written: the bucket does not exist. Create it or choose another"


def requester_pays() -> bool:
    """Whether this process has agreed to pay for what it reads in other people's buckets."""
    return os.environ.get(REQUEST_PAYER, "").lower() == REQUESTER


def archive_refusal(uri: str, response: Mapping[str, Any]) -> str | None:
    """For a person, where S3 does not give an object because it is archived; None where that is not the reason."""
    error = response.get("Error", {})
    if error.get("Code") not in ARCHIVED:
        return None
    # An object of Intelligent-Tiering is in a tier; of any other storage class, there is none.
    named = [response.get(field) or error.get(field) for field in ("AccessTier", "StorageClass")]
    where = next((ARCHIVES[name] for name in named if name in ARCHIVES), OTHER_ARCHIVE)
    return f"{uri}: is {where}: restore it first (aws s3api restore-object), and run again when it is restored"


def s3_error(error: Exception, uri: str, purpose: Purpose) -> FloodExtentError | None:
    """The error of the tree that stands for one of boto3's; None where it is none of S3 or of the connection."""
    botocore = importlib.import_module("botocore.exceptions")
    silent = botocore.HTTPClientError, botocore.IncompleteReadError, botocore.ConnectionError
    status, code = status_of(error), code_of(error)
    if status == ANOTHER_ETAG:
        return changed_since_listed(uri)
    passes = status >= SERVER_ERROR or code.removeprefix("KMS.") in THROTTLED
    if passes or isinstance(error, (*silent, ConnectionError, TimeoutError)):
        return StorageUnavailable(f"{uri}: S3 does not answer just now ({_text(error)})")
    if status == MISSING:
        return missing(uri, "read") if purpose == "read" else OutputRefused(NO_BUCKET.format(uri))
    if status == DENIED or code in ARCHIVED or code in EXPIRED:
        archived = archive_refusal(uri, _response(error))
        may_have_to_pay = purpose == "read" and code in FORBIDDEN and not requester_pays()
        hint = PAYER_HINT if may_have_to_pay else ""
        return ObjectMissing(archived) if archived else refused(uri, purpose, _text(error), hint)
    if isinstance(error, OSError | ValueError | botocore.BotoCoreError | botocore.ClientError):
        return UnusableArgument(f"{uri}: S3 refuses this ({_text(error)}). Check bucket, key, region and credentials")
    return None


def _response(error: BaseException) -> Mapping[str, Any]:
    return getattr(error, "response", None) or {}  # None where a connection broke off


def code_of(error: BaseException) -> str:
    """S3's code of an error; empty where it has none."""
    return str(_response(error).get("Error", {}).get("Code", ""))


def status_of(error: BaseException) -> int:
    """The HTTP status of S3's answer; 0 where there is none."""
    return int(_response(error).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _text(error: Exception) -> str:
    return redact(_response(error).get("Error", {}).get("Message") or str(error)) or type(error).__name__
