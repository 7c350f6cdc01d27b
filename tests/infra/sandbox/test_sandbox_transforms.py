"""Transform jobs of the sandbox, asked by boto3: their states, what they write, and what is refused."""

import time
from typing import Any

import boto3
import pytest
from jpegs import water_and_crops
from sandbox_calls import ARN, MODEL, caught, refusal, sagemaker

from infra.sandbox.client import Sandbox
from tasks.core.masks import png_masks

pytestmark = pytest.mark.usefixtures("aws")
ENDED = ("Completed", "Failed", "Stopped")
SECONDS = 60


def created(name: str = "t", **changes: Any) -> Any:
    """Create a job, whose model and inputs are made for it; boto3's client."""
    client, s3 = sagemaker(), boto3.client("s3")
    s3.create_bucket(Bucket="frames")
    for key in ("in/a/1.jpg", "in/2.jpg"):
        s3.put_object(Bucket="frames", Key=key, Body=water_and_crops())
    if not client.list_models()["Models"]:
        client.create_model(ModelName="m", **MODEL)
    client.create_transform_job(**request(name) | changes)
    return client


def request(name: str = "t") -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://frames/in/"}
    return {
        "TransformJobName": name,
        "ModelName": "m",
        "TransformInput": {"DataSource": {"S3DataSource": source}, "ContentType": "image/jpeg"},
        "TransformOutput": {"S3OutputPath": "s3://frames/out", "Accept": "image/png"},
        "TransformResources": {"InstanceType": "ml.c5.xlarge", "InstanceCount": 1},
    }


def ended(client: Any, name: str = "t") -> dict[str, Any]:
    """What is said of a job when it has ended."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        described: dict[str, Any] = client.describe_transform_job(TransformJobName=name)
        if described["TransformJobStatus"] in ENDED:
            return described
        time.sleep(0.02)
    raise AssertionError(f"{name} does not end")


def written() -> set[str]:
    found = boto3.client("s3").list_objects_v2(Bucket="frames", Prefix="out/").get("Contents", ())
    return {one["Key"] for one in found}


def test_a_job_answers_each_object(aws: Sandbox) -> None:
    """InProgress without times, then Completed with them; a label mask of its size stands beside each input's name."""
    aws.settings(creating_seconds=0.3)
    client = created()
    first = client.describe_transform_job(TransformJobName="t")
    assert (first["TransformJobStatus"], "TransformEndTime" in first, "FailureReason" in first) == (
        "InProgress",
        False,
        False,
    )
    last = ended(client)
    assert (last["TransformJobStatus"], last["TransformStartTime"] <= last["TransformEndTime"]) == ("Completed", True)
    assert written() == {"out/a/1.jpg.out", "out/2.jpg.out"}
    mask = boto3.client("s3").get_object(Bucket="frames", Key="out/2.jpg.out")["Body"].read()
    assert png_masks.decode(mask, "answer").shape == (48, 64)


def test_what_cannot_be_answered_fails_the_job_alone() -> None:
    """The others' answers are there, as AWS documents it."""
    boto3.client("s3").create_bucket(Bucket="frames")
    boto3.client("s3").put_object(Bucket="frames", Key="in/broken.jpg", Body=b"no JPEG")
    last = ended(created())
    assert (last["TransformJobStatus"], "See job logs" in last["FailureReason"]) == ("Failed", True)
    assert written() == {"out/a/1.jpg.out", "out/2.jpg.out"}


@pytest.mark.parametrize(
    ("kind", "uri", "output"),
    [
        ("S3Prefix", "s3://nobodys/in/", "s3://frames/out"),
        ("ManifestFile", "s3://nobodys/list.manifest", "s3://frames/out"),
        ("ManifestFile", "s3://frames/elsewhere.manifest", "s3://frames/out"),
        ("S3Prefix", "s3://frames/in/", "s3://nobodys/out"),
    ],
    ids=["input", "manifest", "listed", "output"],
)
def test_a_bucket_that_is_not_there_fails_the_job(kind: str, uri: str, output: str) -> None:
    """It ends all the same, and says why."""
    client = created("first")
    listed = b'[{"prefix": "s3://nobodys/"}, "a.jpg"]'
    boto3.client("s3").put_object(Bucket="frames", Key="elsewhere.manifest", Body=listed)
    asked = request()
    asked["TransformInput"]["DataSource"]["S3DataSource"] = {"S3DataType": kind, "S3Uri": uri}
    asked["TransformOutput"]["S3OutputPath"] = output
    client.create_transform_job(**asked)
    last = ended(client)
    assert (last["TransformJobStatus"], "ClientError" in last["FailureReason"]) == ("Failed", True)


def test_a_job_that_is_stopped_leaves_no_answers(aws: Sandbox) -> None:
    """Stopping, then Stopped; it is refused to stop what has ended, and its name is taken for good."""
    aws.settings(creating_seconds=3600, deleting_seconds=0.3)
    client = created()
    client.stop_transform_job(TransformJobName="t")
    assert client.describe_transform_job(TransformJobName="t")["TransformJobStatus"] == "Stopping"
    assert (ended(client)["TransformJobStatus"], written()) == ("Stopped", set())
    assert "is in status Stopped" in refusal(client.stop_transform_job, TransformJobName="t")
    assert caught(client.create_transform_job, **request())["Error"]["Code"] == "ResourceInUse"


def test_what_a_job_is_made_of_is_checked(aws: Sandbox) -> None:
    """A model that is not there, more than 100 MB at once; and a model in use stays."""
    aws.settings(creating_seconds=3600)
    client = created()
    words = refusal(client.create_transform_job, **request("u") | {"ModelName": "none"})
    assert f'Could not find model "{ARN}:model/none"' in words
    too_much = request("u") | {"MaxPayloadInMB": 20, "MaxConcurrentTransforms": 6}
    assert "cannot exceed 100 MB" in refusal(client.create_transform_job, **too_much)
    words = refusal(client.delete_model, ModelName="m")
    assert f'in use by transform job "{ARN}:transform-job/t"' in words
    assert "Could not find requested job" in refusal(client.describe_transform_job, TransformJobName="u")


def test_jobs_are_listed_by_status_and_name(aws: Sandbox) -> None:
    """Those that have ended stay in the list."""
    client = created("ended-1")
    ended(client, "ended-1")
    aws.settings(creating_seconds=3600)
    created("going-1")
    listed = {
        status: [one["TransformJobName"] for one in found["TransformJobSummaries"]]
        for status in ("Completed", "InProgress")
        for found in [client.list_transform_jobs(StatusEquals=status, NameContains="-1")]
    }
    assert listed == {"Completed": ["ended-1"], "InProgress": ["going-1"]}
    assert {name: one["status"] for name, one in aws.resources().transforms.items()} == {
        "ended-1": "Completed",
        "going-1": "InProgress",
    }
