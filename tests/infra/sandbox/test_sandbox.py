"""The sandbox, asked by the real clients: boto3 and sagemaker-core."""

import io
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import numpy as np
import pytest
from cloud import variant
from jpegs import water_and_crops
from PIL import Image
from processes import children, ended
from sandbox_calls import ARN, MODEL, VARIANT, caught, deployed, invoke, refusal, sagemaker

from infra.sandbox.client import REGION, Sandbox, SandboxFailed

pytestmark = pytest.mark.usefixtures("aws")


def status(client: Any, endpoint: str = "e") -> str:
    return str(client.describe_endpoint(EndpointName=endpoint)["EndpointStatus"])


def test_an_endpoint_lives(aws: Sandbox) -> None:
    """Creating without variants, InService with them, Deleting, unknown."""
    aws.settings(creating_seconds=3600, deleting_seconds=3600)
    client = sagemaker()
    deployed(client)
    described = client.describe_endpoint(EndpointName="e")
    assert (described["EndpointStatus"], "ProductionVariants" in described) == ("Creating", False)
    aws.settings(creating_seconds=0)
    deployed(client, "e2", "c2", "m2")
    described = client.describe_endpoint(EndpointName="e2")
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    client.delete_endpoint(EndpointName="e2")
    assert [status(client), status(client, "e2")] == ["Creating", "Deleting"]


def test_a_deleted_endpoint_is_gone(aws: Sandbox) -> None:
    """After the delay SageMaker does not know it any more, and its parts are still there."""
    client = sagemaker()
    deployed(client)
    client.delete_endpoint(EndpointName="e")
    words = f'ValidationException: Could not find endpoint "{ARN}:endpoint/e".'
    assert refusal(client.describe_endpoint, EndpointName="e") == words
    assert refusal(client.delete_endpoint, EndpointName="e") == words
    found = aws.resources()
    assert (list(found.endpoints), list(found.configs), list(found.models)) == ([], ["c"], ["m"])


def test_duplicates_are_refused() -> None:
    """Each kind of resource has its name once."""
    client = sagemaker()
    deployed(client)
    words = "ValidationException: Cannot create already existing"
    assert refusal(client.create_model, ModelName="m", **MODEL) == f'{words} model "{ARN}:model/m".'
    config = {"EndpointConfigName": "c", "ProductionVariants": [VARIANT]}
    assert refusal(client.create_endpoint_config, **config) == (
        f'{words} endpoint configuration "{ARN}:endpoint-config/c".'
    )
    endpoint = {"EndpointName": "e", "EndpointConfigName": "c"}
    assert refusal(client.create_endpoint, **endpoint) == f'{words} endpoint "{ARN}:endpoint/e".'


def test_what_does_not_exist_cannot_be_found() -> None:
    """Every operation on an unknown name says so in AWS's words."""
    client, words = sagemaker(), "ValidationException: Could not find"
    model, config = f'{words} model "{ARN}:model/no".', f'{words} endpoint configuration "{ARN}:endpoint-config/no".'
    assert refusal(client.describe_model, ModelName="no") == model
    assert refusal(client.delete_model, ModelName="no") == model
    assert refusal(client.describe_endpoint_config, EndpointConfigName="no") == config
    assert refusal(client.delete_endpoint_config, EndpointConfigName="no") == config
    assert refusal(client.create_endpoint, EndpointName="e", EndpointConfigName="no") == config
    asked = {"EndpointConfigName": "c", "ProductionVariants": [variant("no")]}
    assert refusal(client.create_endpoint_config, **asked) == model
    assert refusal(client.describe_training_job, TrainingJobName="no") == (
        "ValidationException: Requested resource not found."
    )


def test_changes_in_progress_are_refused(aws: Sandbox) -> None:
    """An endpoint that is being created or deleted takes neither an update nor a deletion."""
    aws.settings(creating_seconds=3600, deleting_seconds=3600)
    client = sagemaker()
    deployed(client)
    words = f'ValidationException: Cannot update in-progress endpoint "{ARN}:endpoint/e".'
    assert refusal(client.delete_endpoint, EndpointName="e") == words
    assert refusal(client.update_endpoint, EndpointName="e", EndpointConfigName="c") == words
    aws.settings(creating_seconds=0)
    deployed(client, "e2", "c2", "m2")
    client.delete_endpoint(EndpointName="e2")
    assert refusal(client.delete_endpoint, EndpointName="e2") == words.replace("endpoint/e", "endpoint/e2")


def test_an_update_changes_the_configuration(aws: Sandbox) -> None:
    """An endpoint is Updating for a while, then serves the other configuration."""
    client = sagemaker()
    deployed(client)
    client.create_endpoint_config(EndpointConfigName="c2", ProductionVariants=[VARIANT])
    aws.settings(creating_seconds=3600)
    client.update_endpoint(EndpointName="e", EndpointConfigName="c2")
    described = client.describe_endpoint(EndpointName="e")
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("Updating", "c2")
    assert invoke()["Body"]


def test_parts_in_use_cannot_be_deleted(aws: Sandbox) -> None:
    """A configuration or model goes only when no endpoint, unless it is going itself, uses it."""
    aws.settings(deleting_seconds=3600)
    client = sagemaker()
    deployed(client)
    assert f'endpoint-config/c": it is in use by endpoint "{ARN}:endpoint/e".' in refusal(
        client.delete_endpoint_config, EndpointConfigName="c"
    )
    assert f'model/m": it is in use by endpoint "{ARN}:endpoint/e".' in refusal(client.delete_model, ModelName="m")
    client.delete_endpoint(EndpointName="e")
    client.delete_model(ModelName="m")
    client.delete_endpoint_config(EndpointConfigName="c")
    assert (aws.resources().configs, aws.resources().models) == ({}, {})


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("e" * 64, {}),
        ("e_1", {}),
        ("e", {"owner": "a, b"}),
        ("e", {"owner": "x" * 257}),
        ("e", {f"key-{index}": "" for index in range(51)}),
    ],
)
def test_names_and_tags_have_limits(name: str, tags: dict[str, str]) -> None:
    """What AWS would refuse for its length or a character is refused here too."""
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    deployed(sagemaker(), "other")
    said = refusal(sagemaker().create_endpoint, EndpointName=name, EndpointConfigName="c", Tags=pairs)
    assert said.startswith("ValidationException: 1 validation error detected: Value ")


def test_names_and_tags_may_fill_their_limits() -> None:
    """A name of 63 characters and a tag that is an address are taken."""
    tags = [{"Key": "owner", "Value": "http://127.0.0.1:4200/api"}, {"Key": "x" * 128, "Value": "y" * 256}]
    deployed(sagemaker(), "other")
    sagemaker().create_endpoint(EndpointName="e" * 63, EndpointConfigName="c", Tags=tags)
    assert sagemaker().list_tags(ResourceArn=f"{ARN}:endpoint/{'e' * 63}")["Tags"] == tags


@pytest.mark.parametrize("kind", ["model", "endpoint-config", "endpoint", "training-job"])
def test_tags_of_what_does_not_exist_are_refused(kind: str) -> None:
    """Moto would fall over; AWS says what is wrong."""
    client, arn = sagemaker(), f"{ARN}:{kind}/no"
    assert refusal(client.list_tags, ResourceArn=arn).startswith("ValidationException: ")
    assert refusal(client.add_tags, ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}]).startswith("ValidationExc")


def test_lists_are_complete_over_pages() -> None:
    """All three lists paginate and filter by name and time."""
    client = sagemaker()
    for index in range(12):
        deployed(client, f"ours-{index}", f"ours-config-{index}", f"ours-model-{index}")
    deployed(client, "theirs", "theirs-config", "theirs-model")
    past = datetime.now(UTC) - timedelta(hours=1)
    for operation, key in (("endpoints", "Endpoints"), ("endpoint_configs", "EndpointConfigs"), ("models", "Models")):
        pages = client.get_paginator(f"list_{operation}").paginate(NameContains="ours", CreationTimeAfter=past)
        found = [[one[f"{key[:-1]}Name"] for one in page[key]] for page in pages]
        assert [len(page) for page in found] == [10, 2]
        assert len({name for page in found for name in page}) == 12
        assert not getattr(client, f"list_{operation}")(CreationTimeBefore=past)[key]


def test_lists_show_the_life_cycle(aws: Sandbox) -> None:
    """A list can be asked for one state, and tells when it began."""
    client = sagemaker()
    deployed(client)
    aws.settings(creating_seconds=3600)
    deployed(client, "e2", "c2", "m2")
    creating = client.list_endpoints(StatusEquals="Creating")["Endpoints"]
    assert [one["EndpointName"] for one in creating] == ["e2"]
    assert creating[0]["LastModifiedTime"] >= creating[0]["CreationTime"]


def test_what_is_empty_is_left_out(aws: Sandbox) -> None:
    """Code that asks ``"VpcConfig" in job`` must see what it would see on AWS."""
    aws.add_training_job("job")
    client = sagemaker()
    deployed(client)
    answers = [
        client.describe_training_job(TrainingJobName="job"),
        client.describe_model(ModelName="m"),
        client.describe_endpoint_config(EndpointConfigName="c"),
        client.describe_endpoint(EndpointName="e"),
    ]
    assert [key for answer in answers for key, value in answer.items() if value in (None, {}, [])] == []
    assert client.list_tags(ResourceArn=f"{ARN}:endpoint/e")["Tags"] == []


def test_an_invocation_is_answered_by_the_model() -> None:
    """The mask is indexed, has the image's size and says water where the water is."""
    deployed(sagemaker())
    answer = invoke()
    image = Image.open(io.BytesIO(answer["Body"]))
    mask = np.asarray(image)
    assert (answer["ContentType"], image.mode) == ("image/png", "P")
    np.testing.assert_array_equal(mask[:, :28], 1)
    np.testing.assert_array_equal(mask[:, 36:], 0)


def test_only_an_endpoint_in_service_is_asked(aws: Sandbox) -> None:
    """Unknown, Creating and Deleting look the same to whoever invokes."""
    client = sagemaker()
    words = "ValidationError: Endpoint e of account 123456789012 not found."
    assert refusal(invoke) == words
    aws.settings(creating_seconds=3600, deleting_seconds=3600)
    deployed(client)
    assert refusal(invoke) == words
    aws.settings(creating_seconds=0)
    deployed(client, "e2", "c2", "m2")
    client.delete_endpoint(EndpointName="e2")
    assert refusal(invoke, "e2") == words.replace(" e ", " e2 ")


def test_what_the_container_refuses_is_a_model_error() -> None:
    """AWS wraps a container's answer: its status and words are members of the error."""
    deployed(sagemaker())
    said = caught(invoke, Body=b"text")
    assert (said["Error"]["Code"], said["ResponseMetadata"]["HTTPStatusCode"]) == ("ModelError", 424)
    assert (said["OriginalStatusCode"], said["OriginalMessage"].startswith("not a whole JPEG")) == (400, True)
    assert said["LogStreamArn"] == "arn:aws:logs:us-east-1:123456789012:log-group:/aws/sagemaker/Endpoints/e"
    assert 'Received client error (400) from primary with message "not a whole JPEG' in said["Error"]["Message"]


def test_a_content_type_reaches_the_container() -> None:
    """A wrong content type is refused by the container itself."""
    deployed(sagemaker())
    words = refusal(invoke, ContentType="image/tiff")
    assert "415" in words
    assert "image/tiff" in words


def test_a_large_body_is_refused(aws: Sandbox) -> None:
    """The limit is SageMaker's own and can be lowered; the client hears the answer though it was still sending."""
    deployed(sagemaker())
    words = refusal(invoke, Body=bytes(6 * 1024 * 1024 + 1))
    assert words == "413: HTTP content length exceeded 6291456 bytes."
    aws.settings(max_body_bytes=100)
    assert refusal(invoke, Body=bytes(101)).startswith("413: ")


def test_requests_above_the_capacity_are_throttled(aws: Sandbox) -> None:
    """An endpoint has a rate, and AWS's own words for what goes above it."""
    aws.settings(per_second=1)
    deployed(sagemaker())
    assert invoke()["Body"]
    assert refusal(lambda: [invoke() for _ in range(4)]) == "ThrottlingException: Rate exceeded"


def test_the_sdk_works(aws: Sandbox) -> None:
    """The resource layer of SageMaker's SDK deploys and finds an endpoint through the environment alone."""
    from sagemaker.core import resources, shapes  # noqa: PLC0415 - takes seconds

    aws.add_training_job("job")
    job = resources.TrainingJob.get("job")
    assert job is not None
    container = shapes.ContainerDefinition(
        image=job.algorithm_specification.training_image, model_data_url=job.model_artifacts.s3_model_artifacts
    )
    tags = [shapes.Tag(key="project", value="flood-extent")]
    resources.Model.create("m", primary_container=container, execution_role_arn=job.role_arn, tags=tags)
    variant = shapes.ProductionVariant(
        variant_name="AllTraffic", model_name="m", instance_type="ml.c5.xlarge", initial_instance_count=1
    )
    resources.EndpointConfig.create("c", [variant], tags=tags)
    endpoint = resources.Endpoint.create("e", "c", tags=tags)
    assert endpoint is not None
    endpoint.wait_for_status("InService", poll=1, timeout=60)
    found = aws.resources()
    its = {"status": "InService", "config": "c", "instances": [1]}
    assert found.endpoints["e"] == its | {"tags": {"project": "flood-extent"}}
    assert found.models["m"]["tags"] == found.configs["c"]["tags"] == {"project": "flood-extent"}
    assert resources.Endpoint.get("e").endpoint_status == "InService"


def test_objects_are_encrypted_at_rest() -> None:
    """Every object says how, whichever way it was written; an explicit key stays."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="bucket")
    assert s3.put_object(Bucket="bucket", Key="plain", Body=b"1")["ServerSideEncryption"] == "AES256"
    s3.put_object(Bucket="bucket", Key="key", Body=b"1", ServerSideEncryption="aws:kms", SSEKMSKeyId="k")
    upload = s3.create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
    part = s3.upload_part(Bucket="bucket", Key="parts", PartNumber=1, UploadId=upload, Body=b"1")
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    s3.complete_multipart_upload(Bucket="bucket", Key="parts", UploadId=upload, MultipartUpload=parts)
    kinds = [s3.head_object(Bucket="bucket", Key=key)["ServerSideEncryption"] for key in ("plain", "key", "parts")]
    assert kinds == ["AES256", "aws:kms", "AES256"]


def test_other_services_answer() -> None:
    """A stack can be made, and STS knows who asks."""
    assert boto3.client("sts").get_caller_identity()["Account"] == "123456789012"
    template = '{"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "of-stack"}}}}'
    boto3.client("cloudformation").create_stack(StackName="stack", TemplateBody=template)
    assert [one["Name"] for one in boto3.client("s3").list_buckets()["Buckets"]] == ["of-stack"]


def test_requests_are_counted_by_operation(aws: Sandbox) -> None:
    """Retries show in the counts, and counting can start anew."""
    boto3.client("s3").create_bucket(Bucket="bucket")
    boto3.client("s3").put_object(Bucket="bucket", Key="k", Body=b"1")
    deployed(sagemaker())
    counted = ("CreateBucket", "PutObject", "CreateModel", "CreateEndpointConfig", "CreateEndpoint")
    assert aws.requests() == dict.fromkeys(counted, 1)
    aws.forget_requests()
    assert aws.requests() == {}


def test_a_reset_leaves_nothing(aws: Sandbox) -> None:
    """One test's buckets, endpoints, settings and counts are not the next one's."""
    boto3.client("s3").create_bucket(Bucket="bucket")
    deployed(sagemaker())
    aws.settings(max_body_bytes=1)
    aws.reset()
    assert (boto3.client("s3").list_buckets()["Buckets"], aws.resources().endpoints) == ([], {})
    aws.settings(creating_seconds=0)
    deployed(sagemaker())
    assert invoke()["Body"]


def test_regions_are_apart(aws: Sandbox) -> None:
    """A name exists in its region only."""
    client = boto3.client("sagemaker", region_name="ap-southeast-2")
    deployed(client)
    assert client.describe_endpoint(EndpointName="e")["EndpointArn"].split(":")[3] == "ap-southeast-2"
    assert refusal(sagemaker().describe_endpoint, EndpointName="e").startswith("ValidationException: Could not find")
    assert list(aws.resources().endpoints) == ["e"]


def test_a_control_that_does_not_exist_is_refused(aws: Sandbox) -> None:
    """A misspelt setting is said, not ignored."""
    with pytest.raises(SandboxFailed, match='no such setting: creating_second"'):
        aws.settings(creating_second=1)
    assert httpx.get(f"{aws.url}/_sandbox/nonsense").status_code == 404


def test_a_sandbox_that_cannot_start_says_why(tmp_path: Path) -> None:
    """A missing model is refused before anything runs, with the reason in the message."""
    with pytest.raises(SandboxFailed, match=r"status 64.*nothing\.onnx"):
        Sandbox.start(tmp_path / "log", model="nothing.onnx")


def test_the_command_prints_what_to_export(tmp_path: Path) -> None:
    """Started by hand, it says how to reach it, has the training job asked for, and ends at SIGTERM with status 0."""
    announce = tmp_path / "port"
    options = ["--announce", str(announce), "--training-job", "by-hand", "--stale-seconds", "3600", "--masks", "grey"]
    command = [sys.executable, "-m", "infra.sandbox", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline().strip() for _ in range(5)]
            exported = dict(line.removeprefix("export ").split("=", 1) for line in lines)
            session = boto3.session.Session("testing", "testing", region_name=REGION)
            client = session.client("sagemaker", endpoint_url=exported["AWS_ENDPOINT_URL"])
            job = client.describe_training_job(TrainingJobName="by-hand")
            set_now = httpx.post(f"{exported['AWS_ENDPOINT_URL']}/_sandbox/settings", json={}, trust_env=False).json()
        finally:
            process.send_signal(signal.SIGTERM)
    assert (job["TrainingJobStatus"], process.returncode) == ("Completed", 0)
    assert (set_now["stale_seconds"], set_now["masks"]) == (3600, "grey")
    assert exported["AWS_ENDPOINT_URL"].endswith(announce.read_text())


def test_the_sandbox_and_its_model_end_with_their_parent(tmp_path: Path) -> None:
    """SIGKILL of the process that started it leaves neither the sandbox nor its model server behind."""
    program = (
        "from pathlib import Path; from infra.sandbox.client import Sandbox; import sys, time\n"
        "one = Sandbox.start(Path(sys.argv[1])); print(one.child.pid, one.url, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, url = parent.stdout.readline().split()
        try:
            session = boto3.session.Session("testing", "testing", region_name=REGION)
            Sandbox(url).settings(creating_seconds=0)
            deployed(session.client("sagemaker", endpoint_url=url))
            client = session.client("sagemaker-runtime", endpoint_url=url)
            client.invoke_endpoint(EndpointName="e", Body=water_and_crops(), ContentType="image/jpeg")
            family = [int(pid), *children(int(pid))]
        finally:
            os.kill(parent.pid, signal.SIGKILL)
    assert len(family) == 2
    assert all(ended(one) for one in family)
