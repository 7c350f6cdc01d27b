"""Creates what SageMaker needs to host a model: model, endpoint configuration and endpoint, all under one name."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tasks.core.errors import EndpointRefused, EndpointUnavailable, FloodExtentError
from tasks.services.aws_errors import NoCapacity, is_capacity, translated
from tasks.services.endpoints import Say
from tasks.services.invoking import log_group
from tasks.services.leases import Lease
from tasks.services.sagemaker_resources import CONFIG, ENDPOINT, MODEL, Kind, is_ours, tags_of
from tasks.services.training_jobs import TrainedModel

VARIANT = "AllTraffic"
IN_SERVICE, FAILED = "InService", "Failed"
SHORTEST_POLL, LONGEST_POLL, SAY_EVERY = 0.2, 10.0, 30.0
# AWS may answer from a copy that does not know yet what has just been created.
APPEAR_SECONDS = 60.0
# Instances with a disk of their own encrypt it themselves, and refuse a key for it:
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html (KmsKeyId)
OWN_DISK_FAMILIES = ("g4dn", "g5", "g6", "g6e", "p3dn", "p4d", "p4de", "p5", "inf2", "trn1")


@dataclass(frozen=True)
class Host:
    """Creates one attempt's resources.

    Attributes:
        session: boto3's, with a region.
        client: boto3's for SageMaker, of that session.
        lease: Of the run; its tags go on everything that is created.
        go_on: Called before each creation: raises where the run is being torn down.
        pause: Waits some seconds, or until the run is torn down.
    """

    session: Any
    client: Any
    lease: Lease
    go_on: Callable[[], None]
    pause: Callable[[float], None]

    def create_model(self, name: str, trained: TrainedModel) -> None:
        """The model: image and artifact of the training job, in the job's network, with the job's role."""
        from sagemaker.core.resources import Model  # noqa: PLC0415
        from sagemaker.core.shapes import ContainerDefinition, VpcConfig  # noqa: PLC0415

        vpc = VpcConfig(subnets=list(trained.subnets), security_group_ids=list(trained.security_groups))
        with self._creating(MODEL, name, trained):
            Model.create(
                model_name=name,
                primary_container=ContainerDefinition(image=trained.image, model_data_url=trained.artifact),
                execution_role_arn=trained.role,
                enable_network_isolation=trained.network_isolation,
                **({"vpc_config": vpc} if trained.subnets else {}),
                **self._common(),
            )

    def create_config(self, name: str, instance_type: str, instance_count: int, trained: TrainedModel) -> None:
        """The endpoint configuration: one variant that takes all traffic, its disk encrypted with the job's key."""
        from sagemaker.core.resources import EndpointConfig  # noqa: PLC0415
        from sagemaker.core.shapes import ProductionVariant  # noqa: PLC0415

        variant = ProductionVariant(
            variant_name=VARIANT,
            model_name=name,
            instance_type=instance_type,
            initial_instance_count=instance_count,
            initial_variant_weight=1.0,
        )
        key = "" if has_own_disk(instance_type) else trained.kms_key
        encrypted = {"kms_key_id": key} if key else {}
        with self._creating(CONFIG, name, trained):
            EndpointConfig.create(
                endpoint_config_name=name, production_variants=[variant], **encrypted, **self._common()
            )

    def create_endpoint(self, name: str, trained: TrainedModel) -> None:
        """The endpoint: from now on it costs money."""
        from sagemaker.core.resources import Endpoint  # noqa: PLC0415

        with self._creating(ENDPOINT, name, trained):
            Endpoint.create(endpoint_name=name, endpoint_config_name=name, **self._common())

    @contextmanager
    def _creating(self, kind: Kind, name: str, trained: TrainedModel) -> Iterator[None]:
        """Create in the block. The SDK may fail after the resource exists: then it is what was wanted."""
        self.go_on()
        arn = arn_of(kind, name, trained)
        with translated(f"{kind.noun} {name}"):
            try:
                yield
            except FloodExtentError:
                raise
            except Exception:
                if not self._exists(kind, name, arn):
                    raise
        self.lease.hold(arn)

    def _exists(self, kind: Kind, name: str, arn: str) -> bool:
        described = kind.described(self.client, name)
        if described is None:
            return False
        self.lease.clock.set_by(described)
        if not is_ours(name, tags_of(self.client, arn)):
            raise EndpointRefused(f"{kind.noun} {name} exists already, and its tags do not say that it is ours")
        return True

    def _common(self) -> dict[str, Any]:
        from sagemaker.core.shapes import Tag  # noqa: PLC0415

        tags = [Tag(key=key, value=value) for key, value in self.lease.tags().items()]
        return {"tags": tags, "session": self.session, "region": self.session.region_name}


def arn_of(kind: Kind, name: str, trained: TrainedModel) -> str:
    """The ARN of a resource in the account and region of the training job."""
    return f"{trained.arn.rpartition(':')[0]}:{kind.slug.replace('_', '-')}/{name}"


def has_own_disk(instance_type: str) -> bool:
    """Whether an instance type comes with a disk of its own: ``ml.c5d.xlarge``, ``ml.g4dn.xlarge``."""
    family = instance_type.removeprefix("ml.").partition(".")[0]
    return family in OWN_DISK_FAMILIES or (family[:1] in "cmr" and family.endswith("d"))


@dataclass
class Waiting:
    """The wait for one endpoint, bounded, with a word now and then.

    Attributes:
        host: Whose client asks, and which knows whether the run is being torn down.
        name: Of the endpoint.
        seconds: After which it is given up.
        say: Is told how it gets on.
        seen: Whether AWS has shown it.
    """

    host: Host
    name: str
    seconds: float
    say: Say
    seen: bool = False

    def until_in_service(self) -> None:
        """Return when the endpoint answers.

        Raises:
            NoCapacity: It failed because AWS is short of this instance type.
            EndpointRefused: It failed for another reason, or the run is being torn down.
            EndpointUnavailable: It took too long.
        """
        start = said = time.monotonic()
        while True:
            self.host.go_on()
            waited = time.monotonic() - start
            if self._is_in_service(waited):
                self.say(f"endpoint {self.name} is in service after {waited:.0f} s")
                return
            if waited > self.seconds:
                raise EndpointUnavailable(
                    f"endpoint {self.name} is not in service after {waited / 60:.1f} minutes, as deploy_minutes "
                    f"allows. Its log is {log_group(self.name)}"
                )
            if time.monotonic() - said > SAY_EVERY:
                said = time.monotonic()
                self.say(f"endpoint {self.name} is being created, for {waited / 60:.1f} minutes so far")
            self.host.pause(min(LONGEST_POLL, SHORTEST_POLL + waited / 10))

    def _is_in_service(self, waited: float) -> bool:
        try:
            with translated(f"endpoint {self.name}"):
                described = ENDPOINT.described(self.host.client, self.name)
        except EndpointUnavailable as error:  # what is being created goes on being created
            self.say(f"{error}; still waiting")
            return False
        if described is None:
            return self._is_missing(waited)
        self.seen = True
        if described["EndpointStatus"] == FAILED:
            reason = described.get("FailureReason", "AWS gives no reason")
            kind = NoCapacity if is_capacity(reason) else EndpointRefused
            raise kind(f"endpoint {self.name} failed: {reason} Its log is {log_group(self.name)}")
        return bool(described["EndpointStatus"] == IN_SERVICE)

    def _is_missing(self, waited: float) -> bool:
        if self.seen or waited > APPEAR_SECONDS:
            raise EndpointRefused(f"endpoint {self.name} was deleted while it was being created. Run again")
        return False
