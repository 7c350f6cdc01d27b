"""Finds out, before anything costs money, whether a run may renew its leases.

A role may tag what it creates and, apart from that, only what carries our tag (``infra/aws/template.yaml``): so nothing
can be asked before the first resource exists. The model and the configuration cost nothing. Each has its lease renewed
as soon as it is there, with the call, the tag and the condition that the endpoint's renewals will have.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore.exceptions import ClientError

from tasks.core.errors import EndpointRefused
from tasks.services.endpoints.sagemaker.aws_errors import is_denied
from tasks.services.endpoints.sagemaker.hosting import Host
from tasks.services.endpoints.teardown.sagemaker_resources import AWS_ERRORS, is_missing, text_of

PERMISSION = "sagemaker:AddTags"
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0


@dataclass(frozen=True)
class LeaseProbe:
    """Asks AWS by way of a run's own lease.

    Attributes:
        host: What creates: its client, its lease, and whether the run is being torn down.
        seconds: For which AWS may deny it: a new tag counts in its judgements only after a moment.
    """

    host: Host
    seconds: float

    def read_clock(self, name: str) -> None:
        """Take AWS's time from a look at the endpoint to come: no first lease rests on this machine's clock."""
        try:
            answer = self.host.client.describe_endpoint(EndpointName=name)
        except ClientError as error:  # there is none yet
            answer = error.response
        self.host.lease.clock.set_by(answer)

    @contextmanager
    def creating_with_tags(self, name: str) -> Iterator[None]:
        """Say of a creation that was denied for its tags what the tags are for.

        Raises:
            EndpointRefused: As in the block; where tagging is what is denied, with the reason.
        """
        try:
            yield
        except EndpointRefused as error:
            if PERMISSION not in str(error):
                raise
            raise EndpointRefused(
                f"endpoint {name}: nothing was created, for without the permission {PERMISSION} its lease could not be "
                f"renewed, nor an orphan be told from others' endpoints. AWS says: {error}"
            ) from error

    def check(self, what: str, arn: str) -> None:
        """Renew the lease of something that was just created.

        Only a denial counts: whatever else stands against a renewal passes, and the next one is tried all the same.

        Args:
            what: Kind and name, for the message.
            arn: Of the resource.

        Raises:
            EndpointRefused: AWS goes on denying it: the permission is named. Or the run is being torn down.
        """
        waited, step = 0.0, FIRST_PAUSE
        while (denial := self._denied(arn)) is not None:
            if waited >= self.seconds and is_denied(denial):
                raise EndpointRefused(
                    f"{what}: its lease cannot be renewed without the permission {PERMISSION} on what carries the tag "
                    f"project; no endpoint was created. AWS says: {text_of(denial)}"
                ) from denial
            if waited >= self.seconds:
                return
            self.host.pause(step)
            self.host.go_on()
            waited, step = waited + step, min(2 * step, LONGEST_PAUSE)

    def _denied(self, arn: str) -> ClientError | None:
        """What AWS says against it, where that may change or end the run; else None."""
        try:
            self.host.lease.renew(arn)
        except AWS_ERRORS as error:
            return error if isinstance(error, ClientError) and (is_denied(error) or is_missing(error)) else None
        return None
