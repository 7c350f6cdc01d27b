"""Encryption of what is written to S3: a KMS key where one is given, the bucket's own default where none is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tasks.core.errors import ObjectMissing, StorageUnavailable, UnusableArgument
from tasks.runtime.log_file import log_file
from tasks.services import storage
from tasks.services.publishing import publishing
from tasks.services.storage import s3_client, s3_store

KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_KEY = "alias/other"
MIB = 2**20
SECRET_TEXT = "signed with aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # noqa: S105 - AWS's example


def encryption_of(uri: str) -> tuple[str | None, str | None]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    head = boto3.client("s3").head_object(Bucket=bucket, Key=key)
    return head.get("ServerSideEncryption"), head.get("SSEKMSKeyId")


def publish(folder: Path, destination: str) -> None:
    (folder / "tiles").mkdir(parents=True)
    (folder / "tiles" / "a.shp").write_bytes(b"shape")
    (folder / "run.json").write_text(json.dumps({"dataset": "d"}))
    publishing.publish(folder, destination)


def write_log(destination: str) -> None:
    with log_file(destination, "flood_extent", "1"):
        pass


WRITERS: list[Callable[[str, Path], Any]] = [
    lambda place, _: storage.write_bytes(f"{place}/small", b"x"),
    lambda place, _: s3_store.S3Store(f"{place}/in parts", 5 * MIB).write(bytes(11 * MIB)),
    lambda place, folder: publish(folder / "product", f"{place}/maps/d"),
    lambda place, _: write_log(f"{place}/logs"),
]
NAMES = ["small", "parts", "product", "log"]


@pytest.mark.parametrize("write", WRITERS, ids=NAMES)
def test_everything_written_asks_for_the_key(
    s3_bucket: str, aws_settings: pytest.MonkeyPatch, tmp_path: Path, write: Callable[[str, Path], Any]
) -> None:
    """Whatever way an object takes to S3, in one piece or in parts, it is encrypted with the run's KMS key."""
    aws_settings.setenv(s3_client.KMS_KEY, KEY)
    write(s3_bucket, tmp_path)
    written = storage.list_objects(s3_bucket)
    assert written
    assert {encryption_of(info.uri) for info in written} == {("aws:kms", KEY)}


def test_without_a_key_the_buckets_default_holds(s3_bucket: str) -> None:
    """A bucket that encrypts with a KMS key of its own keeps doing so: nothing that is asked for overrides it."""
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": OTHER_KEY}}
    boto3.client("s3").put_bucket_encryption(
        Bucket=storage.name(s3_bucket), ServerSideEncryptionConfiguration={"Rules": [rule]}
    )
    storage.write_bytes(f"{s3_bucket}/x", b"x")
    assert {encryption_of(info.uri) for info in storage.list_objects(s3_bucket)} == {("aws:kms", OTHER_KEY)}


def test_another_key_is_used_at_once(s3_bucket: str, aws_settings: pytest.MonkeyPatch) -> None:
    """No client that was made for one key writes for a run with another."""
    for key in (KEY, OTHER_KEY):
        aws_settings.setenv(s3_client.KMS_KEY, key)
        storage.write_bytes(f"{s3_bucket}/{key[-5:]}", b"x")
        assert encryption_of(f"{s3_bucket}/{key[-5:]}") == ("aws:kms", key)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("NoSuchKey", 404, ObjectMissing),
        ("AccessDenied", 403, ObjectMissing),
        ("SlowDown", 503, StorageUnavailable),
        ("KMS.ThrottlingException", 400, StorageUnavailable),
        ("KMS.NotFoundException", 400, UnusableArgument),
    ],
)
def test_errors_of_boto3_are_those_of_storage(code: str, status: int, kind: type[Exception]) -> None:
    """What a task retries, and what nobody needs to."""
    answer = {"Error": {"Code": code, "Message": "told to"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(kind, match="s3://b/k: "), s3_client.translated("s3://b/k", "read"):
        raise ClientError(answer, "GetObject")  # type: ignore[arg-type]


def test_no_message_carries_a_credential() -> None:
    """What S3 quotes of a request in its answer is shown without what signs it."""
    answer = {
        "Error": {"Code": "SignatureDoesNotMatch", "Message": SECRET_TEXT},
        "ResponseMetadata": {"HTTPStatusCode": 403},
    }
    with pytest.raises(ObjectMissing) as raised, s3_client.translated("s3://b/k", "read"):
        raise ClientError(answer, "GetObject")  # type: ignore[arg-type]
    assert "signed with" in str(raised.value)
    assert "EXAMPLEKEY" not in str(raised.value)
