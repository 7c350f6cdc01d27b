"""Asking AWS while a person waits: several things at once, each in bounded time."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Thread
from typing import Any

from tasks.core.errors import EndpointUnavailable
from tasks.core.tiles.plan import Finding, Verdict
from tasks.services.endpoints.sagemaker import aws_sessions
from tasks.services.endpoints.teardown.teardown import READ_SECONDS

Look = Callable[[], Finding]


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How long a look at AWS may take.

    Attributes:
        job_seconds: For the training job, which everything else depends on; importing the SDK is part of it.
        other_seconds: For all else, at once; an account has some two thousand quotas for SageMaker to page through.
        read_seconds: For one answer.
        attempts: Of one request.
    """

    job_seconds: float = 30.0
    other_seconds: float = 40.0
    read_seconds: float = READ_SECONDS
    attempts: int = 2


def session(seconds: float) -> Any:
    """boto3's session, which begins no request, and no further attempt of one, after some seconds.

    Raises:
        EndpointRefused: No region is set.
    """
    deadline = time.monotonic() + seconds

    def go_on() -> None:
        if time.monotonic() > deadline:
            raise EndpointUnavailable(_late(seconds))

    return aws_sessions.session(go_on)


def within(seconds: float, looks: Mapping[str, Look]) -> list[Finding]:
    """The findings of all looks, at once; what takes longer is unknown, and left to itself.

    Args:
        seconds: For all of them.
        looks: By name of what is looked at.
    """
    outcomes: dict[str, Finding | BaseException] = {}

    def do(name: str, look: Look) -> None:
        try:
            outcomes[name] = look()
        except BaseException as error:  # noqa: BLE001 - raised below, where somebody reads it
            outcomes[name] = error

    threads = [Thread(target=do, args=item, name=f"look-at-{item[0]}", daemon=True) for item in looks.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [_taken(outcomes.get(name, Finding(name, Verdict.UNKNOWN, _late(seconds)))) for name in looks]


def _taken(outcome: Finding | BaseException) -> Finding:
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def _late(seconds: float) -> str:
    return f"AWS has not answered within {seconds:g} s"
