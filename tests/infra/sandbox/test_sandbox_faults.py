"""Each fault that the sandbox can be told to make, as the real clients see it."""

import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError
from cloud import variant
from PIL import Image, UnidentifiedImageError
from processes import wait_until
from sandbox_calls import ARN, MODEL, ONCE, VARIANT, caught, invoke, sagemaker

from infra.sandbox.client import Sandbox, SandboxFailed

TAGS = [{"Key": "project", "Value": "flood-extent"}]
RETRYING = Config(retries={"total_max_attempts": 5, "mode": "standard"})
FAILURES = [
    ("throttling", "ThrottlingException", 400),
    ("unavailable", "ServiceUnavailable", 503),
    ("internal", "InternalFailure", 500),
]


@pytest.fixture
def aws(aws: Sandbox) -> Sandbox:
    """The sandbox with a model ``m`` and a configuration ``c``, and nothing ordered."""
    client = sagemaker()
    client.create_model(ModelName="m", **MODEL)
    client.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[VARIANT])
    aws.forget_requests()
    return aws


def create(name: str = "e", **more: Any) -> None:
    sagemaker().create_endpoint(EndpointName=name, EndpointConfigName="c", **more)


def described() -> dict[str, Any]:
    answer: dict[str, Any] = sagemaker().describe_endpoint(EndpointName="e")
    return answer


@pytest.mark.parametrize(("error", "code", "status"), FAILURES)
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
    [*FAILURES, ("access-denied", "AccessDeniedException", 403), ("body-too-large", "413", 413)],
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
    assert invoke(config=RETRYING)["Body"]
    assert aws.requests()["InvokeEndpoint"] == 3


@pytest.mark.parametrize(
    ("error", "status"), [("model-error-400", 400), ("model-error-500", 500), ("model-timeout", 0)]
)
def test_model_errors_are_not_retried_by_the_client(aws: Sandbox, error: str, status: int) -> None:
    """A ModelError carries the container's status, and botocore leaves it to us."""
    create()
    aws.fault("InvokeEndpoint", error, times=None)
    said = caught(invoke, config=RETRYING)
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
        assert invoke()["Body"]
        assert not patient.done()
        assert patient.result()["Body"]
    aws.fault("InvokeEndpoint", "hang", seconds=3)
    with pytest.raises(ReadTimeoutError):
        invoke(config=Config(retries={"total_max_attempts": 1}, read_timeout=0.5))


def mask() -> Image.Image:
    """What an invocation answers, as another library than ours reads it."""
    return Image.open(io.BytesIO(invoke()["Body"]))


@pytest.mark.parametrize(
    ("error", "mode", "size"),
    [
        ("mask-rgb", "RGB", (64, 48)),
        ("mask-16-bit", "I;16", (64, 48)),
        ("mask-scaled", "L", (64, 48)),
        ("wrong-size", "P", (65, 49)),
    ],
)
def test_a_mask_of_the_wrong_format_or_size(aws: Sandbox, error: str, mode: str, size: tuple[int, int]) -> None:
    """A whole PNG holds colours, wide samples, or greys in place of labels, or more pixels; the next is right."""
    create()
    aws.fault("InvokeEndpoint", error)
    wrong, right = mask(), mask()
    assert (wrong.mode, wrong.size, right.mode, right.size) == (mode, size, "P", (64, 48))


def test_garbage(aws: Sandbox) -> None:
    """The answer claims success and is no image."""
    create()
    aws.fault("InvokeEndpoint", "garbage")
    with pytest.raises(UnidentifiedImageError):
        mask()


NEW: dict[str, Callable[[], object]] = {
    "Model": lambda: sagemaker().create_model(ModelName="new", **MODEL),
    "EndpointConfig": lambda: sagemaker().create_endpoint_config(
        EndpointConfigName="new", ProductionVariants=[VARIANT]
    ),
    "Endpoint": lambda: create("new"),
}
SPOKEN = {"Model": "model", "EndpointConfig": "endpoint configuration", "Endpoint": "endpoint"}
PATHS = {"Model": "model", "EndpointConfig": "endpoint-config", "Endpoint": "endpoint"}


def reads_of(kind: str) -> list[Callable[[], object]]:
    """Every way to read one that is called ``new``, listings excepted."""
    client, arn = sagemaker(), f"{ARN}:{PATHS[kind]}/new"
    reads: list[Callable[[], object]] = [
        lambda: getattr(client, f"describe_{PATHS[kind].replace('-', '_')}")(**{f"{kind}Name": "new"}),
        lambda: client.list_tags(ResourceArn=arn),
        lambda: client.add_tags(ResourceArn=arn, Tags=TAGS),
    ]
    if kind == "Model":
        reads.append(
            lambda: client.create_endpoint_config(EndpointConfigName="on", ProductionVariants=[variant("new")])
        )
    if kind == "EndpointConfig":
        reads.append(lambda: client.create_endpoint(EndpointName="on", EndpointConfigName="new"))
    return reads


@pytest.mark.parametrize("kind", NEW)
def test_what_is_new_is_not_seen_for_so_many_reads(aws: Sandbox, kind: str) -> None:
    """Descriptions, tags, listings and what is built on it answer in AWS's words as if it were not there."""
    reads = reads_of(kind)
    aws.fault(f"Create{kind}", "stale", calls=len(reads) + 1)
    NEW[kind]()
    words = f'Could not find {SPOKEN[kind]} "{ARN}:{PATHS[kind]}/new".'
    assert {caught(read)["Error"]["Message"] for read in reads} == {words}
    listing = f"list_{PATHS[kind].replace('-', '_')}s"
    assert [len(getattr(sagemaker(), listing)(NameContains="new")[f"{kind}s"]) for _ in range(2)] == [0, 1]
    for read in reads:
        read()


def test_what_is_new_and_unseen_is_there_all_the_same(aws: Sandbox) -> None:
    """Its name is taken, it can be deleted, and the sandbox's own controls show it."""
    aws.fault("CreateModel", "stale", seconds=3600)
    NEW["Model"]()
    assert "Cannot create already existing" in caught(NEW["Model"])["Error"]["Message"]
    assert "new" in aws.resources().models
    sagemaker().delete_model(ModelName="new")
    assert "new" not in aws.resources().models


def test_everything_new_may_be_unseen_for_a_while(aws: Sandbox) -> None:
    """A setting hides what is created from then on, for so many seconds."""
    aws.settings(stale_seconds=3600)
    NEW["Model"]()
    assert caught(reads_of("Model")[0])["Error"]["Code"] == "ValidationException"
    aws.settings(stale_seconds=0.1)
    NEW["EndpointConfig"]()
    threading.Event().wait(0.2)
    reads_of("EndpointConfig")[0]()


@pytest.mark.parametrize("number", range(3))
def test_what_was_seen_may_be_missed_again(aws: Sandbox, number: int) -> None:
    """Another copy answers: a single call of any of these finds nothing, and the next one does."""
    NEW["Endpoint"]()
    read = reads_of("Endpoint")[number]
    read()
    aws.fault(["DescribeEndpoint", "ListTags", "AddTags"][number], "stale")
    assert caught(read)["Error"]["Message"] == f'Could not find endpoint "{ARN}:endpoint/new".'
    read()


def test_a_key_is_refused_and_its_absence_is_not(aws: Sandbox) -> None:
    """As AWS did for instances that encrypt a disk of their own."""
    aws.fault("CreateEndpointConfig", "key-refused", times=None)
    client = sagemaker()
    asked = {"EndpointConfigName": "new", "ProductionVariants": [VARIANT]}
    said = caught(client.create_endpoint_config, **asked, KmsKeyId="key-1")["Error"]
    assert (said["Code"], "ml.c5.xlarge" in said["Message"]) == ("ValidationException", True)
    client.create_endpoint_config(**asked)
    assert "new" in aws.resources().configs


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
    assert wait_until(lambda: aws.resources().endpoints["e2"]["status"] != "Creating")
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
    with pytest.raises(SandboxFailed, match="stale can only happen to AddTags, CreateEndpoint"):
        aws.fault("ListModels", "stale")
    with pytest.raises(SandboxFailed, match="no form of masks is called 'tiff'; there are: 16-bit, grey, indexed"):
        aws.settings(masks="tiff")
