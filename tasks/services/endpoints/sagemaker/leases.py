"""The lease of what a run deployed: a tag that says until when it is to be kept, renewed while the run's process lives.

Whoever kills that process, however thoroughly, stops the renewals; the sweep deletes what a lapsed lease is on.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tasks.services.endpoints.contract import EndpointSpec, Report
from tasks.services.endpoints.teardown.sagemaker_resources import (
    CAP_TAG,
    LEASE_TAG,
    OWNER_TAG,
    PROJECT,
    PROJECT_TAG,
    RUN_TAG,
    date_of,
    text_of,
)
from tasks.services.endpoints.teardown.sweeping import write_lease

# Five renewals may fail before a lease of 30 minutes lapses.
RENEWALS_A_LEASE = 6


@dataclass
class AwsClock:
    """AWS's time, kept between answers by this process's monotonic clock.

    Attributes:
        answered: AWS's time of the last answer.
        at: Monotonic seconds when that answer came.
    """

    answered: datetime = field(default_factory=lambda: datetime.now(UTC))
    at: float = field(default_factory=time.monotonic)

    def set_by(self, answer: Mapping[str, Any]) -> None:
        """Take the time from an answer of boto3; one without a date changes nothing."""
        date = date_of(answer)
        if date is not None:
            self.answered, self.at = date, time.monotonic()

    def now(self) -> datetime:
        """AWS's time now, UTC."""
        return self.answered + timedelta(seconds=time.monotonic() - self.at)


class Lease:
    """Keeps the resources of one run alive in the eyes of the sweep.

    Renewing fails softly: it is said, and tried again a sixth of the lease later. Without any, the sweep comes.
    """

    def __init__(
        self, client: Any, run: UUID, spec: EndpointSpec, report: Report, at_cap: Callable[[], object] = lambda: None
    ) -> None:
        """Of a run's resources; ``at_cap`` is called once, when they may not be kept any longer."""
        self.clock = AwsClock()
        self._at_cap = at_cap
        self._client, self._run, self._spec, self._report = client, run, spec, report
        self._arns: list[str] = []
        self._ended = threading.Event()
        self._cap: datetime | None = None
        self._thread = threading.Thread(target=self._renew_until_ended, name="lease", daemon=True)

    def tags(self) -> dict[str, str]:
        """What a resource of this run is created with."""
        owner = {OWNER_TAG: self._spec.owner} if self._spec.owner else {}
        return {
            PROJECT_TAG: PROJECT,
            RUN_TAG: str(self._run),
            LEASE_TAG: write_lease(self._until()),
            CAP_TAG: str(self._spec.max_minutes),
            **owner,
        }

    def tags_of_target(self) -> dict[str, str]:
        """What its endpoint's scalable target is registered with: whose it is, for it has no life of its own."""
        return {name: value for name, value in self.tags().items() if name in (PROJECT_TAG, RUN_TAG, OWNER_TAG)}

    def begin(self) -> None:
        """Start renewing in the background."""
        self._thread.start()

    def hold(self, arn: str) -> None:
        """Renew this resource, too."""
        self._arns.append(arn)

    def let_go(self, name: str) -> None:
        """Renew the resources of this name no more."""
        self._arns = [arn for arn in self._arns if not arn.endswith(f"/{name}")]

    def end(self) -> None:
        """Renew nothing any more."""
        self._ended.set()

    def _until(self) -> datetime:
        """The lease's end from now; never past the cap, which begins with the first resource."""
        now = self.clock.now()
        self._cap = self._cap or now + timedelta(minutes=self._spec.max_minutes)
        return min(now + timedelta(minutes=self._spec.lease_minutes), self._cap)

    def _renew_until_ended(self) -> None:
        while not self._ended.wait(self._spec.lease_minutes * 60 / RENEWALS_A_LEASE):
            if self._cap is not None and self.clock.now() >= self._cap:
                with suppress(Exception):  # a log that is closed
                    self._report(
                        f"the endpoint is {self._spec.max_minutes} minutes old, as `max_endpoint_minutes` allows"
                    )
                self._at_cap()
                return
            for arn in tuple(self._arns):
                self._renew(arn)

    def renew(self, arn: str) -> None:
        """Renew the lease of one resource.

        Raises:
            ClientError: AWS refuses; or another of ``AWS_ERRORS``.
        """
        tag = {"Key": LEASE_TAG, "Value": write_lease(self._until())}
        self.clock.set_by(self._client.add_tags(ResourceArn=arn, Tags=[tag]))

    def _renew(self, arn: str) -> None:
        try:
            self.renew(arn)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next renewal must be tried
            if self._ended.is_set():
                return
            with suppress(Exception):  # a log that is closed
                self._report(f"the lease of {arn} was not renewed, and will be tried again: {text_of(error)}")
