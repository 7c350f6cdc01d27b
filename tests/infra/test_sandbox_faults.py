"""Each fault that the sandbox can be told to make, as the real clients see it."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import cv2
import numpy as np
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from infra.sandbox.client import IMAGE, Sandbox, SandboxFailed

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
ROLE = "arn:aws:iam::123456789012:role/execution"
ONCE = Config(retries={"total_max_attempts": 1}, read_timeout=30)
TAGS = [{"Key": "project", "Value": "flood-extent"}]
VARIANT = {
    "VariantName": "AllTraffic",
    "ModelName": "m",
    "InstanceType": "ml.c5.xlarge",
    "InitialInstanceCount": 1,
    "InitialVariantWeight": 1.0,
}


@pytest.fixture
def aws(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox with a model ``m`` and a configuration ``c``, and nothing ordered."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in sandbox.environment.items():
        monkeypatch.setenv(name, value)
    sandbox.settings(creating_seconds=0, deleting_seconds=0)
    client = sagemaker()
    client.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    client.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[VARIANT])
    sandbox.forget_requests()
    return sandbox


def sagemaker(config: Config = ONCE) -> Any:
    return boto3.client("sagemaker", config=config)


def create(name: str = "e", **more: Any) -> None:
    sagemaker().create_endpoint(EndpointName=name, EndpointConfigName="c", **more)


def invoke(config: Config = ONCE) -> bytes:
    nrg = np.full((48, 64, 3), (90, 80, 170), np.uint8)
    body = cv2.imencode(".jpg", nrg)[1].tobytes()
    client = boto3.client("sagemaker-runtime", config=config)
    answer = client.invoke_endpoint(EndpointName="e", Body=body, ContentType="image/jpeg", Accept="image/png")
    return bytes(answer["Body"].read())


def caught(ask: Callable[..., object], **parameters: Any) -> dict[str, Any]:
    """What the client's error holds."""
    with pytest.raises(ClientError) as error:
        ask(**parameters)
    response: dict[str, Any] = error.value.response
    return response


def described() -> dict[str, Any]:
    answer: dict[str, Any] = sagemaker().describe_endpoint(EndpointName="e")
    return answer


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        ("throttling", "ThrottlingException", 400),
        ("unavailable", "ServiceUnavailable", 503),
        ("internal", "InternalFailure", 500),
    ],
)
def test_calls_fail_as_often_as_ordered(aws: Sandbox, error: str, code: str, status: int) -> None:
    """The ordered number of calls fails with AWS's code, and has no effect; the next one works."""
    aws.fault("CreateEndpoint", error)
    said = caught(create)
    assert (said["Error"]["Code"], said["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert aws.resources().endpoints == {}
    create()
    assert described()["EndpointStatus"] == "InService"


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        ("throttling", "ThrottlingException", 400),
        ("unavailable", "ServiceUnavailable", 503),
        ("internal", "InternalFailure", 500),
        ("access-denied", "AccessDeniedException", 403),
        ("body-too-large", "413", 413),
    ],
)
def test_invocations_fail_as_ordered(aws: Sandbox, error: str, code: str, status: int) -> None:
    """The runtime speaks another protocol than SageMaker itself; its errors have their code too."""
    create()
    aws.fault("InvokeEndpoint", error)
    said = caught(invoke)
    assert (said["Error"]["Code"], said["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert said["Error"]["Message"]


def test_the_clients_own_retries_see_transient_errors(aws: Sandbox) -> None:
    """The SDK retries these by itself; each attempt is counted."""
    create()
    for error in ("throttling", "unavailable"):
        aws.fault("InvokeEndpoint", error)
    assert invoke(Config(retries={"total_max_attempts": 5, "mode": "standard"}))
    assert aws.requests()["InvokeEndpoint"] == 3


@pytest.mark.parametrize(
    ("error", "status"), [("model-error-400", 400), ("model-error-500", 500), ("model-timeout", 0)]
)
def test_model_errors_are_not_retried_by_the_client(aws: Sandbox, error: str, status: int) -> None:
    """A ModelError carries the container's status, and botocore leaves it to us."""
    create()
    aws.fault("InvokeEndpoint", error, times=None)
    said = caught(invoke, config=Config(retries={"total_max_attempts": 5, "mode": "standard"}))
    assert (said["Error"]["Code"], said["OriginalStatusCode"]) == ("ModelError", status)
    assert aws.requests()["InvokeEndpoint"] == 1


def test_a_hang_outlasts_the_client(aws: Sandbox) -> None:
    """A call that hangs is answered too late for a client that waits less; others are not held up."""
    create()
    aws.fault("InvokeEndpoint", "hang", seconds=3)
    with ThreadPoolExecutor(1) as pool:
        patient = pool.submit(invoke)
        while not aws.requests().get("InvokeEndpoint"):
            threading.Event().wait(0.01)
        assert invoke()
        assert not patient.done()
        assert patient.result()
    aws.fault("InvokeEndpoint", "hang", seconds=3)
    with pytest.raises(ReadTimeoutError):
        invoke(Config(retries={"total_max_attempts": 1}, read_timeout=0.5))


def test_a_mask_of_the_wrong_size(aws: Sandbox) -> None:
    """The answer is a whole PNG mask, but not the image's size."""
    create()
    aws.fault("InvokeEndpoint", "wrong-size")
    shapes = [cv2.imdecode(np.frombuffer(invoke(), np.uint8), cv2.IMREAD_UNCHANGED).shape for _ in range(2)]
    assert shapes == [(49, 65), (48, 64)]


def test_garbage(aws: Sandbox) -> None:
    """The answer claims success and is no image."""
    create()
    aws.fault("InvokeEndpoint", "garbage")
    assert cv2.imdecode(np.frombuffer(invoke(), np.uint8), cv2.IMREAD_UNCHANGED) is None


def test_no_capacity(aws: Sandbox) -> None:
    """CreateEndpoint is accepted; then the endpoint fails for want of instances, and can be deleted."""
    aws.fault("CreateEndpoint", "capacity")
    create()
    found = described()
    assert found["EndpointStatus"] == "Failed"
    assert "InsufficientInstanceCapacity" in found["FailureReason"]
    sagemaker().delete_endpoint(EndpointName="e")
    assert aws.resources().endpoints == {}


def test_a_container_that_never_gets_healthy(aws: Sandbox) -> None:
    """The endpoint is Creating first, then Failed with another reason."""
    aws.settings(creating_seconds=0.5)
    aws.fault("CreateEndpoint", "goes-failed")
    create()
    assert described()["EndpointStatus"] == "Creating"
    while described()["EndpointStatus"] == "Creating":
        threading.Event().wait(0.05)
    assert "did not pass the ping health check" in described()["FailureReason"]


def test_a_creation_that_never_ends(aws: Sandbox) -> None:
    """It cannot be deleted either, unless an end was ordered."""
    aws.fault("CreateEndpoint", "stays-creating")
    aws.fault("CreateEndpoint", "stays-creating", seconds=0.01)
    create()
    create("e2")
    assert described()["EndpointStatus"] == "Creating"
    said = caught(sagemaker().delete_endpoint, EndpointName="e")
    assert said["Error"]["Message"] == f'Cannot update in-progress endpoint "{ARN}:endpoint/e".'
    assert aws.resources().endpoints["e2"]["status"] == "Failed"


def test_the_accounts_limit(aws: Sandbox) -> None:
    """An instance type that the account may not use is refused at once, in AWS's words."""
    aws.fault("CreateEndpoint", "resource-limit")
    said = caught(create)
    assert said["Error"]["Code"] == "ResourceLimitExceeded"
    assert said["Error"]["Message"].startswith("The account-level service limit 'ml.c5.xlarge for endpoint usage' is 0")
    assert aws.resources().endpoints == {}


def test_access_denied(aws: Sandbox) -> None:
    """The error names who may not do what to which resource."""
    aws.fault("DeleteEndpointConfig", "access-denied")
    said = caught(sagemaker().delete_endpoint_config, EndpointConfigName="c")["Error"]
    assert said["Code"] == "AccessDeniedException"
    assert (
        f"is not authorized to perform: sagemaker:DeleteEndpointConfig on resource: {ARN}:endpoint-config/c "
        "because no identity-based policy allows the sagemaker:DeleteEndpointConfig action"
    ) in said["Message"]
    assert list(aws.resources().configs) == ["c"]


def test_who_may_not_tag_may_not_create_with_tags(aws: Sandbox) -> None:
    """AddTags denied strikes creations that carry tags, and only these."""
    aws.fault("AddTags", "access-denied", times=None)
    said = caught(create, Tags=TAGS)["Error"]
    assert said["Code"] == "AccessDeniedException"
    assert f"perform: sagemaker:AddTags on resource: {ARN}:endpoint/e" in said["Message"]
    create()
    said = caught(sagemaker().add_tags, ResourceArn=f"{ARN}:endpoint/e", Tags=TAGS)["Error"]
    assert "perform: sagemaker:AddTags" in said["Message"]
    assert aws.resources().endpoints["e"]["tags"] == {}


@pytest.mark.parametrize("operation", ["CreateEndpoint", "DeleteModel"])
def test_a_call_can_take_effect_and_still_fail(aws: Sandbox, operation: str) -> None:
    """The answer says 500 and the thing is done: what a creation without a handle looks like."""
    aws.fault(operation, "after-effect-500")
    ask = create if operation == "CreateEndpoint" else lambda: sagemaker().delete_model(ModelName="m")
    assert caught(ask)["ResponseMetadata"]["HTTPStatusCode"] == 500
    found = aws.resources()
    assert (list(found.endpoints), list(found.models)) == (
        (["e"], ["m"]) if operation == "CreateEndpoint" else ([], [])
    )


def test_rules_choose_their_calls(aws: Sandbox) -> None:
    """Calls about other names pass, as do the first ``after`` ones."""
    aws.fault("CreateEndpoint", "internal", after=1, name_contains="ours")
    create("ours-1")
    create("theirs-1")
    caught(create, name="ours-2")
    create("ours-2")
    assert sorted(aws.resources().endpoints) == ["ours-1", "ours-2", "theirs-1"]


def test_everything_of_sagemaker_can_fail_until_cleared(aws: Sandbox) -> None:
    """``*`` for ever strikes SageMaker and its runtime, not S3, and ends when it is cleared."""
    create()
    aws.fault("*", "unavailable", times=None)
    for ask in (sagemaker().list_models, invoke, described):
        assert caught(ask)["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert boto3.client("s3").list_buckets()["Buckets"] == []
    aws.clear_faults()
    assert described()["EndpointStatus"] == "InService"


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        ("unavailable", "ServiceUnavailable", 503),
        ("throttling", "SlowDown", 503),
        ("access-denied", "AccessDenied", 403),
        ("internal", "InternalError", 500),
    ],
)
@pytest.mark.parametrize("operation", ["GetObject", "PutObject"])
def test_s3_fails_as_ordered(aws: Sandbox, operation: str, error: str, code: str, status: int) -> None:
    """Reading and writing fail with S3's codes, for the keys that were named."""
    s3 = boto3.client("s3", config=ONCE)
    s3.create_bucket(Bucket="bucket")
    for key in ("a b/ü.jp2", "other"):
        s3.put_object(Bucket="bucket", Key=key, Body=b"1")
    aws.fault(operation, error, name_contains="bucket/a b/ü")
    body = {"Body": bytes(3_000_000)} if operation == "PutObject" else {}
    ask = s3.put_object if operation == "PutObject" else s3.get_object
    ask(Bucket="bucket", Key="other", **body)
    said = caught(ask, Bucket="bucket", Key="a b/ü.jp2", **body)
    assert (said["Error"]["Code"], said["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert s3.get_object(Bucket="bucket", Key="a b/ü.jp2")["Body"].read() == b"1"


def test_a_denied_object_is_named(aws: Sandbox) -> None:
    """The words of S3's refusal name the object and the permission."""
    aws.fault("GetObject", "access-denied")
    s3 = boto3.client("s3", config=ONCE)
    said = caught(s3.get_object, Bucket="bucket", Key="k<&>")["Error"]["Message"]
    assert 's3:GetObject on resource: "arn:aws:s3:::bucket/k<&>"' in said


def test_an_order_that_makes_no_sense_is_refused(aws: Sandbox) -> None:
    """A misspelt fault is an error of the test, not a fault that never comes."""
    with pytest.raises(SandboxFailed, match="no error is called 'throttle'"):
        aws.fault("InvokeEndpoint", "throttle")
    with pytest.raises(SandboxFailed, match="garbage can only happen to InvokeEndpoint"):
        aws.fault("DescribeEndpoint", "garbage")
