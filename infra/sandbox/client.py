"""The sandbox from the outside: start it, order faults, see what exists. Imports neither moto nor boto3 by itself."""

import gzip
import importlib.util
import json
import os
import ssl
import sys
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx

from tasks.services import child_process

REGION = "us-east-1"
# The built-in semantic segmentation algorithm in us-east-1.
IMAGE = f"811284229777.dkr.ecr.{REGION}.amazonaws.com/semantic-segmentation:1"
TRAINING_BUCKET = "sandbox-training"
EMPTY_ARCHIVE = gzip.compress(bytes(1024))  # a tar ends with two blocks of zeros
ROLE = "sandbox-sagemaker-execution"
# It speaks plain HTTP: to read this machine's certificates for every request takes 20 ms of CPU.
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
START_SECONDS = 60.0
POLL_SECONDS = 0.05


class SandboxFailed(RuntimeError):
    """The sandbox did not start, or did not take an order."""


@dataclass(frozen=True)
class Resources:
    """What exists in the sandbox's SageMaker, each name with its details and tags.

    Attributes:
        endpoints: ``status``, ``config``, ``instances`` of each variant, and ``tags``.
        configs: ``models`` and ``tags``.
        models: ``tags``.
        transforms: Transform jobs, those that have ended too: ``status``, ``model`` and ``tags``.
        targets: Scalable targets by the names of their endpoints: ``least``, ``most``, ``policies`` and ``tags``.
    """

    endpoints: dict[str, dict[str, Any]]
    configs: dict[str, dict[str, Any]]
    models: dict[str, dict[str, Any]]
    transforms: dict[str, dict[str, Any]]
    targets: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox.

    Attributes:
        url: Where it listens.
        child: Its process, where this process started it.
    """

    url: str
    child: child_process.Child | None = None

    @classmethod
    def start(cls, log: Path, **options: float | str) -> "Sandbox":
        """Start one that ends with this process, and wait until it is up.

        Args:
            log: File that it writes to; the file beside it, ending in ``.port``, tells its port.
            options: Of ``python -m infra.sandbox``; endpoints change state quickly unless they say otherwise.

        Raises:
            SandboxFailed: The extra is not installed; it ended, or is not up in time, and its last words follow.
        """
        if importlib.util.find_spec("moto") is None:
            raise SandboxFailed("the sandbox needs moto: install flood-extent[sandbox]")
        announce = log.with_name(f"{log.name}.port")
        announce.unlink(missing_ok=True)
        given = {"announce": announce, "creating_seconds": 0.2, "deleting_seconds": 0.2} | options
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
        child = child_process.start([sys.executable, "-m", "infra.sandbox", *flags], log=log)
        try:
            return cls(f"http://127.0.0.1:{_port(child, announce)}", child)
        except BaseException:
            child.stop()
            raise

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point every AWS client at it."""
        return environment(self.url)

    def stop(self) -> None:
        """End it, where this process started it. Safe to repeat."""
        if self.child is not None:
            self.child.stop()

    def reset(self) -> None:
        """Forget everything: resources of every service, faults, counts, settings."""
        self._ask("POST", "reset")

    def settings(self, **changes: float | str | dict[str, float] | None) -> None:
        """Set any of ``infra.sandbox.sagemaker.sandbox_resources.Settings``."""
        self._ask("POST", "settings", changes)

    def fault(self, operation: str, error: str, **limits: float | str | None) -> None:
        """Order a fault: an ``infra.sandbox.faults.Rule``, whose errors are listed there.

        Raises:
            SandboxFailed: There is no such fault.
        """
        self._ask("POST", "faults", {"operation": operation, "error": error, **limits})

    def clear_faults(self) -> None:
        """Let everything work again."""
        self._ask("DELETE", "faults")

    def requests(self) -> dict[str, int]:
        """Requests by operation since the last ``forget_requests`` or ``reset``, retries and faulty ones too."""
        counts: dict[str, int] = self._ask("GET", "requests")
        return counts

    def calls(self) -> list[dict[str, Any]]:
        """Those requests one by one: ``operation``, ``name``, and when each ``began`` and ``ended``, seconds."""
        calls: list[dict[str, Any]] = self._ask("GET", "calls")
        return calls

    def forget_requests(self) -> None:
        """Start counting anew."""
        self._ask("DELETE", "requests")

    def resources(self) -> Resources:
        """What exists now, in every region. An endpoint that is being deleted still does."""
        return Resources(**self._ask("GET", "resources"))

    def add_training_job(
        self,
        name: str,
        *,
        image: str = IMAGE,
        status: str = "Completed",
        vpc_config: dict[str, list[str]] | None = None,
        network_isolation: bool = False,
        volume_kms_key: str | None = None,
        hyperparameters: dict[str, str] | None = None,
    ) -> None:
        """A training job with its role and its model artifact in S3, made through the API.

        Args:
            name: Of the job.
            image: Of the algorithm; by default the built-in semantic segmentation.
            status: That it has: Completed, InProgress, Failed, Stopped, …
            vpc_config: Its ``Subnets`` and ``SecurityGroupIds``.
            network_isolation: Whether its containers have no network.
            volume_kms_key: That its volumes are encrypted with.
            hyperparameters: Of the algorithm, beside those that are always there.
        """
        resources = {"InstanceType": "ml.p3.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 50}
        _client(self.url, "sagemaker").create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
            RoleArn=self._role(),
            OutputDataConfig={"S3OutputPath": self._artifact(name)},
            ResourceConfig=resources | ({"VolumeKmsKeyId": volume_kms_key} if volume_kms_key else {}),
            StoppingCondition={"MaxRuntimeInSeconds": 86400},
            EnableNetworkIsolation=network_isolation,
            HyperParameters={"num_classes": "3", "backbone": "resnet-50", "algorithm": "fcn"} | (hyperparameters or {}),
            **({"VpcConfig": vpc_config} if vpc_config else {}),
        )
        self._ask("POST", "training-jobs", {"name": name, "region": REGION, "status": status})

    def create_bucket(self, name: str) -> None:
        """An empty bucket in S3."""
        _client(self.url, "s3").create_bucket(Bucket=name)

    def _role(self) -> str:
        iam = _client(self.url, "iam")
        trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        try:
            return str(iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)["Role"]["Arn"])
        except iam.exceptions.EntityAlreadyExistsException:
            return str(iam.get_role(RoleName=ROLE)["Role"]["Arn"])

    def _artifact(self, name: str) -> str:
        s3 = _client(self.url, "s3")
        s3.create_bucket(Bucket=TRAINING_BUCKET)
        # The sandbox's model is the project's own, whatever the artifact holds: an empty archive will do.
        s3.put_object(Bucket=TRAINING_BUCKET, Key=f"{name}/output/model.tar.gz", Body=EMPTY_ARCHIVE)
        return f"s3://{TRAINING_BUCKET}"

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        with httpx.Client(trust_env=False, timeout=30.0, verify=NO_AUTHORITIES) as client:
            answer = client.request(method, f"{self.url}/_sandbox/{path}", json=body)
        if not answer.is_success:
            raise SandboxFailed(f"{method} {path}: {answer.status_code}: {answer.text}")
        return answer.json()


@lru_cache(maxsize=16)
def _client(url: str, service: str) -> Any:
    """A client of its own, whatever the environment says; kept, for making one takes a tenth of a second."""
    import boto3  # noqa: PLC0415 - takes long, and few need it

    variables = environment(url)
    return boto3.session.Session(
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    ).client(service, endpoint_url=url)


def environment(url: str) -> dict[str, str]:
    """The variables that point every AWS client at a sandbox."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        # Nor may a profile or a proxy of this machine stand between.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
    }


def _port(child: child_process.Child, announce: Path) -> int:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if announce.exists():
            return int(announce.read_text())
        if not child.alive:
            raise SandboxFailed(f"the sandbox ended with status {child.stop()}; its last words: {child.log_tail()}")
        time.sleep(POLL_SECONDS)
    raise SandboxFailed(f"the sandbox is not up after {START_SECONDS:g} s; its last words: {child.log_tail()}")
