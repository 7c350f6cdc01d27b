"""What tests put into the local AWS's SageMaker, and what they ask it afterwards."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from infra.sandbox.client import IMAGE, Sandbox
from tasks.services.endpoints.contract import EndpointSpec
from tasks.services.endpoints.sagemaker import sagemaker_endpoint
from tasks.services.endpoints.teardown.sagemaker_resources import (
    CAP_TAG,
    LEASE_TAG,
    OWNER_TAG,
    PROJECT,
    PROJECT_TAG,
    RUN_TAG,
)
from tasks.services.endpoints.teardown.sweeping import write_lease

RUN = UUID("0123456789abcdef0123456789abcdef")
OTHER_RUN = UUID("0123456789abcdef0123456789abcdee")
ROLE = "arn:aws:iam::123456789012:role/execution"
TRAINING_JOB = "flood-model-2024"
SECONDS = 120


def spec(**changes: Any) -> EndpointSpec:
    """What a run wants deployed."""
    wanted = EndpointSpec("sagemaker", training_job=TRAINING_JOB, instance_types=("ml.c5.xlarge", "ml.m5.xlarge"))
    return EndpointSpec(**{**wanted.to_dict(), **changes})


def tags_for(run: UUID, **changes: str | None) -> dict[str, str]:
    """Tags of a run's resources with a living lease; ``None`` leaves one out."""
    living = write_lease(datetime.now(UTC) + timedelta(minutes=30))
    tags = {PROJECT_TAG: PROJECT, RUN_TAG: str(run), LEASE_TAG: living, OWNER_TAG: "server", CAP_TAG: "240"}
    changed = {key.replace("_", "-"): value for key, value in changes.items()}
    return {key: value for key, value in {**tags, **changed}.items() if value is not None}


def variant(model: str) -> dict[str, Any]:
    """What a configuration has of a model."""
    instances = {"InstanceType": "ml.c5.xlarge", "InitialInstanceCount": 1}
    return {"VariantName": "AllTraffic", "ModelName": model, "InitialVariantWeight": 1.0, **instances}


@dataclass(frozen=True)
class Cloud:
    """The local AWS with a boto3 client for its SageMaker.

    Attributes:
        sandbox: Takes orders for faults, and tells what exists.
        client: As ``teardown.make_client`` makes it.
    """

    sandbox: Sandbox
    client: Any

    def model(self, name: str, tags: Mapping[str, str] | None = None) -> None:
        """A model."""
        self.client.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE}, Tags=_as_list(tags)
        )

    def config(self, name: str, tags: Mapping[str, str] | None = None, *, model: str = "") -> None:
        """A configuration, by default of the model of its name."""
        self.client.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[variant(model or name)], Tags=_as_list(tags)
        )

    def endpoint(
        self, name: str, tags: Mapping[str, str] | None = None, *, config: str = "", wait: bool = True
    ) -> None:
        """An endpoint, by default of the configuration of its name, in service unless it is not waited for."""
        self.client.create_endpoint(EndpointName=name, EndpointConfigName=config or name, Tags=_as_list(tags))
        if wait:
            self.wait_for(name, "InService")

    def three(self, name: str, tags: Mapping[str, str] | None = None, *, wait: bool = True) -> None:
        """Model, configuration and endpoint of one name."""
        self.model(name, tags)
        self.config(name, tags)
        self.endpoint(name, tags, wait=wait)

    def transform(self, name: str, tags: Mapping[str, str] | None = None) -> None:
        """A transform job of the model of its name, which must be there; it has no input."""
        source = {"S3DataType": "S3Prefix", "S3Uri": "s3://nobodys/prefix/"}
        self.client.create_transform_job(
            TransformJobName=name,
            ModelName=name,
            TransformInput={"DataSource": {"S3DataSource": source}},
            TransformOutput={"S3OutputPath": "s3://nobodys/out"},
            TransformResources={"InstanceType": "ml.c5.xlarge", "InstanceCount": 1},
            Tags=_as_list(tags),
        )

    def transforming(self) -> list[str]:
        """Names of transform jobs that cost money, and are not being stopped."""
        jobs = self.sandbox.resources().transforms
        return sorted(name for name, one in jobs.items() if one["status"] == "InProgress")

    def wait_for(self, name: str, status: str) -> None:
        """Return when an endpoint has this status."""
        self.wait_until(lambda: self.sandbox.resources().endpoints[name]["status"] == status)

    def wait_until(self, there: Callable[[], bool]) -> None:
        """Return when it is so; fail the test where it does not become so."""
        deadline = time.monotonic() + SECONDS
        while not there():
            assert time.monotonic() < deadline, self.sandbox.resources()
            time.sleep(0.02)

    def left(self) -> dict[str, list[str]]:
        """Names that exist, endpoints that are being deleted excepted."""
        found = self.sandbox.resources()
        endpoints = [name for name, one in found.endpoints.items() if one["status"] != "Deleting"]
        return {"endpoints": sorted(endpoints), "configs": sorted(found.configs), "models": sorted(found.models)}

    def tags(self, kind: str, name: str) -> dict[str, str]:
        """Tags of one of the ``endpoints``, ``configs``, ``models`` or ``transforms``."""
        tags: dict[str, str] = getattr(self.sandbox.resources(), kind)[name]["tags"]
        return tags


@contextmanager
def as_new_process() -> Iterator[None]:
    """What earlier tests held is forgotten, as in a process that has just started; and so is what the block holds."""
    sagemaker_endpoint._forget()
    yield
    for held in sagemaker_endpoint._held.values():
        held.end_lease()
    join_threads("teardown")
    sagemaker_endpoint._forget()


def join_threads(prefix: str) -> None:
    """Wait for threads that their callers have left to themselves: they must not act on what the next test makes."""
    for thread in threading.enumerate():
        if thread.name.startswith(prefix):
            thread.join()


NOTHING: dict[str, list[str]] = {"endpoints": [], "configs": [], "models": []}


def only(*names: str) -> dict[str, list[str]]:
    """What ``left`` says where each name has all three."""
    return {kind: sorted(names) for kind in NOTHING}


def _as_list(tags: Mapping[str, str] | None) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
