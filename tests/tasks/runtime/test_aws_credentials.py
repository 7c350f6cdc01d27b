"""A Prefect block's credentials, as all AWS clients of a run see them, and what was there before, afterwards."""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_aws.credentials import AwsCredentials

from tasks.core.errors import UnusableArgument
from tasks.runtime.aws_credentials import aws_access
from tasks.services import storage
from tasks.services.storage import s3_client
from tasks.services.storage.s3_refusals import requester_pays

KEYS = {"aws_access_key_id": "block-key", "aws_secret_access_key": "block-secret"}
CONFIG = """
[profile surveyor]
aws_access_key_id = profile-key
aws_secret_access_key = profile-secret
region = eu-central-1
[profile other]
aws_access_key_id = other-key
aws_secret_access_key = other-secret
"""
CHILD = """
import json, boto3
session = boto3.Session()
print(json.dumps([*session.get_credentials().get_frozen_credentials()[:3], session.region_name]))
"""

Saved = Callable[..., str]


@pytest.fixture(autouse=True)
def _own_aws(aws_settings: pytest.MonkeyPatch, tmp_path: Path, prefect_api: str) -> None:  # noqa: ARG001 - the server's settings
    (tmp_path / "config").write_text(CONFIG)
    aws_settings.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    aws_settings.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.fixture
def saved() -> Saved:
    """Saves an ``AwsCredentials`` block with the fields that it is given and returns its name."""

    def save(**fields: Any) -> str:
        name = f"flood-{uuid4().hex}"
        AwsCredentials(**fields).save(name)
        return name

    return save


def seen_by(session: Any) -> list[str | None]:
    """Whose requests a boto3 session signs, and for which region."""
    return [*session.get_credentials().get_frozen_credentials()[:3], session.region_name]


AMBIENT = ["ambient", "ambient-secret", None, "us-east-1"]
BLOCKS = [
    KEYS,
    {**KEYS, "region_name": "ap-southeast-2"},
    {**KEYS, "aws_session_token": "block-token"},
    {"profile_name": "surveyor"},
    {"profile_name": "surveyor", "region_name": "ap-southeast-2"},
    {**KEYS, "profile_name": "surveyor"},
    {"region_name": "ap-southeast-2"},
    {**KEYS, "aws_client_parameters": {"verify": True, "use_ssl": True}},
]
LEFTOVERS = {
    "AWS_SESSION_TOKEN": "old-token",
    "AWS_SECURITY_TOKEN": "older-token",
    "AWS_PROFILE": "other",
    "AWS_DEFAULT_PROFILE": "other",
    "AWS_REGION": "us-west-1",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere",
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/pod",
}


@pytest.mark.parametrize("fields", BLOCKS)
def test_a_session_is_that_of_the_block(saved: Saved, fields: dict[str, Any]) -> None:
    """A plain boto3 session in this process and in a child is the one that the block itself would make."""
    name = saved(**fields)
    wanted = seen_by(AwsCredentials(**fields).get_boto3_session())
    with aws_access(name, None):
        child = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
        assert seen_by(boto3.Session()) == wanted
        assert json.loads(child.stdout) == wanted


@pytest.mark.parametrize("fields", BLOCKS[:5])
def test_nothing_of_other_credentials_is_mixed_in(
    saved: Saved, fields: dict[str, Any], aws_settings: pytest.MonkeyPatch
) -> None:
    """A session token, a profile or a pod's role of the environment neither joins nor beats what the block says."""
    name, wanted = saved(**fields), AwsCredentials(**fields).get_boto3_session()
    expected = seen_by(wanted)[:3]
    for variable, value in LEFTOVERS.items():
        aws_settings.setenv(variable, value)
    with aws_access(name, None):
        assert seen_by(boto3.Session())[:3] == expected
    assert {variable: os.environ[variable] for variable in LEFTOVERS} == LEFTOVERS


def test_sessions_that_libraries_keep_change_and_change_back(saved: Saved, aws_settings: pytest.MonkeyPatch) -> None:
    """boto3's default session and the SageMaker SDK's client are the block's within, and the old ones afterwards."""
    from sagemaker.core.utils.utils import SageMakerClient  # noqa: PLC0415 - takes seconds

    aws_settings.setattr(boto3, "DEFAULT_SESSION", None)
    boto3.setup_default_session()
    before = boto3.DEFAULT_SESSION
    assert seen_by(SageMakerClient().session) == AMBIENT
    with aws_access(saved(**KEYS), None):
        boto3.client("sts")
        assert seen_by(boto3.DEFAULT_SESSION)[0] == seen_by(SageMakerClient().session)[0] == "block-key"
    assert boto3.DEFAULT_SESSION is before
    assert seen_by(SageMakerClient().session) == AMBIENT


def test_storage_signs_as_the_block(saved: Saved, s3_bucket: str) -> None:
    """Storage that has been used with other credentials signs with those of the block, then with the old."""

    def signer() -> str:
        storage.write_bytes(f"{s3_bucket}/x", b"x")
        return str(s3_client.client()._request_signer._credentials.access_key)

    assert signer() == "ambient"
    with aws_access(saved(**KEYS), None):
        assert signer() == "block-key"
    assert signer() == "ambient"


def test_the_key_holds_as_long_as_the_block(s3_bucket: str, aws_settings: pytest.MonkeyPatch) -> None:
    """What is written within is encrypted with the run's key; afterwards, with that of the environment."""
    aws_settings.setenv(s3_client.KMS_KEY, "alias/environment")
    for name in ("before", "within", "after"):
        with aws_access(None, "alias/run" if name == "within" else None):
            storage.write_bytes(f"{s3_bucket}/{name}", b"x")
    client = boto3.Session().client("s3")
    heads = [client.head_object(Bucket=storage.name(s3_bucket), Key=name) for name in ("before", "within", "after")]
    assert [head["SSEKMSKeyId"] for head in heads] == ["alias/environment", "alias/run", "alias/environment"]


@pytest.mark.parametrize("block", [True, False])
def test_an_exception_restores_the_environment_too(saved: Saved, block: bool) -> None:
    """Whatever ends the run, nothing of the block stays behind in the process."""
    before, within = dict(os.environ), {}
    with suppress(KeyboardInterrupt), aws_access(saved(**KEYS) if block else None, "alias/run"):
        within = dict(os.environ)
        raise KeyboardInterrupt
    assert dict(os.environ) == before
    assert within != before


def test_without_block_and_key_nothing_changes() -> None:
    """The default chain is left alone, and no server is asked."""
    before = dict(os.environ)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}), aws_access(None, None):
        assert dict(os.environ) == before


def test_a_hook_may_use_what_the_flow_still_holds(saved: Saved) -> None:
    """Who asks for the same credentials meanwhile shares them, and does not take them from the others at its end."""
    name = saved(**KEYS)
    with aws_access(name, "alias/run"):
        for key in ("alias/run", None):
            with aws_access(name, key):
                assert seen_by(boto3.Session())[0] == "block-key"
        assert seen_by(boto3.Session())[0] == "block-key"
    assert seen_by(boto3.Session()) == AMBIENT


def test_two_runs_with_different_credentials_do_not_mix(saved: Saved) -> None:
    """A process has one environment: a second run with other credentials is refused, and the first keeps its own."""
    first, second = saved(**KEYS), saved(region_name="eu-west-1")
    with aws_access(first, None):
        with pytest.raises(UnusableArgument, match="process of its own"), aws_access(second, None):
            pass
        assert seen_by(boto3.Session())[0] == "block-key"


REFUSED = [
    ({**KEYS, "aws_client_parameters": {"endpoint_url": "http://127.0.0.1:1"}}, "set AWS_ENDPOINT_URL"),
    ({**KEYS, "aws_client_parameters": {"config": {"read_timeout": 1}, "verify": False}}, "verify, config"),
    ({**KEYS, "assume_role_arn": "arn:aws:iam::123456789012:role/flow"}, "put role_arn"),
    ({"aws_access_key_id": "block-key"}, "without the other"),
    ({"profile_name": "nobody"}, r"profile \(nobody\)"),
]


@pytest.mark.parametrize(("fields", "said"), REFUSED)
def test_what_cannot_reach_every_client_is_refused(saved: Saved, fields: dict[str, Any], said: str) -> None:
    """A block that would work for some clients only is named, with what to do, and nothing of it is used."""
    name, before = saved(**fields), dict(os.environ)
    with pytest.raises(UnusableArgument, match=f"{name}.*{said}") as raised, aws_access(name, None):
        pass
    assert "block-secret" not in str(raised.value)
    assert dict(os.environ) == before


def test_a_block_that_does_not_exist_is_named() -> None:
    """A typing error in the block's name says which name, and how to see those that there are."""
    with (
        pytest.raises(UnusableArgument, match=r"'no-such-block' does not exist.*`prefect block"),
        aws_access("no-such-block", None),
    ):
        pass


def test_a_block_that_does_not_fit_its_type_is_not_quoted(saved: Saved) -> None:
    """What pydantic says of a broken block holds the block's values: only the block's name is told."""
    name = saved(**KEYS)
    with get_client(sync_client=True) as client:
        document = client.read_block_document_by_name(name, "aws-credentials")
        broken = {**document.data, "aws_secret_access_key": {"pasted": "block-secret"}}
        client.request(
            "PATCH",
            "/block_documents/{id}",
            path_params={"id": document.id},
            json={"data": broken, "merge_existing_data": False},
        )
    with pytest.raises(UnusableArgument, match=f"{name}' does not fit its type") as raised, aws_access(name, None):
        pass
    assert "block-secret" not in "".join(traceback.format_exception(raised.value))


def test_a_server_that_does_not_answer_is_told_apart() -> None:
    """Where the server cannot be asked, the block may well be there: the address of the server is to be checked."""
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:1/api"}),
        pytest.raises(UnusableArgument, match=r"'flood' cannot be asked for.*PREFECT_API_URL.*`prefect block"),
        aws_access("flood", None),
    ):
        pass


def test_a_block_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A core installation names the extra instead of a missing module."""
    monkeypatch.setitem(sys.modules, "prefect_aws.credentials", None)
    with pytest.raises(UnusableArgument, match=r"flood-extent\[aws\]"), aws_access("flood", None):
        pass


def test_an_agreement_to_pay_ends_with_the_run(aws_settings: pytest.MonkeyPatch) -> None:
    """Clients made within agree; those made afterwards agree to nothing."""
    aws_settings.delenv("AWS_REQUEST_PAYER", raising=False)
    with aws_access(None, None, requester_pays=True):
        within = requester_pays()
    assert (within, requester_pays()) == (True, False)
