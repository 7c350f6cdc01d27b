"""What exists in the sandbox's SageMaker: moto's own records, kept in step with the endpoints' life cycle."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.core.utils import utcnow
from moto.sagemaker.models import SageMakerModelBackend, sagemaker_backends

from infra.sandbox.sagemaker.lifecycle import Life, Status
from infra.sandbox.sagemaker.masks import INDEXED
from infra.sandbox.sagemaker.staleness import Stale, Unseen
from infra.sandbox.wire import ACCOUNT, Call, Refused

MODEL, CONFIG, ENDPOINT, TRANSFORM = "model", "endpoint-config", "endpoint", "transform-job"
# How SageMaker's messages call them.
SPOKEN = {MODEL: "model", CONFIG: "endpoint configuration", ENDPOINT: "endpoint", TRANSFORM: "transform job"}
# Of a request to an endpoint, and of its answer.
MAX_BODY_BYTES = 6 * 1024 * 1024


@dataclass
class Settings:
    """What can be set while the sandbox runs.

    Attributes:
        creating_seconds: From CreateEndpoint (UpdateEndpoint) to InService; from CreateTransformJob to its first image.
        deleting_seconds: From DeleteEndpoint until the endpoint is gone; from StopTransformJob to Stopped.
        stale_seconds: For which nothing that was created is to be seen.
        concurrency: Requests in flight that one instance serves; None for any number.
        per_second: Requests a second that an endpoint serves; None for any number.
        max_body_bytes: Largest body of an invocation.
        masks: Form of the label masks that endpoints answer, a key of ``masks.FORMS``.
        quotas: Instances that the account may have behind endpoints, by type, where it has a value of its own.
        transform_quotas: The same for transform jobs.
        default_quota: The same where it has none.
        metric_seconds: What counts as a minute for what scales an endpoint.
        deregisters: Whether DeleteEndpoint deregisters its scalable targets, as AWS does for who may deregister them.
        tags_by_role: Whether AddTags is judged by the policy of the stack's role for runs; else anything may be tagged.
    """

    creating_seconds: float = 0.2
    deleting_seconds: float = 0.2
    stale_seconds: float = 0.0
    concurrency: int | None = None
    per_second: float | None = None
    max_body_bytes: int = MAX_BODY_BYTES
    masks: str = INDEXED
    quotas: Mapping[str, float] = field(default_factory=dict)
    transform_quotas: Mapping[str, float] = field(default_factory=dict)
    default_quota: float = 20.0
    metric_seconds: float = 60.0
    deregisters: bool = True
    tags_by_role: bool = False


def arn(kind: str, name: str, region: str) -> str:
    """The ARN of a SageMaker resource."""
    return f"arn:aws:sagemaker:{region}:{ACCOUNT}:{kind}/{name}"


def could_not_find(kind: str, name: str, region: str) -> Refused:
    """What SageMaker says of a resource that is not there, or that it does not see."""
    if kind == TRANSFORM:
        return Refused(f"Could not find requested job with name: {name}")
    return Refused(f'Could not find {SPOKEN[kind]} "{arn(kind, name, region)}".')


def epoch(moment: datetime) -> float:
    """Seconds since 1970 of one of moto's times, which are UTC without saying so."""
    return moment.replace(tzinfo=UTC).timestamp()


@dataclass
class Estate:
    """Models, endpoint configurations, endpoints and transform jobs of every region.

    The records are moto's: tags, searches and CloudFormation see the same. Only the endpoints' times are kept here, and
    how to stop a transform job.
    Hold ``lock`` for as long as what was read must stay true.
    """

    settings: Settings = field(default_factory=Settings)
    clock: Callable[[], float] = time.monotonic
    lock: threading.RLock = field(default_factory=threading.RLock)
    stops: dict[tuple[str, str], threading.Event] = field(default_factory=dict)
    _lives: dict[tuple[str, str], Life] = field(default_factory=dict)
    _unseen: Unseen = field(init=False)

    def __post_init__(self) -> None:
        self._unseen = Unseen(self.clock)

    def records(self, kind: str, region: str) -> Mapping[str, Any]:
        """Moto's records of a kind by name, as they are now."""
        return _records(self.backend(region), kind)

    def backend(self, region: str) -> SageMakerModelBackend:
        """Moto's SageMaker in a region, its endpoints brought up to the clock."""
        backend: SageMakerModelBackend = sagemaker_backends[ACCOUNT][region]
        now = self.clock()
        for (where, name), life in list(self._lives.items()):
            if where == region:
                self._settle(backend, name, life, now)
        return backend

    def _settle(self, backend: SageMakerModelBackend, name: str, life: Life, now: float) -> None:
        status = life.status(now)
        if status is Status.GONE:
            backend.endpoints.pop(name, None)
            del self._lives[backend.region_name, name]
        elif record := _records(backend, ENDPOINT).get(name):
            record.endpoint_status = str(status)
            record.failure_reason = life.failure if status is Status.FAILED else None
            record.last_modified_time = utcnow() - timedelta(seconds=now - life.changed(now))
            if life.scaled_to is not None and status is Status.IN_SERVICE:
                record.production_variants[0]["CurrentInstanceCount"] = life.scaled_to
                life.scaled_to = None

    def life(self, region: str, name: str) -> Life:
        """An endpoint's times. One that CloudFormation made has been in service from the start."""
        return self._lives.setdefault((region, name), Life(-1.0, -1.0))

    def scale(self, region: str, name: str, instances: int) -> None:
        """Give an endpoint another number of instances: it is Updating until they answer."""
        self.records(ENDPOINT, region)[name].production_variants[0]["DesiredInstanceCount"] = instances
        life = self.life(region, name)
        life.update(self.clock(), self.settings.creating_seconds)
        life.scaled_to = instances

    def created(self, kind: str, call: Call) -> None:
        """A call has created something, which is not to be seen as ordered, else as is set for all."""
        self._unseen.hide((kind, call.region, call.name), call.stale or Stale(self.settings.stale_seconds))
        if kind == ENDPOINT:
            life = Life.born(self.clock(), self.settings.creating_seconds, call.fate)
            self._lives[call.region, call.name] = life

    def unseen(self, kind: str, region: str, name: str) -> bool:
        """Whether a read of what exists misses it."""
        return self._unseen.hides((kind, region, name))

    def in_use_by(self, region: str, kind: str, name: str) -> str | None:
        """The ARN of an endpoint, not being deleted, or of a job in progress that uses a configuration or a model."""
        for job, record in self.records(TRANSFORM, region).items():
            if kind == MODEL and record.model_name == name and record.transform_job_status == "InProgress":
                return arn(TRANSFORM, job, region)
        configs = self.records(CONFIG, region)
        for endpoint, record in self.records(ENDPOINT, region).items():
            if record.endpoint_status == Status.DELETING:
                continue
            config = configs.get(record.endpoint_config_name)
            if name in (_models(config) if kind == MODEL else {record.endpoint_config_name}):
                return arn(ENDPOINT, endpoint, region)
        return None

    def regions(self) -> Iterator[str]:
        """Regions that have been asked for anything."""
        yield from list(sagemaker_backends[ACCOUNT])

    def forget(self) -> None:
        """Nothing has ever been created."""
        for stop in self.stops.values():
            stop.set()
        self.stops.clear()
        self._lives.clear()
        self._unseen.forget()


def _records(backend: SageMakerModelBackend, kind: str) -> Mapping[str, Any]:
    records: Mapping[str, Mapping[str, Any]] = {
        MODEL: backend._models,  # noqa: SLF001 - moto has no other name for them
        CONFIG: backend.endpoint_configs,
        ENDPOINT: backend.endpoints,
        TRANSFORM: backend.transform_jobs,
    }
    return records[kind]


def _models(config: Any | None) -> set[str]:
    return {variant["ModelName"] for variant in config.production_variants} if config else set()
