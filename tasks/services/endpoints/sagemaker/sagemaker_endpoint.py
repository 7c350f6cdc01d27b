"""An endpoint in SageMaker: the model of a finished training job, hosted for one run and deleted with it.

What a run deploys is named after the run before it is created, tagged, and leased (``leases``); whoever knows the run's
id can delete it (``teardown``), and what nobody deletes the sweep does (``sweeping``).
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from tasks.core.errors import EndpointRefused, EndpointUnavailable, FinalError
from tasks.core.models.known_models import PNG_TYPE
from tasks.services.endpoints.contract import SAGEMAKER, Deployment, EndpointSpec, Report
from tasks.services.endpoints.sagemaker import autoscaling, aws_sessions, invoking
from tasks.services.endpoints.sagemaker.aws_errors import NoCapacity, translated
from tasks.services.endpoints.sagemaker.hosting import Host, Waiting, arn_of
from tasks.services.endpoints.sagemaker.lease_probe import LeaseProbe
from tasks.services.endpoints.sagemaker.leases import Lease
from tasks.services.endpoints.sagemaker.training_jobs import TrainedModel
from tasks.services.endpoints.teardown import teardown
from tasks.services.endpoints.teardown.sagemaker_resources import (
    AWS_ERRORS,
    CONFIG,
    KINDS,
    MODEL,
    Kind,
    attempt_of,
    resource_name,
    run_of,
    text_of,
)
from tasks.services.endpoints.teardown.scalable_targets import SERVICE


@dataclass(frozen=True, slots=True)
class TeardownPatience:
    """How a cancelled run's 30 seconds are spent.

    Attributes:
        notice_seconds: For the creation that is under way.
        delete_seconds: For the deletion; a call that hangs at its end adds ``teardown.CONNECT_SECONDS`` and
            ``READ_SECONDS``.
        all_seconds: Should even that take longer, a name that is not resolved perhaps, the caller goes on after so
            long; the deletion does, too.
        tags_seconds: For which AWS may deny to renew the lease of what was just created with its tags.
    """

    notice_seconds: float = 4.0
    delete_seconds: float = 15.0
    all_seconds: float = 28.0
    tags_seconds: float = 15.0


@dataclass
class _Held:
    """What this process has under way for one run.

    Attributes:
        names: Under which something may exist.
        ended: Set when the run is torn down: nothing may be created from then on.
        idle: Clear while a thread is deploying.
        lease: Once it is begun.
        sent: Requests that the deploying thread's session has sent.
    """

    names: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    idle: threading.Event = field(default_factory=threading.Event)
    lease: Lease | None = None
    sent: int = 0

    def __post_init__(self) -> None:
        self.idle.set()

    def go_on(self) -> None:
        if self.ended.is_set():
            raise EndpointRefused("the endpoint was not deployed: the run is being torn down")

    def sending(self) -> None:
        self.go_on()
        self.sent += 1

    def begin(self) -> None:
        self.idle.clear()  # first: whoever ends the run from here on waits for this thread
        self.go_on()

    def end_lease(self) -> None:
        if self.lease is not None:
            self.lease.end()


# As for the local endpoint: what is deployed belongs to the process, so that another thread's service can delete it.
_held: dict[UUID, _Held] = {}
_lock = threading.Lock()


def _holding(run: UUID) -> _Held:
    with _lock:
        return _held.setdefault(run, _Held())


def _forget() -> None:
    """A forked process has deployed nothing, and its parent's lock may have been held."""
    global _lock  # noqa: PLW0603 - the one that a fork may have locked for ever
    _lock = threading.Lock()
    _held.clear()


os.register_at_fork(after_in_child=_forget)


@dataclass(frozen=True)
class SageMakerEndpoint:
    """Endpoints of one training job's model.

    Attributes:
        spec: What a run wants deployed.
        patience: Of whoever deletes.
        kinds: What a run may have in SageMaker.
    """

    kinds: ClassVar[tuple[Kind, ...]] = KINDS

    spec: EndpointSpec
    patience: TeardownPatience = TeardownPatience()

    def model_identity(self) -> str:
        """What the training job's model is made of.

        Raises:
            EndpointRefused: There is no such job, it is not Completed, or not of the semantic segmentation algorithm.
        """
        with translated(f"training job {self.spec.training_job!r}"):
            return TrainedModel.of_job(self.spec.training_job, aws_sessions.session()).identity()

    def deploy(self, name: str, report: Report) -> Deployment:
        """Host the model and wait until it is in service, on the first instance type that AWS has.

        Whether it succeeds or not, ``delete`` must follow.

        Raises:
            EndpointRefused: AWS refuses for good, or the run is being torn down.
            EndpointUnavailable: It did not come up in time, or AWS has none of the instance types.
        """
        run = _run(name)
        held = _holding(run)
        try:
            held.begin()
            with translated(f"endpoint {name}"):
                return self._deploy(run, held, report)
        finally:
            held.idle.set()
            if held.ended.is_set():  # torn down meanwhile: what was created since then must go, too
                held.end_lease()
                self._delete(run, held)

    def invoke(self, deployment: Deployment, jpeg: bytes, attributes: str = "", accept: str = PNG_TYPE) -> bytes:
        """As ``invoking.invoke``."""
        return invoking.invoke(deployment.name, jpeg, deployment.in_flight, attributes=attributes, accept=accept)

    def delete(self, name: str) -> tuple[str, ...]:
        """Delete all attempts of the run that ``name`` belongs to; returns as soon as AWS has accepted it.

        Whoever is interrupted while waiting, by a second Ctrl-C perhaps, ends the wait and not the deletion.
        """
        run = _run(name)
        held = _holding(run)
        held.ended.set()
        held.end_lease()
        return _unhurried(lambda: self._delete_when_idle(run, held), self.patience.all_seconds)

    def wait_until_gone(self, name: str, seconds: float) -> tuple[str, ...]:
        """Delete on until nothing of the run exists, or the time is over."""
        run = _run(name)
        scaled = self.spec.is_scaled
        return _left(run, self.kinds, _holding(run).names, seconds=seconds, until=teardown.DONE, scaled=scaled)

    def _delete_when_idle(self, run: UUID, held: _Held) -> tuple[str, ...]:
        held.idle.wait(self.patience.notice_seconds)
        return self._delete(run, held)

    def _delete(self, run: UUID, held: _Held) -> tuple[str, ...]:
        """What this process has begun, and whatever was before it; a run that is started again is not its own."""
        seconds, newest = self.patience.delete_seconds, max(map(attempt_of, held.names), default=None)
        scaled = self.spec.is_scaled
        return _left(
            run, self.kinds, held.names, seconds=seconds, until=teardown.ACCEPTED, newest=newest, scaled=scaled
        )

    def _deploy(self, run: UUID, held: _Held, report: Report) -> Deployment:
        session = aws_sessions.session(held.sending)
        client = aws_sessions.patient_client(session)
        trained = TrainedModel.of_job(self.spec.training_job, session)
        lease = held.lease = Lease(client, run, self.spec, report, lambda: self.delete(resource_name(run, 1)))
        seconds = self.spec.deploy_minutes * 60
        host = Host(session, client, lease, held.go_on, held.ended.wait, lambda: held.sent, seconds, report)
        probe = LeaseProbe(host, min(self.patience.tags_seconds, seconds))
        earlier = teardown.names_of(client, run, self.kinds)
        first = max(map(attempt_of, earlier), default=0) + 1
        probe.read_clock(resource_name(run, first))
        _delete_earlier(client, earlier, self.kinds, report)
        lease.begin()
        short: list[str] = []
        for attempt, instance_type in enumerate(self.spec.instance_types, start=first):
            name = resource_name(run, attempt)
            held.names.append(name)
            try:
                deployment = self._host(host, probe, name, trained, instance_type)
            except NoCapacity as error:
                short.append(instance_type)
                report(str(error))
                lease.let_go(name)
                teardown.delete_named(client, name, kinds=self.kinds)
                continue
            _delete_earlier(client, earlier, self.kinds, report)
            return deployment
        raise EndpointUnavailable(
            f"AWS has no capacity just now for {' or '.join(short)}. Run again later, or name other instance types"
        )

    def _host(self, host: Host, probe: LeaseProbe, name: str, trained: TrainedModel, instance_type: str) -> Deployment:
        """One attempt: all of it is created, and answers."""
        host.report(f"creating endpoint {name} on {self.spec.instance_count} x {instance_type}")
        self._create_model(host, probe, name, trained)
        host.create_config(name, instance_type, self.spec.instance_count, trained)
        probe.check(f"endpoint configuration {name}", arn_of(CONFIG, name, trained))
        host.create_endpoint(name, trained)
        Waiting(host, name, self.spec.deploy_minutes * 60).until_in_service()
        scaled = autoscaling.begin(host, name, self.spec) if self.spec.is_scaled else {}
        facts = {**self._facts(trained, instance_type), "log_group": invoking.log_group(name), **scaled}
        in_flight = self.spec.in_flight
        if autoscaling.TARGET_VALUE in scaled:
            in_flight = self.spec.asked_at_once(self.spec.instance_count)
        return Deployment(SAGEMAKER, name, in_flight=in_flight, facts=facts)

    def _create_model(self, host: Host, probe: LeaseProbe, name: str, trained: TrainedModel) -> None:
        with probe.creating_with_tags(name):
            host.create_model(name, trained)
        probe.check(f"model {name}", arn_of(MODEL, name, trained))

    def _facts(self, trained: TrainedModel, instance_type: str) -> dict[str, Any]:
        count = self.spec.instance_count
        return {"instance_type": instance_type, "instance_count": count, "training_job": trained.job}


def _delete_earlier(client: Any, names: Sequence[str], kinds: Sequence[Kind], report: Report) -> None:
    """Delete what an attempt of the run that was stopped has left: AWS refuses it while an endpoint is being created.

    What is not deleted yet is, at the latest, when the run ends.
    """
    for name in names:
        billed = teardown.delete_named(client, name, kinds=kinds)[0]
        if billed.outcome not in teardown.DONE:
            report(f"of an earlier attempt: {billed}")


def _left(
    run: UUID,
    kinds: Sequence[Kind],
    known: Sequence[str],
    *,
    seconds: float,
    until: frozenset[teardown.Outcome],
    newest: int | None = None,
    scaled: bool = False,
) -> tuple[str, ...]:
    """Delete, and say what is left; never raises for AWS's answers or settings."""
    try:
        client = teardown.make_client()
        scaling = teardown.make_client(service=SERVICE) if scaled else None
    except AWS_ERRORS as error:
        return (f"AWS could not be asked about {resource_name(run, 1)}: {text_of(error)}",)
    steps = teardown.delete_run(
        client, run, seconds=seconds, known=known, until=until, newest=newest, kinds=kinds, scaling=scaling
    )
    return tuple(str(step) for step in steps if step.outcome not in until)


def _unhurried(work: Callable[[], tuple[str, ...]], seconds: float) -> tuple[str, ...]:
    """Do the work in a thread of its own, which the end of the process waits for, and the caller for some seconds."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="teardown")
    try:
        doing = pool.submit(work)
    except RuntimeError:  # the interpreter is on its way out, and starts no threads any more
        return work()
    pool.shutdown(wait=False)
    try:
        return doing.result(seconds)
    except TimeoutError:
        return (f"AWS did not answer within {seconds:g} s",)


def _run(name: str) -> UUID:
    run = run_of(name)
    if run is None:
        raise FinalError(f"{name!r} is no name of a run's endpoint")
    return run
