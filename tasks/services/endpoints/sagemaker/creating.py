"""One creation in SageMaker, whose answers may be lost, and which AWS may not see at once itself.

Creating is eventually consistent, and callers are asked to try again:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html. What may exist after an attempt is
noted (``new_resources``), for whoever deletes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tasks.core.errors import EndpointRefused, FloodExtentError
from tasks.services.endpoints.sagemaker.aws_errors import may_have_happened
from tasks.services.endpoints.teardown import new_resources
from tasks.services.endpoints.teardown.sagemaker_resources import (
    CONFIG,
    ENDPOINT,
    MODEL,
    TRANSFORM,
    Kind,
    is_missing,
    is_ours,
    is_taken,
    message_of,
    tags_of,
)

# What each kind refers to by name, and AWS may not see yet.
BUILDS_ON = {CONFIG: MODEL, ENDPOINT: CONFIG, TRANSFORM: MODEL}


@dataclass(frozen=True)
class Creation:
    """A resource that is to be there.

    Attributes:
        kind: Endpoint, configuration, transform job or model.
        name: Its name.
        arn: Its ARN.
        client: boto3's for SageMaker, to look whether it is there.
        saw: Takes each answer that shows it.
        sent: How many requests were sent so far.
    """

    kind: Kind
    name: str
    arn: str
    client: Any
    saw: Callable[[Mapping[str, Any]], None]
    sent: Callable[[], int]

    def attempt(self, create: Callable[[], object]) -> Exception | None:
        """One attempt: None where the resource is there, else what AWS says where it may say otherwise in a moment.

        Args:
            create: Creates it by the SDK, which looks at it afterwards, and may fail in that.

        Raises:
            Exception: What ``create`` raised, where another attempt would end the same way.
            EndpointRefused: There is one of this name that is not ours.
        """
        before = self.sent()
        try:
            create()
        except FloodExtentError:
            if self.sent() > before:  # torn down between two attempts of the SDK, or while it looked
                new_resources.perhaps_created(self.kind, self.name)
            raise
        except Exception as error:  # noqa: BLE001 - the SDK has kinds of its own; raised again where it is final
            return self._after_error(error, may_exist=self.sent() > before and may_have_happened(error))
        new_resources.created(self.kind, self.name)
        return None

    def _after_error(self, error: Exception, *, may_exist: bool) -> Exception | None:
        looked = getattr(error, "operation_name", "").startswith("Describe")
        if looked or is_taken(error):
            new_resources.created(self.kind, self.name)
        elif may_exist:
            new_resources.perhaps_created(self.kind, self.name)
        if looked and is_missing(error):
            return None
        found = self._find()
        if found:
            new_resources.created(self.kind, self.name)
            return None
        if found is None or is_taken(error) or self._misses_part(error):
            return error
        raise error

    def _misses_part(self, error: Exception) -> bool:
        """Whether AWS does not find what the resource refers to: our own, and no artifact or role of others."""
        part, message = BUILDS_ON.get(self.kind), message_of(error)
        return part is not None and is_missing(error) and part.noun in message and self.name in message

    def _find(self) -> bool | None:
        """Whether it is there and ours; None where AWS shows it, and its tags not yet."""
        described = self.kind.described(self.client, self.name)
        if described is None:
            return False
        self.saw(described)
        try:
            tags = tags_of(self.client, self.arn)
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        if not is_ours(self.name, tags):
            raise EndpointRefused(
                f"{self.kind.noun} {self.name} exists already, and its tags do not say that it is ours"
            )
        return True
