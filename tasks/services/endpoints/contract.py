"""What a model endpoint is, whoever hosts it: deployed by name, asked with a JPEG, deleted by name.

One that is there already is only asked: to deploy it is to look whether it is in service, and it is never deleted.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tasks.core.models import known_models
from tasks.core.record import Record
from tasks.core.tiles.jobs import TileJob

# SageMaker's own rule for endpoint names, kept for every kind so that a name fits wherever it is used.
NAME_PATTERN = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")

LOCAL, SAGEMAKER, HTTP, BATCH = "local", "sagemaker", "http", "batch"
# Of a deployment's facts: why it is not scaled, though that was asked.
NOT_SCALED = "not_scaled"

# See ``EndpointSpec.asked_at_once``.
SURPLUS = 1.25

Report = Callable[[str], None]
"""Takes a line about progress, for the run's log."""


@dataclass(frozen=True, slots=True)
class EndpointSpec(Record):
    """What a run wants deployed, as plain settings.

    Attributes:
        kind: ``local``, ``sagemaker``, ``http`` or ``batch``.
        model: For ``local``: ``water-index``, or the path of an ONNX model. For ``http``: the user's name for it.
        device: For ``local``: where an ONNX model runs.
        url: For ``http``: where the server is, without a slash at the end.
        endpoint_name: For ``sagemaker``: an endpoint that is there already; empty where one is deployed for the run.
        class_map: The label of each class of the model; None: for ``local`` the metadata of an ONNX model say it.
        training_job: For ``sagemaker`` and ``batch``, as all below: the finished job whose model is hosted.
        instance_types: Tried in this order where AWS is short of one.
        instance_count: Instances of that type, to begin with.
        max_instance_count: As many as AWS may add up to, by the load; None for as many as there are.
        requests_per_instance: Requests in flight that one instance serves well.
        predict_seconds: That it takes for one.
        deploy_minutes: In which the endpoint must be in service; for ``batch``, in which AWS must see what is created.
        lease_minutes: After so long without a sign of life of the run, the sweep deletes the endpoint.
        max_minutes: Age at which the sweep deletes it whatever its run says; for ``batch``, in which all is answered.
        owner: Which Prefect server knows the run; empty where that is unknown.
        work_directory: For ``batch``: the ``s3://`` prefix where the tiles' JPEGs lie, and the answers will.
        accept: For ``batch``: media type of all answers.
    """

    kind: str
    model: str = ""
    device: str = "auto"
    url: str = ""
    endpoint_name: str = ""
    class_map: tuple[int, ...] | None = None
    training_job: str = ""
    instance_types: tuple[str, ...] = ()
    instance_count: int = 1
    max_instance_count: int | None = None
    requests_per_instance: int = 4
    predict_seconds: float = 5.0
    deploy_minutes: float = 30.0
    lease_minutes: float = 30.0
    max_minutes: int = 240
    owner: str = ""
    work_directory: str = ""
    accept: str = known_models.PNG_TYPE

    @property
    def in_flight(self) -> int:
        """Requests that the endpoint as a whole serves at once, to begin with."""
        return self.instance_count * self.requests_per_instance

    @property
    def most_instances(self) -> int:
        """Instances that it may ever have: what quotas and limits are held against."""
        return max(self.instance_count, self.max_instance_count or 0)

    @property
    def is_scaled(self) -> bool:
        """Whether AWS is to change the number of its instances by the load."""
        return self.kind == SAGEMAKER and not self.is_existing and self.most_instances > self.instance_count

    def asked_at_once(self, instances: int) -> int:
        """Requests to have in flight while it has so many instances.

        A quarter more than they serve as long as AWS may add some. AWS adds by what the present ones answer: these must
        never be idle between two answers, or the load looks smaller than it is. What waits a little for its turn is no
        loss, and more than that would only be throttled.
        """
        served = max(1, instances) * self.requests_per_instance
        may_grow = self.is_scaled and instances < self.most_instances
        return math.ceil(served * SURPLUS) if may_grow else served

    @property
    def address(self) -> str:
        """Of an endpoint that is there already: its URL, or its name; empty where one is deployed for the run."""
        return self.url or self.endpoint_name

    @property
    def is_existing(self) -> bool:
        """Whether it was there before the run, and stays: it is asked, and otherwise left alone."""
        return bool(self.address)

    @property
    def is_billed(self) -> bool:
        """Whether it costs money until it is deleted: then a server owns it, its minutes count, and its end is sure."""
        return self.kind in (SAGEMAKER, BATCH) and not self.is_existing

    @property
    def is_batch(self) -> bool:
        """Whether all that is to be asked must be there before it starts (``BatchService.provide``)."""
        return self.kind == BATCH

    @property
    def is_calibrated(self) -> bool:
        """Whether the model's answers depend on a threshold that is found over the dataset."""
        return self.kind == LOCAL and known_models.is_calibrated(self.model)

    @property
    def may_lack_threshold(self) -> bool:
        """Whether it may hold a model that needs a threshold, and no threshold is found for it."""
        return self.kind == HTTP and known_models.is_calibrated(self.model)


@dataclass(frozen=True, slots=True)
class Instances:
    """How many instances an endpoint has.

    Attributes:
        serving: That answer.
        billed: Those, and what is coming up.
    """

    serving: int
    billed: int


@dataclass(frozen=True, slots=True)
class Deployment(Record):
    """An endpoint that answered when it was deployed.

    Attributes:
        kind: ``local``, ``sagemaker``, ``http`` or ``batch``.
        name: Endpoint name: at most 63 letters, digits and inner dashes.
        url: Where it is asked: ``http://127.0.0.1:PORT`` where it is local; of ``batch`` the ``s3://`` index of its
            answers; empty where the name is enough.
        host: The host that can reach it, where only one can; None where any host can.
        in_flight: Requests that it serves at once; 0 where as many as there are processors here.
        facts: What else a report should say of it, such as the instance type.
    """

    kind: str
    name: str
    url: str = ""
    host: str | None = None
    in_flight: int = 0
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not NAME_PATTERN.fullmatch(self.name):
            raise ValueError(f"an endpoint name is 1 to 63 letters, digits and inner dashes, not {self.name!r}")


class LeftAlone:
    """The end of an endpoint that was there before the run: there is none."""

    def delete(self, name: str) -> tuple[str, ...]:  # noqa: ARG002 - whatever it is called
        """Nothing: it is not the run's."""
        return ()

    def wait_until_gone(self, name: str, seconds: float) -> tuple[str, ...]:  # noqa: ARG002 - as above
        """Nothing: it stays."""
        return ()


class EndpointService(Protocol):
    """Deploys, asks and deletes endpoints of one model.

    A service is built from plain settings and holds no connection before it is used: tile tasks build their own.
    """

    def model_identity(self) -> str:
        """What the answers depend on, known before anything is deployed: part of the predictions' cache key.

        Raises:
            EndpointRefused: There is no such model.
        """
        ...

    def deploy(self, name: str, report: Report) -> Deployment:
        """Create the endpoint and wait until it answers.

        Args:
            name: Of the run's first attempt; further attempts count on from it, and ``delete`` finds them all.
            report: Is told how it gets on.

        Raises:
            EndpointRefused: It cannot be deployed as asked.
            EndpointUnavailable: It did not come up, and may if tried again.
        """
        ...

    def invoke(
        self, deployment: Deployment, jpeg: bytes, attributes: str = "", accept: str = known_models.PNG_TYPE
    ) -> bytes:
        """The endpoint's answer to an NRG JPEG, as it is: the caller checks it.

        Safe to call from several threads.

        Args:
            deployment: The endpoint.
            jpeg: The image.
            attributes: What the model should know besides it (``water_index.attributes``).
            accept: Media type of the answer; who has no probabilities may answer with a label mask all the same.

        Raises:
            EndpointRefused: Asking again would be refused again.
            EndpointUnavailable: No answer, or not now.
        """
        ...

    def delete(self, name: str) -> tuple[str, ...]:
        """Delete the endpoint of this name, if there is one: safe to repeat, and while it is being deployed.

        Returns when deletion is accepted, half a minute later at most.

        Returns:
            What could not be deleted yet, in words; empty where all is.
        """
        ...

    def wait_until_gone(self, name: str, seconds: float) -> tuple[str, ...]:
        """After ``delete``: wait until nothing of it exists.

        Returns:
            What still exists, in words; empty where nothing does.
        """
        ...


class BatchService(EndpointService, Protocol):
    """One that answers everything before anything is asked.

    ``provide``, then ``deploy``, which returns when all is answered; ``invoke`` finds the answer to a JPEG among these.
    """

    def provide(self, name: str, jobs: Sequence[TileJob], report: Report) -> int:
        """Say which tiles are to be answered, all of them prepared; a further call for this name replaces it.

        Args:
            name: As ``deploy`` will get it.
            jobs: Of the tiles that need a prediction.
            report: Is told how many images there are.

        Returns:
            Images: one a tile, or a chip; the same image once.

        Raises:
            EndpointRefused: There is none.
            UnusableArgument: The work directory is not in S3.
        """
        ...

    def clear(self, name: str) -> int:
        """Remove what lies in the work directory for it, answers too; how many objects there were."""
        ...
