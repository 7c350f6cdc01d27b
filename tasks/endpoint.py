"""The endpoint's life within a run: its name comes first, its end is certain."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Event
from typing import Any
from uuid import UUID

from prefect import Flow, State
from prefect.client.schemas.objects import FlowRun
from prefect.futures import PrefectFuture
from prefect.logging import get_run_logger
from prefect.logging.loggers import flow_run_logger
from prefect.runtime import flow_run as this_run
from prefect.task_runners import TaskRunner

from tasks.core.errors import EndpointGone, EndpointRefused, FloodExtentError
from tasks.runtime.aws_credentials import aws_access
from tasks.runtime.endpoint_places import EndpointPlaces, Report
from tasks.runtime.instance_watch import InstanceWatch
from tasks.runtime.policies import as_it_is, run_task
from tasks.runtime.progress import report, warn
from tasks.services.endpoints.contract import LOCAL, NOT_SCALED, SAGEMAKER, Deployment, EndpointSpec
from tasks.services.endpoints.endpoint_kinds import endpoint_instances, endpoint_service

# AWS takes a minute or two to end an endpoint; a run's report waits so long for it.
GONE_SECONDS = 300.0
SECONDS_A_MINUTE, MINUTES_AN_HOUR = 60, 60

MayCreate = Callable[[Report], object]


def endpoint_name(flow_run_id: UUID, attempt: int = 1) -> str:
    """The name of a run's endpoint, known before anything is created: whoever knows the run can delete it."""
    return f"flood-extent-{flow_run_id.hex}-{attempt}"


@run_task(name="deploy-endpoint", task_run_name="deploy {name}")
def deploy_endpoint(spec: dict[str, Any], name: str, may_create: MayCreate = lambda _: None) -> dict[str, Any]:
    """Create the endpoint and wait until it answers; of one that is there already, look whether it does.

    Args:
        spec: What is to be deployed.
        name: Of the endpoint.
        may_create: Returns when it may be created; it reports what is waited for.
    """
    wanted = EndpointSpec.from_dict(spec)
    may_create(report)
    report(f"asking endpoint {wanted.address} how it is" if wanted.is_existing else f"deploying endpoint {name}")
    return endpoint_service(wanted).deploy(name, report).to_dict()


@dataclass
class EndpointLife:
    """One endpoint of a run, from its name to its end.

    Attributes:
        spec: What is to be deployed, or asked.
        name: Fixed before anything is created.
        instance_hour_price: Of the first instance type, in any currency; None where not given.
        times: When it was ``created``, ``in_service``, ``deleted`` and ``gone``, UTC; of one that was there already,
            when it was ``asked`` how it is and found ``in_service``; empty where none was needed.
        error: Why it could not be deployed.
        gone: That it was to be there already, and is not.
        left: What of it could not be deleted, in words.
        deployment: Once it answers.
        places: Among the endpoints that may exist at once; None where it needs none.
        before: What its record was when the run was suspended: it is told again, for the endpoint is gone.
        busy_seconds: In which it was being asked for at least one tile.
        watch: Of its instances, where their number may change; None before it answers.
    """

    spec: EndpointSpec
    name: str
    instance_hour_price: float | None = None
    times: dict[str, datetime] = field(default_factory=dict)
    error: str | None = None
    gone: EndpointGone | None = None
    left: tuple[str, ...] = ()
    deployment: Deployment | None = None
    places: EndpointPlaces | None = None
    before: dict[str, Any] = field(default_factory=dict)
    busy_seconds: float = 0.0
    watch: InstanceWatch | None = None
    _deploying: PrefectFuture[dict[str, Any]] | None = None
    _has_ended: Event = field(default_factory=Event)
    _is_over: bool = False

    def take_up(self, before: dict[str, Any]) -> None:
        """Go on after a suspension, with the record that was kept then."""
        self.before, self.left = before, tuple(before.get("left", ()))

    def start(self, runner: TaskRunner[Any]) -> None:
        """Begin deploying, while tiles are being prepared; ``runner`` works in this process."""
        self.times["asked" if self.spec.is_existing else "created"] = datetime.now(UTC)
        if self.spec.is_billed and not self.spec.is_batch:  # a transform job has quotas of its own
            self.places = EndpointPlaces(UUID(str(this_run.get_id())), self.spec.most_instances)
        asked = {"spec": self.spec.to_dict(), "name": self.name, "may_create": as_it_is(self._may_create)}
        self._deploying = runner.submit(deploy_endpoint, asked)
        self._deploying.add_done_callback(lambda _: self._has_ended.set())

    def _may_create(self, report: Report) -> None:
        """Wait for a place, which is no time of the endpoint's."""
        if self.places is not None:
            self.places.take(report)
            self.times["created"] = datetime.now(UTC)

    @property
    def is_started(self) -> bool:
        """Whether this run has begun to deploy it."""
        return self._deploying is not None

    def wait_until_answering(self) -> None:
        """Wait until it answers.

        Raises:
            EndpointRefused: It could not be deployed.
        """
        self._has_ended.wait()
        if self.answering() is None:
            raise EndpointRefused(str(self.error))

    def answering(self) -> Deployment | None:
        """The endpoint, once it answers; None before that, and where it could not be deployed (``error`` says why)."""
        if self.deployment is None and self.error is None and self._has_ended.is_set():
            self._deployed()
        if self.watch is not None and self.deployment is not None:
            self._follow(self.watch.serving, self.deployment)
        return self.deployment

    def _follow(self, instances: int, known: Deployment) -> None:
        """Have as many requests in flight as the instances ask for that are there now."""
        in_flight = self.spec.asked_at_once(instances)
        if in_flight != known.in_flight:
            get_run_logger().info("%d instances of endpoint %s answer", instances, known.name)
            self.deployment = replace(known, in_flight=in_flight)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What did not go as asked, and stopped nothing."""
        facts = self.before or ({} if self.deployment is None else self.deployment.facts)
        return (facts[NOT_SCALED],) if NOT_SCALED in facts else ()

    def _deployed(self) -> None:
        assert self._deploying is not None  # noqa: S101 - it has ended
        outcome = self._deploying.result(raise_on_failure=False)
        if isinstance(outcome, dict):
            self.times["in_service"] = datetime.now(UTC)
            self._in_service(Deployment.from_dict(outcome))
            return
        self.gone = outcome if isinstance(outcome, EndpointGone) else None
        self.error = f"the endpoint could not be {'used' if self.spec.is_existing else 'deployed'}: {outcome}"
        if not isinstance(outcome, FloodExtentError):
            self.error += ". The run's log has the details"

    def _in_service(self, deployment: Deployment) -> None:
        self.deployment = deployment
        for doubt in self.doubts:
            warn(doubt)
        is_theirs = self.spec.kind == SAGEMAKER and self.spec.is_existing
        if is_theirs or (self.spec.is_scaled and not self.doubts):
            first = deployment.in_flight // self.spec.requests_per_instance if is_theirs else self.spec.instance_count
            self.watch = InstanceWatch(lambda: endpoint_instances(deployment.name), first)
            self.watch.begin()

    def end(self) -> None:
        """Delete the endpoint, whatever state it is in: plain code, no task, so nothing can keep it from running.

        Safe to repeat. One that was there before the run stays, but nobody waits for its answers any longer.
        """
        if self.watch is not None:
            self.watch.end()
        if not self.times or self._is_over or self.spec.endpoint_name:
            return
        has_ended = self._has_ended.is_set()
        if self.places is not None:
            self.places.stop_waiting()
        self.left = endpoint_service(self.spec).delete(self.name)
        if self.spec.is_existing:
            return
        if self.places is not None:
            self.places.give_back(gone=not self.left)
        for text in self.left:
            get_run_logger().error("not deleted yet: %s", text)
        if not self.left:
            self.times.setdefault("deleted", datetime.now(UTC))
            get_run_logger().info("endpoint %s: torn down", self.name)
            # While it is being deployed, something may come into being just after: then it is deleted once more.
            self._is_over = has_ended

    def wait_until_gone(self) -> None:
        """See that nothing of it is left, for the report; what is left counts against the run."""
        if self.spec.is_existing or (not self.times and not self.left):
            return
        self.left = endpoint_service(self.spec).wait_until_gone(self.name, GONE_SECONDS)
        if not self.left and self.before:
            kept = {name: value for name, value in self.before.items() if name != "left"}
            self.before = {**kept, "gone": datetime.now(UTC).isoformat(timespec="seconds")}
        elif not self.left:
            self.times["gone"] = datetime.now(UTC)
            self.times.setdefault("deleted", self.times["gone"])

    def to_dict(self) -> dict[str, Any]:
        """For the run's record."""
        if self.before:
            return self.before
        if not self.times:
            return {"kind": self.spec.kind, "name": None}
        deployment = self.deployment
        facts = {"name": self.name} if deployment is None else {"name": deployment.name, **deployment.facts}
        times = {name: moment.isoformat(timespec="seconds") for name, moment in self.times.items()}
        faults: dict[str, Any] = {"error": self.error} if self.error else {}
        faults |= {"left": list(self.left)} if self.left else {}
        return {"kind": self.spec.kind, **facts, **times, **self._bill(), **faults}

    def _busy(self, end: datetime) -> dict[str, float]:
        """The share of the time for which it was ready and billed in which it had something to do."""
        if "in_service" not in self.times or self.spec.is_batch:
            return {}
        ready = (self.times.get("deleted", end) - self.times["in_service"]).total_seconds()
        return {"busy_percent": round(min(100.0, 100 * self.busy_seconds / ready), 1) if ready > 0 else 0.0}

    def _instances(self, end: datetime) -> dict[str, float]:
        """Of one that was scaled: the most instances that were seen, and the minutes of all of them, at most."""
        if self.watch is None or "in_service" not in self.times:
            return {}
        before, after = self.times["in_service"] - self.times["created"], end - self.times["in_service"]
        minutes = (one.total_seconds() / SECONDS_A_MINUTE for one in (before, after))
        return {"most_instances": self.watch.most, "instance_minutes": round(self.watch.instance_minutes(*minutes), 2)}

    def _bill(self) -> dict[str, Any]:
        """Minutes and, where the price is known, the cost: from creation to the verified end, so at most too much.

        What is not gone is billed on, and what another instance type costs is not known.
        """
        if not self.spec.is_billed or self.deployment is None:
            return {}
        end = self.times.get("gone", datetime.now(UTC))
        minutes = (end - self.times["created"]).total_seconds() / SECONDS_A_MINUTE
        minutes = self.deployment.facts.get("minutes_billed", minutes)  # of a job that AWS says it of
        bill: dict[str, Any] = {"minutes_billed": round(minutes, 2), **self._busy(end), **self._instances(end)}
        used = self.deployment.facts["instance_type"]
        if self.instance_hour_price is not None and used == self.spec.instance_types[0]:
            hours = bill.get("instance_minutes", minutes * self.spec.instance_count) / MINUTES_AN_HOUR
            bill["cost"] = round(hours * self.instance_hour_price, 4)
        elif self.instance_hour_price is not None:
            bill["cost_unknown"] = f"it ran on {used}; the price is that of {self.spec.instance_types[0]}"
        return bill


def tear_down_endpoint(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001 - by keyword
    """Hook of a run that failed, crashed or was cancelled: delete what is left of its endpoint.

    It may run in another process than the flow did, so it knows the run's id and parameters and nothing else.
    """
    parameters = flow_run.parameters
    spec = EndpointSpec(
        parameters.get("endpoint") or LOCAL,
        endpoint_name=parameters.get("endpoint_name") or "",
        instance_count=parameters.get("instance_count") or 1,
        max_instance_count=parameters.get("max_instance_count"),
    )
    if not spec.is_billed or parameters.get("dry_run"):
        return
    with aws_access(parameters.get("aws_block"), None):
        left = endpoint_service(spec).delete(endpoint_name(flow_run.id))
    for text in left or ("its endpoint: torn down",):
        flow_run_logger(flow_run).log(logging.ERROR if left else logging.INFO, "%s", text)
