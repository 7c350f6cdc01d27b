"""Uploads to S3 that are seen whole or not at all, in memory that does not grow with the object.

Limits of parts: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, BinaryIO

from tasks.services.storage.s3_client import client

PART_BYTES = 16 * 2**20
LARGEST_NUMBER_OF_PARTS = 10_000


def put(target: Mapping[str, str], content: BinaryIO, size_bytes: int, part_bytes: int, **condition: str) -> None:
    """Write an object.

    Args:
        target: Bucket and key.
        content: Read part by part.
        size_bytes: Of all of it.
        part_bytes: Of a part, unless S3 allows too few of them; an object of less than two goes in one request.
        condition: On what is there already: ``IfMatch`` or ``IfNoneMatch``.

    Raises:
        ClientError: boto3's own; nothing of the object is there then, nor is it paid for.
    """
    if size_bytes < 2 * part_bytes:
        client().put_object(**target, Body=content.read(size_bytes), **condition)
        return
    # Not by boto3's own upload in parts, which takes no condition.
    upload = {**target, "UploadId": client().create_multipart_upload(**target)["UploadId"]}
    try:
        parts = _upload(upload, content, max(part_bytes, -(-size_bytes // LARGEST_NUMBER_OF_PARTS)))
        client().complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **condition)
    except BaseException:
        with suppress(Exception):  # whatever stopped the upload; else the bucket's rule for unfinished ones removes it
            client().abort_multipart_upload(**upload)
        raise


def _upload(upload: Mapping[str, str], content: BinaryIO, part_bytes: int) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    while data := content.read(part_bytes):
        number = len(parts) + 1
        answer = client().upload_part(**upload, PartNumber=number, Body=data)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    return parts
