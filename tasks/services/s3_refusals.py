"""Why S3 refuses a request that is allowed to be made: what is archived, and what its reader has to pay for.

Sources: S3's manual on archived objects (``InvalidObjectState``, ``ObjectNotInActiveTierError``), and on buckets whose
requester pays: a request without ``x-amz-request-payer`` is refused with 403.
"""

import os
from collections.abc import Mapping
from typing import Any

REQUEST_PAYER = "AWS_REQUEST_PAYER"  # GDAL's name for it
REQUESTER = "requester"
ARCHIVED = {"InvalidObjectState", "ObjectNotInActiveTierError"}
FORBIDDEN = {"AccessDenied", "Forbidden", "403"}
ARCHIVES = {
    "GLACIER": "in Glacier",
    "DEEP_ARCHIVE": "in Glacier Deep Archive",
    "ARCHIVE_ACCESS": "in the Archive Access tier of Intelligent-Tiering",
    "DEEP_ARCHIVE_ACCESS": "in the Deep Archive Access tier of Intelligent-Tiering",
}
OTHER_ARCHIVE = "archived (Glacier, Deep Archive, or an archive tier of Intelligent-Tiering)"


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


def payer_hint(response: Mapping[str, Any]) -> str:
    """What else may be the cause of a refusal, besides permissions; empty where it is not."""
    if response.get("Error", {}).get("Code") not in FORBIDDEN or requester_pays():
        return ""
    return f"; if its bucket is 'requester pays', set `requester_pays`, or {REQUEST_PAYER}={REQUESTER}"
