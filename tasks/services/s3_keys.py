"""Requests to S3 by exact keys, through ``s3fs``.

A key may begin with a slash, hold ``//`` or end in ``?versionId=…``: to S3 these are characters like any other, while
``s3fs`` makes folders and versions of them. So objects are looked up and listed by S3's own requests.
"""

from collections.abc import Iterator
from typing import Any

from tasks.services.objects import S3_SCHEME


def split(uri: str) -> tuple[str, str]:
    """Bucket and key."""
    bucket, _, key = uri.removeprefix(S3_SCHEME).partition("/")
    return bucket, key


def split_path(path: str) -> tuple[str, str, None]:
    """As ``S3FileSystem.split_path``: bucket, key, and that no version is meant."""
    return *split(path), None


def below(uri: str) -> str:
    """What the keys below a prefix begin with."""
    key = split(uri)[1]
    return f"{key}/" if key else ""


def head(filesystem: Any, uri: str) -> dict[str, Any] | None:
    """What S3 answers of an object; None where there is none."""
    bucket, key = split(uri)
    if not key:
        return None
    try:
        answer: dict[str, Any] = filesystem.call_s3("head_object", Bucket=bucket, Key=key)
    except FileNotFoundError:
        return None
    return answer | {"Key": key, "Size": answer["ContentLength"]}


def contents(filesystem: Any, bucket: str, prefix: str, delimiter: str = "") -> Iterator[dict[str, Any]]:
    """What S3 lists of objects whose keys begin so; with a delimiter, not of those that have it farther on."""
    request = {"Bucket": bucket, "Prefix": prefix, "Delimiter": delimiter}
    while True:
        page = filesystem.call_s3("list_objects_v2", **request)
        yield from page.get("Contents", [])
        if not page.get("IsTruncated"):
            return
        request["ContinuationToken"] = page["NextContinuationToken"]


def has_any(filesystem: Any, bucket: str, prefix: str) -> bool:
    """Whether an object's key begins so; of a whole bucket, whether it is there."""
    page = filesystem.call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=1)
    return not prefix or bool(page.get("Contents"))
