"""The sweep: finds what runs of ours have left in SageMaker, and deletes what is nobody's any more.

It runs on a schedule, from the command line, and as a Lambda that needs neither Prefect nor our machines: boto3 and the
standard library alone. A resource goes only if

- its lease has lapsed: the flow renews the tag ``lease-until`` as long as it lives; or
- it is older than its run may keep it, whatever its lease says; or
- the Prefect server that the tag ``owner`` names was asked, and says that the run has ended.

Time is AWS's own. A server that cannot be asked, or does not know the run, is no reason: another server's run looks
just like a deleted one.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from tasks.services.endpoints.teardown.sagemaker_resources import (
    AWS_ERRORS,
    CAP_TAG,
    ENDPOINT,
    IN_PROGRESS,
    KINDS,
    LEASE_TAG,
    OWNER_TAG,
    TRANSFORM,
    Kind,
    date_of,
    is_missing,
    is_ours,
    run_of,
    tags_of,
    text_of,
)
from tasks.services.endpoints.teardown.scalable_targets import scaled_names
from tasks.services.endpoints.teardown.teardown import ACCEPTED, Outcome, Step, delete_named, deregistered

T = TypeVar("T")
MAX_ENDPOINT_MINUTES = 240
# AWS itself gives an endpoint up that has been Creating for an hour or so.
GRACE = timedelta(hours=2)
# What a run may ask for at most; a tag that says more was not written by one.
LONGEST_MINUTES = 1440
# A sweep is not in a hurry: what fails is tried again, for errors of AWS may pass.
TRIES, PAUSE_SECONDS = 3, 1.0
LEASE_FORMAT = "%Y-%m-%dT%H:%M:%S%z"

HasEnded = Callable[[str, UUID], bool]
"""Whether the server that an owner tag names is at hand, knows the run, and says that it has ended."""


@dataclass
class Attempt:
    """What was found under one name: a few resources that live and die together.

    Attributes:
        name: Shared by all.
        run: The flow run that made it.
        created: When the oldest was created.
        tags: Of all of them.
        leases: Until when each was to be kept; the latest counts.
        unread: What could not be found out of it: then it stays.
        transforms: Whether a transform job in progress is among them.
        hosted: Whether an endpoint is.
    """

    name: str
    run: UUID
    created: datetime
    tags: dict[str, str] = field(default_factory=dict)
    leases: list[datetime] = field(default_factory=list)
    unread: list[Step] = field(default_factory=list)
    transforms: bool = False
    hosted: bool = False

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What is looked for under the name."""
        return (TRANSFORM, *KINDS) if self.transforms else KINDS

    def add(self, summary: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """Take a further resource of this name into account."""
        self.created = min(self.created, summary["CreationTime"])
        self.tags |= tags
        self.leases += [lease for lease in [read_lease(tags.get(LEASE_TAG, ""))] if lease is not None]

    def reason_to_go(self, now: datetime, max_minutes: float, has_ended: HasEnded) -> str:
        """Why it is nobody's any more; empty where somebody may still need it."""
        cap = self._cap(max_minutes)
        if self.leases and max(self.leases) < now:
            return f"its lease lapsed at {write_lease(max(self.leases))}"
        if now - self.created > timedelta(minutes=cap):
            return f"it is older than {cap:g} minutes"
        owner = self.tags.get(OWNER_TAG, "")
        return "its run has ended" if owner and has_ended(owner, self.run) else ""

    def _cap(self, max_minutes: float) -> float:
        """Of its own tag, which a run writes as whole minutes; anything else there counts for nothing."""
        try:
            minutes = int(self.tags[CAP_TAG])
        except (KeyError, ValueError):
            return max_minutes
        return minutes if 0 < minutes <= LONGEST_MINUTES else max_minutes


@dataclass(frozen=True)
class SweepResult:
    """What the sweep thought and did of one attempt.

    Attributes:
        name: Of endpoint or transform job, configuration and model.
        run: The flow run that made them.
        reason: Why they go; empty where they stay.
        steps: What was done; of one that stays, what could not be found out.
        overdue: Whether it is hours older than it may be.
    """

    name: str
    run: UUID
    reason: str
    steps: tuple[Step, ...] = ()
    overdue: bool = False

    @property
    def failed(self) -> list[Step]:
        """What should have gone and could not, for a reason that will not pass by itself.

        An endpoint that AWS cannot delete yet is one, too, once it should have gone hours ago: it may be on the bill.
        """
        stuck = [step for step in self.steps if self.overdue and step.outcome is Outcome.WAITING]
        return stuck + [step for step in self.steps if step.outcome is Outcome.FAILED]

    @property
    def left(self) -> list[Step]:
        """What AWS has not accepted the deletion of: the next sweep goes on with it."""
        return [step for step in self.steps if step.outcome not in ACCEPTED]

    def __str__(self) -> str:
        done = "; ".join(map(str, self.steps))
        if not self.reason:
            return f"{self.name}: kept, {done or 'its run may still need it'}"
        return f"{self.name}: {self.reason}: {done or 'would be deleted'}"


def nobody_knows(owner: str, run: UUID) -> bool:  # noqa: ARG001 - a HasEnded
    """Without a server to ask, no run is known to have ended."""
    return False


def sweep(
    client: Any,
    *,
    has_ended: HasEnded = nobody_knows,
    max_minutes: float = MAX_ENDPOINT_MINUTES,
    dry_run: bool = False,
    scaling: Any = None,
) -> list[SweepResult]:
    """Judge everything of ours, and delete what is nobody's any more.

    Args:
        client: boto3's for SageMaker (``teardown.make_client``).
        has_ended: Asks the Prefect server at hand.
        max_minutes: Age from which a resource goes that does not carry a cap of its own.
        dry_run: Judge only.
        scaling: boto3's for Application Auto Scaling; without it, scalable targets are left to AWS.

    Returns:
        One an attempt, kept ones too, by name; then one a scalable target that has outlived its endpoint.

    Raises:
        botocore.exceptions.ClientError: The listing itself is refused; nothing was deleted. Where only transform jobs
            may not be listed, all else was swept.
        botocore.exceptions.BotoCoreError: AWS does not answer; likewise.
    """
    # First: what is registered after this look belongs to an endpoint that the next ones may not see.
    scaled = set[str]() if scaling is None else _tried(partial(scaled_names, scaling))
    now, attempts, unlisted = find(client)
    hosted = {attempt.name for attempt in attempts if attempt.hosted and attempt.name in scaled}
    results = [
        _swept(client, attempt, now, has_ended, max_minutes, dry_run, scaling if attempt.name in hosted else None)
        for attempt in attempts
    ]
    results += [found for name in sorted(scaled - hosted) for found in _outlived(client, scaling, name, dry_run)]
    if unlisted is not None:
        raise unlisted
    return results


def _swept(
    client: Any,
    attempt: Attempt,
    now: datetime,
    has_ended: HasEnded,
    max_minutes: float,
    dry_run: bool,
    scaling: Any,
) -> SweepResult:
    if attempt.unread:
        return SweepResult(attempt.name, attempt.run, "", tuple(attempt.unread))
    reason = attempt.reason_to_go(now, max_minutes, has_ended)
    steps = _deleted(client, attempt, scaling) if reason and not dry_run else []
    overdue = now - attempt.created > timedelta(minutes=max_minutes) + GRACE
    return SweepResult(attempt.name, attempt.run, reason, tuple(steps), overdue)


def _outlived(client: Any, scaling: Any, name: str, dry_run: bool) -> list[SweepResult]:
    """A scalable target whose endpoint is gone, which it was registered for: nobody can need it."""
    run = run_of(name)
    if run is None or _tried(partial(ENDPOINT.described, client, name)) is not None:
        return []
    steps = () if dry_run else tuple(deregistered(scaling, name))
    return [SweepResult(name, run, "its endpoint is gone, its scalable target is not", steps)]


def _deleted(client: Any, attempt: Attempt, scaling: Any) -> list[Step]:
    """Passes over one name, until nothing in it fails or it has failed often enough."""
    for _ in range(TRIES - 1):
        steps = delete_named(client, attempt.name, kinds=attempt.kinds, scaling=scaling)
        if all(step.outcome is not Outcome.FAILED for step in steps):
            return steps
        time.sleep(PAUSE_SECONDS)
    return delete_named(client, attempt.name, kinds=attempt.kinds, scaling=scaling)


def find(client: Any) -> tuple[datetime, list[Attempt], Exception | None]:
    """AWS's time, everything that name and tags say is ours, and why transform jobs could not be listed.

    A role that was made before there were any may not list them: no reason to leave endpoints alone.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to list.
        botocore.exceptions.BotoCoreError: AWS does not answer.
    """
    # No machine's own clock is trusted with a lease, unless the answer has no date.
    now = date_of(_tried(partial(client.list_endpoints, MaxResults=1))) or datetime.now(UTC)
    attempts: dict[str, Attempt] = {}
    for kind in KINDS:
        _add_listed(client, kind, attempts)
    try:  # those that have ended cost nothing, and are listed for good
        _add_listed(client, TRANSFORM, attempts, StatusEquals=IN_PROGRESS)
    except AWS_ERRORS as error:
        return now, _by_name(attempts), error
    return now, _by_name(attempts), None


def _by_name(attempts: Mapping[str, Attempt]) -> list[Attempt]:
    return sorted(attempts.values(), key=lambda attempt: attempt.name)


def _add_listed(client: Any, kind: Kind, attempts: dict[str, Attempt], **filters: Any) -> None:
    """What is listed of one kind, to the attempts by name."""
    for name, run, summary in _tried(partial(kind.named_like_ours, client, **filters)):
        fresh = Attempt(name, run, summary["CreationTime"])
        try:
            tags = _tried(partial(tags_of, client, summary[f"{kind.key}Arn"]))
        except AWS_ERRORS as error:  # of one resource: the others are swept all the same
            if is_missing(error):  # somebody else deleted it between the listing and now
                continue
            step = Step(kind.noun, name, Outcome.FAILED, f"its tags cannot be read: {text_of(error)}")
            attempts.setdefault(name, fresh).unread.append(step)
            continue
        if is_ours(name, tags):
            attempt = attempts.setdefault(name, fresh)
            attempt.add(summary, tags)
            attempt.transforms |= kind is TRANSFORM
            attempt.hosted |= kind is ENDPOINT


def _tried(ask: Callable[[], T]) -> T:
    """The answer, though AWS fails at first."""
    for _ in range(TRIES - 1):
        try:
            return ask()
        except AWS_ERRORS as error:
            if is_missing(error):
                raise
            time.sleep(PAUSE_SECONDS)
    return ask()


def read_lease(text: str) -> datetime | None:
    """The time of a lease tag; None where it is missing or not one of ours."""
    try:
        return datetime.strptime(text, LEASE_FORMAT).astimezone(UTC)
    except (ValueError, OverflowError):  # the first or last hours of the calendar, in a zone far from UTC
        return None


def write_lease(until: datetime) -> str:
    """The value of a lease tag: ISO 8601 in UTC, to the second."""
    return until.strftime(LEASE_FORMAT).replace("+0000", "Z")
