"""Deletes what a run deployed in SageMaker: endpoint, endpoint configuration and model, by name alone.

Of a run that has a transform job instead, that is stopped: AWS keeps its record, which costs nothing.

One implementation for everybody who deletes: the flow's ``finally``, its hooks, the sweeps and the Lambda. It needs
boto3 and the standard library, no handle on what was created, and no state: it may run twice at once, anywhere.

Only what is ours is touched: the name has our exact form, and the tags say the same project and run. Endpoint,
configuration and model of one attempt share one name, so each is found from the run's id. What AWS cannot delete yet
(an endpoint that is still being created) and what an endpoint still uses is reported as waiting, for the next pass; and
so is what AWS says is not there although it must be: what this process has just created (``new_resources``), or what a
listing has shown in the same pass. AWS may answer from a copy that does not know of it yet.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError

from tasks.services.endpoints.teardown.new_resources import ended, may_be_unseen, unseen_names_of
from tasks.services.endpoints.teardown.sagemaker_resources import (
    AWS_ERRORS,
    CONFIG,
    DELETING,
    ENDED,
    ENDPOINT,
    KINDS,
    PROJECT,
    STOPPING,
    TRANSFORM,
    Kind,
    attempt_of,
    is_in_progress,
    is_missing,
    is_ours,
    resource_name,
    tags_of,
    text_of,
    variants_of,
)
from tasks.services.endpoints.teardown.scalable_targets import TARGET, deregister

POLL_SECONDS = 1.0
# A call that hangs must not eat the time of the others: whoever deletes may have half a minute left to live.
CONNECT_SECONDS, READ_SECONDS = 2.0, 5.0
# Clocks of two AWS services may differ by so much when one is asked for what is younger than the other's.
CLOCK_SKEW = timedelta(minutes=1)


class TimeIsOver(BotoCoreError):  # type: ignore[misc] # botocore has no types
    """A call was not begun, for the time given has passed."""

    fmt = "no time was left to ask AWS"


class Outcome(StrEnum):
    """What became of one resource in a pass."""

    GONE = "gone"
    REQUESTED = "deletion accepted"
    WAITING = "cannot be deleted yet"
    FOREIGN = "not ours"
    FAILED = "failed"


DONE = frozenset({Outcome.GONE, Outcome.FOREIGN})
ACCEPTED = DONE | {Outcome.REQUESTED}


@dataclass(frozen=True)
class Step:
    """What a pass did to one resource.

    Attributes:
        kind: ``endpoint``, ``endpoint configuration``, ``transform job``, ``model`` or ``scalable target``.
        name: Its name.
        outcome: What became of it.
        detail: Why, where it is not gone.
    """

    kind: str
    name: str
    outcome: Outcome
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.outcome}" + (f" ({self.detail})" if self.detail else "")


def names_of(client: Any, run: UUID, kinds: Collection[Kind] = KINDS) -> list[str]:
    """Names of a run that something exists under, the latest attempt first; a transform job that ended does, too."""
    return _latest_first(name for kind in kinds for name, _, _ in kind.named_like_ours(client, run))


def _latest_first(names: Iterable[str]) -> list[str]:
    return sorted(set(names), key=attempt_of, reverse=True)


def make_client(
    session: Any = None, service: str = "sagemaker", read_seconds: float = READ_SECONDS, attempts: int = 1
) -> Any:
    """A client whose calls end soon: whoever deletes may have half a minute left to live, or a person waits.

    It asks once by default: whoever deletes or sweeps tries again, in passes.
    """
    import boto3  # noqa: PLC0415 - half a second, and only who asks AWS needs it
    from botocore.config import Config  # noqa: PLC0415

    limits = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    return (session or boto3.Session()).client(service, config=limits)


@contextmanager
def _no_call_after(client: Any, deadline: float) -> Iterator[None]:
    """Within the block, calls of the client raise ``TimeIsOver`` once ``time.monotonic`` has passed the deadline."""

    def go_on(**_: object) -> None:
        if time.monotonic() > deadline:
            raise TimeIsOver

    client.meta.events.register("before-call", go_on)
    try:
        yield
    finally:
        client.meta.events.unregister("before-call", go_on)


def delete_run(
    client: Any,
    run: UUID,
    *,
    seconds: float,
    known: Iterable[str] = (),
    until: frozenset[Outcome] = ACCEPTED,
    newest: int | None = None,
    kinds: Sequence[Kind] = KINDS,
    scaling: Any = None,
) -> list[Step]:
    """Delete all attempts of a run, in as many passes as it takes or the time allows. Never raises for AWS's answers.

    Args:
        client: boto3's for SageMaker.
        run: The flow run.
        seconds: After which no further call begins; the last one may still take as long as the client lets it.
        known: Names that may exist although a listing does not show them yet.
        until: Outcomes that need no further pass: ``ACCEPTED``, or ``DONE`` to wait until all is gone.
        newest: The last attempt to delete; None for all. A process that is being stopped has had its run handed to
            another, whose endpoint it must leave alone.
        kinds: That the run may have: ``KINDS``, or ``BATCH_KINDS``.
        scaling: boto3's for Application Auto Scaling, where its endpoint may be a scalable target.

    Returns:
        The last pass, a step a resource that was found or asked for; what is not in ``until`` is left to do.
    """
    deadline = time.monotonic() + seconds
    while True:
        names = dict.fromkeys([*known, *unseen_names_of(run)])
        with ExitStack() as stack:
            for one in (client, scaling) if scaling is not None else (client,):
                stack.enter_context(_no_call_after(one, deadline))
            steps = _pass(client, run, names, newest, kinds, scaling)
        if all(step.outcome in until for step in steps) or time.monotonic() + POLL_SECONDS > deadline:
            return steps
        time.sleep(POLL_SECONDS)


def _pass(
    client: Any,
    run: UUID,
    known: Collection[str],
    newest: int | None = None,
    kinds: Sequence[Kind] = KINDS,
    scaling: Any = None,
) -> list[Step]:
    """What is known goes first: should listing take all the time, it has been asked for."""
    steps = [step for name in known for step in delete_named(client, name, kinds=kinds, scaling=scaling)]
    listed, failed = _found(client, run, kinds)
    names = _latest_first(name for names in listed.values() for name in names)
    # What cannot be listed may still be deleted: a run has rarely more than one attempt.
    unseen = [resource_name(run, 1)] if failed else []
    others = [name for name in dict.fromkeys([*names, *unseen]) if name not in known]
    for name in others:
        if newest is None or attempt_of(name) <= newest:
            steps += delete_named(client, name, [kind for kind in listed if name in listed[kind]], kinds, scaling)
    return steps + failed


def _found(client: Any, run: UUID, kinds: Collection[Kind]) -> tuple[dict[Kind, set[str]], list[Step]]:
    """Names of a run by kind, and a failed step for each kind that could not be listed."""
    names: dict[Kind, set[str]] = {}
    failed: list[Step] = []
    for kind in kinds:
        try:
            names[kind] = {name for name, _, _ in kind.named_like_ours(client, run)}
        except AWS_ERRORS as error:
            failed.append(Step(kind.noun, f"{PROJECT}-{run.hex}-*", Outcome.FAILED, f"not listed: {text_of(error)}"))
    return names, failed


def delete_named(
    client: Any, name: str, listed: Collection[Kind] = (), kinds: Sequence[Kind] = KINDS, scaling: Any = None
) -> list[Step]:
    """One pass over the resources of one name: what is billed first, then what it no longer uses.

    An endpoint that is being deleted uses nothing any more: AWS's own examples delete the three in one go.

    Args:
        client: boto3's for SageMaker.
        name: Of all of them.
        listed: Kinds of which a listing has just shown one of this name: if it cannot be found, the next pass decides.
        kinds: That are looked for.
        scaling: boto3's for Application Auto Scaling, where the endpoint may be a scalable target: that ends first.
    """
    unscaled = [] if scaling is None else deregistered(scaling, name)
    steps = [_attempted(client, kind, name, listed) for kind in kinds if kind.is_billed]
    there = [step.kind for step in steps if step.outcome in (Outcome.WAITING, Outcome.FAILED)]
    for kind in (kind for kind in kinds if not kind.is_billed):
        if there:
            steps.append(Step(kind.noun, name, Outcome.WAITING, f"its {there[0]} is still there"))
        else:
            steps.append(_attempted(client, kind, name, listed))
    return steps + unscaled


def deregistered(scaling: Any, name: str) -> list[Step]:
    """Deregister the scalable target of a name; AWS's refusals become outcomes, and keep no endpoint from its end.

    Args:
        scaling: boto3's for Application Auto Scaling.
        name: Of the endpoint.

    Returns:
        One step; none where AWS does not let it be known whether there is a target.
    """
    try:
        is_gone = deregister(scaling, name)
    except AWS_ERRORS as error:
        waits = isinstance(error, TimeIsOver)
        return [Step(TARGET, name, Outcome.WAITING if waits else Outcome.FAILED, text_of(error))]
    if is_gone is None:
        return []
    if is_gone:
        return [Step(TARGET, name, Outcome.GONE)]
    return [Step(TARGET, name, Outcome.FOREIGN, "its name looks like ours, its tags do not say so")]


def _attempted(client: Any, kind: Kind, name: str, listed: Collection[Kind]) -> Step:
    """Delete one resource, if it is there, ours and unused; AWS's refusals become outcomes."""
    try:
        step = _deleted(client, kind, name, listed)
    except AWS_ERRORS as error:
        waits = is_in_progress(error) or isinstance(error, TimeIsOver)
        step = Step(kind.noun, name, Outcome.WAITING if waits else Outcome.FAILED, text_of(error))
    if step.outcome in (Outcome.GONE, Outcome.REQUESTED):
        ended(kind, name)
    return step


def _deleted(client: Any, kind: Kind, name: str, listed: Collection[Kind]) -> Step:
    there = kind.described(client, name)
    if there is None:
        return _not_found(kind, name, listed)
    try:
        return _deleted_if_ours(client, kind, name, there)
    except ClientError as error:
        if not is_missing(error):
            raise
    # Somebody else has deleted it meanwhile, or one of the answers came from a copy that lags behind.
    return _not_found(kind, name, (kind,) if kind.described(client, name) else listed)


def _not_found(kind: Kind, name: str, listed: Collection[Kind]) -> Step:
    if kind in listed or may_be_unseen(kind, name):
        return Step(kind.noun, name, Outcome.WAITING, "AWS does not see it, and may only not see it yet")
    return Step(kind.noun, name, Outcome.GONE)


def _deleted_if_ours(client: Any, kind: Kind, name: str, there: Mapping[str, Any]) -> Step:
    if not is_ours(name, tags_of(client, there[f"{kind.key}Arn"])):
        if may_be_unseen(kind, name):
            return Step(kind.noun, name, Outcome.WAITING, "AWS does not show its tags yet")
        return Step(kind.noun, name, Outcome.FOREIGN, "its name looks like ours, its tags do not say so")
    status = there.get(f"{kind.key}Status")
    if status in (DELETING, STOPPING):
        return Step(kind.noun, name, Outcome.REQUESTED)
    if status in ENDED and kind is TRANSFORM:
        return Step(kind.noun, name, Outcome.GONE)
    users = [] if kind.is_billed else sorted(_users(client, kind, name, there["CreationTime"]))
    if users:
        return Step(kind.noun, name, Outcome.WAITING, f"used by endpoint {', '.join(users)}")
    kind.delete(client, name)
    return Step(kind.noun, name, Outcome.REQUESTED if kind.is_billed else Outcome.GONE)


def _users(client: Any, kind: Kind, name: str, created: datetime) -> set[str]:
    """Endpoints that use a configuration or a model and are not being deleted.

    Whoever uses it was created or changed after it: only these are asked.
    """
    since = created - CLOCK_SKEW
    configs = {name} if kind is CONFIG else _configs_with(client, name, since)
    return {
        summary["EndpointName"]
        for summary in (ENDPOINT.listed(client, LastModifiedTimeAfter=since) if configs else ())
        if summary["EndpointStatus"] != DELETING and configs & _configs_of(client, summary["EndpointName"])
    }


def _configs_with(client: Any, model: str, since: datetime) -> set[str]:
    names = [summary["EndpointConfigName"] for summary in CONFIG.listed(client, CreationTimeAfter=since)]
    configs = {name: variants_of(CONFIG.described(client, name) or {}) for name in names}
    return {name for name, variants in configs.items() if any(one.get("ModelName") == model for one in variants)}


def _configs_of(client: Any, endpoint: str) -> set[str]:
    described = ENDPOINT.described(client, endpoint) or {}
    pending = described.get("PendingDeploymentSummary", {})
    return {str(one.get("EndpointConfigName", "")) for one in (described, pending)}
