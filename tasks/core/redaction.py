"""Keeps credentials out of what is written for people."""

import re
from typing import Any

HIDDEN = "***"
# user:password@ in a URI. Secrets of AWS hold slashes, so after a colon that starts no port everything up to @ goes.
USERINFO = re.compile(r"(?<=://)(?:[^\s/@:]+:(?!\d+(?:/|$))[^\s@]*|[^\s/@]+)@")
SECRET_QUERY = re.compile(
    r"(?i)([?&](?:x-amz-(?:signature|credential|security-token)|[\w-]*(?:token|secret|password|signature|sig|key))=)[^&\s]+"
)
SECRET_NAME = re.compile(r"(?i)password|secret|token|credential")


def redact(value: Any) -> Any:
    """A copy of JSON-like values without userinfo in URIs, signatures in queries, and values named like secrets."""
    if isinstance(value, str):
        return SECRET_QUERY.sub(rf"\g<1>{HIDDEN}", USERINFO.sub("", value))
    if isinstance(value, dict):
        return {
            key: HIDDEN if SECRET_NAME.search(str(key)) and isinstance(item, str) else redact(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return value
