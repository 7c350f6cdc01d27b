"""Creates what SageMaker needs to host a model: model, endpoint configuration and endpoint, all under one name.

Or, instead of the last two, a transform job of that name.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from tasks.core.errors import EndpointRefused, EndpointUnavailable
from tasks.services.endpoints.contract import Report
from tasks.services.endpoints.sagemaker.aws_errors import NoCapacity, is_capacity, translated
from tasks.services.endpoints.sagemaker.creating import Creation
from tasks.services.endpoints.sagemaker.invoking import log_group
from tasks.services.endpoints.sagemaker.leases import Lease
from tasks.services.endpoints.sagemaker.training_jobs import TrainedModel
from tasks.services.endpoints.teardown.sagemaker_resources import (
    CONFIG,
    DELETING,
    ENDPOINT,
    MODEL,
    TRANSFORM,
    Kind,
    code_of,
    message_of,
    text_of,
)
from tasks.services.endpoints.teardown.scalable_targets import VARIANT

IN_SERVICE, FAILED = "InService", "Failed"
SHORTEST_POLL, LONGEST_POLL, SAY_EVERY = 0.2, 3.0, 30.0
# After so long without a sight of one that was seen, an endpoint is gone: no copy that AWS answers from lags so far.
ABSENT_SECONDS = 60.0
# AWS has refused a key where instances encrypt a disk of their own; a key that is wrong is refused in other words.
OWN_DISK = re.compile(r"instance (type|storage|store)|local storage|nvme", re.IGNORECASE)
A_KEY = re.compile(r"kms|encrypt", re.IGNORECASE)


@dataclass(frozen=True)
class Host:
    """Creates one attempt's resources.

    Attributes:
        session: boto3's, with a region.
        client: boto3's for SageMaker, of that session.
        lease: Of the run; its tags go on everything that is created.
        go_on: Called before each creation: raises where the run is being torn down.
        pause: Waits some seconds, or until the run is torn down.
        sent: How many requests the session has sent so far.
        seconds: For which what AWS does not see yet is tried again.
        report: Is told how it gets on.
    """

    session: Any
    client: Any
    lease: Lease
    go_on: Callable[[], None]
    pause: Callable[[float], object]
    sent: Callable[[], int]
    seconds: float
    report: Report

    def create_model(self, name: str, trained: TrainedModel) -> None:
        """The model: image and artifact of the training job, in the job's network, with the job's role."""
        from sagemaker.core.resources import Model  # noqa: PLC0415
        from sagemaker.core.shapes import ContainerDefinition, VpcConfig  # noqa: PLC0415

        vpc = VpcConfig(subnets=list(trained.subnets), security_group_ids=list(trained.security_groups))
        members = {
            "model_name": name,
            "primary_container": ContainerDefinition(image=trained.image, model_data_url=trained.artifact),
            "execution_role_arn": trained.role,
            "enable_network_isolation": trained.network_isolation,
            **({"vpc_config": vpc} if trained.subnets else {}),
        }
        self._create(MODEL, name, trained, partial(Model.create, **members))

    def create_config(self, name: str, instance_type: str, instance_count: int, trained: TrainedModel) -> None:
        """The endpoint configuration: one variant that takes all traffic, its disk encrypted with the job's key.

        Where AWS takes no key for this instance type, whose own disk it encrypts itself, it is created without:
        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html (KmsKeyId)
        """
        from sagemaker.core.resources import EndpointConfig  # noqa: PLC0415
        from sagemaker.core.shapes import ProductionVariant  # noqa: PLC0415

        variant = ProductionVariant(
            variant_name=VARIANT,
            model_name=name,
            instance_type=instance_type,
            initial_instance_count=instance_count,
            initial_variant_weight=1.0,
        )
        create = partial(EndpointConfig.create, endpoint_config_name=name, production_variants=[variant])

        def create_with(key: str, **common: Any) -> None:
            create(**({"kms_key_id": key} if key else {}), **common)

        self._create(CONFIG, name, trained, self._with_key_or_without(trained.kms_key, instance_type, create_with))

    def _with_key_or_without(
        self, key: str, instance_type: str, create: Callable[..., object]
    ) -> Callable[..., object]:
        """Create with the key, and from then on without it where AWS takes none for the instance type."""
        keys = [key]

        def create_one(**common: Any) -> None:
            try:
                create(keys[-1], **common)
            except ClientError as error:
                if not keys[-1] or not takes_no_key(error):
                    raise
                self.report(f"{instance_type} takes no key for its disk, which AWS encrypts itself: {text_of(error)}")
                keys.append("")
                create("", **common)

        return create_one

    def create_endpoint(self, name: str, trained: TrainedModel) -> None:
        """The endpoint: from now on it costs money."""
        from sagemaker.core.resources import Endpoint  # noqa: PLC0415

        self._create(ENDPOINT, name, trained, partial(Endpoint.create, endpoint_name=name, endpoint_config_name=name))

    def create_transform_job(self, name: str, trained: TrainedModel, wanted: Mapping[str, Any]) -> None:
        """The transform job of the model of this name: from its start on it costs money, until it ends by itself.

        Its disk is encrypted with the job's key, where AWS takes one, as an endpoint's is.

        Args:
            name: Of job and model.
            trained: Whose key it is.
            wanted: Further members of the request, as boto3 spells them.
        """
        resources = wanted["TransformResources"]

        def create_with(key: str, **_: Any) -> None:
            tags = [{"Key": tag, "Value": value} for tag, value in self.lease.tags().items()]
            keyed = {"TransformResources": {**resources, **({"VolumeKmsKeyId": key} if key else {})}}
            self.client.create_transform_job(**{**wanted, **keyed}, TransformJobName=name, ModelName=name, Tags=tags)

        create = self._with_key_or_without(trained.kms_key, resources["InstanceType"], create_with)
        self._create(TRANSFORM, name, trained, create)

    def _create(self, kind: Kind, name: str, trained: TrainedModel, create: Callable[..., object]) -> None:
        """Create, again and again while AWS does not see what it has only just created."""
        creation = Creation(kind, name, arn_of(kind, name, trained), self.client, self.lease.clock.set_by, self.sent)
        start, reported = time.monotonic(), -SAY_EVERY
        with translated(f"{kind.noun} {name}"):
            while True:
                self.go_on()
                error, waited = creation.attempt(lambda: create(**self._common())), time.monotonic() - start
                if error is None:
                    break
                if waited > self.seconds:
                    raise error
                if waited - reported > SAY_EVERY:
                    reported = waited
                    self.report(f"{kind.noun} {name}: {text_of(error)} AWS may not see it yet: trying again")
                self.pause(next_pause(waited))
        self.lease.hold(creation.arn)

    def _common(self) -> dict[str, Any]:
        from sagemaker.core.shapes import Tag  # noqa: PLC0415

        tags = [Tag(key=key, value=value) for key, value in self.lease.tags().items()]
        return {"tags": tags, "session": self.session, "region": self.session.region_name}


def arn_of(kind: Kind, name: str, trained: TrainedModel) -> str:
    """The ARN of a resource in the account and region of the training job."""
    return f"{trained.arn.rpartition(':')[0]}:{kind.slug.replace('_', '-')}/{name}"


def takes_no_key(error: ClientError) -> bool:
    """Whether AWS refuses an encryption key for the kind of instance, and not the key itself."""
    message = message_of(error)
    return code_of(error) == "ValidationException" and bool(A_KEY.search(message) and OWN_DISK.search(message))


def next_pause(waited: float) -> float:
    """Seconds until AWS is asked again: short at first."""
    return min(LONGEST_POLL, SHORTEST_POLL + waited / 10)


@dataclass
class Waiting:
    """The wait for one endpoint, bounded, with a word now and then.

    Attributes:
        host: Whose client asks, and which knows whether the run is being torn down.
        name: Of the endpoint.
        seconds: After which it is given up.
        seen: When AWS showed it last, in seconds of this wait; None before it has.
        absent: Whether AWS said last that it is not there.
    """

    host: Host
    name: str
    seconds: float
    seen: float | None = None
    absent: bool = False

    def until_in_service(self) -> None:
        """Return when the endpoint answers.

        Raises:
            NoCapacity: It failed because AWS is short of this instance type.
            EndpointRefused: It failed for another reason, or the run is being torn down.
            EndpointUnavailable: It took too long.
        """
        start = reported = time.monotonic()
        while True:
            self.host.go_on()
            waited = time.monotonic() - start
            if self._is_in_service(waited):
                self.host.report(f"endpoint {self.name} is in service after {waited:.0f} s")
                return
            if waited > self.seconds and self.absent:
                raise self._deleted()
            if waited > self.seconds:
                raise EndpointUnavailable(
                    f"endpoint {self.name} is not in service after {waited / 60:.1f} minutes, as `deploy_minutes` "
                    f"allows. Its log is {log_group(self.name)}"
                )
            if time.monotonic() - reported > SAY_EVERY:
                reported = time.monotonic()
                self.host.report(f"endpoint {self.name} is being created, for {waited / 60:.1f} minutes so far")
            self.host.pause(next_pause(waited))

    def _is_in_service(self, waited: float) -> bool:
        try:
            with translated(f"endpoint {self.name}"):
                described = ENDPOINT.described(self.host.client, self.name)
        except EndpointUnavailable as error:  # what is being created goes on being created
            self.host.report(f"{error}; still waiting")
            return False
        self.absent = described is None
        if described is None:
            # One look that finds nothing is no proof: AWS may answer from a copy that lags behind.
            if self.seen is not None and waited - self.seen > ABSENT_SECONDS:
                raise self._deleted()
            return False
        self.seen = waited
        if described["EndpointStatus"] == DELETING:
            raise self._deleted()
        if described["EndpointStatus"] == FAILED:
            reason = described.get("FailureReason", "AWS gives no reason")
            kind = NoCapacity if is_capacity(reason) else EndpointRefused
            raise kind(f"endpoint {self.name} failed: {reason} Its log is {log_group(self.name)}")
        return bool(described["EndpointStatus"] == IN_SERVICE)

    def _deleted(self) -> EndpointRefused:
        return EndpointRefused(f"endpoint {self.name} was deleted while it was being created. Run again")
