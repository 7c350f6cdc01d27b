"""What a run has in SageMaker: a few kinds of resource under one name, told from others' by name and tags.

And what AWS says of them: whether one is missing or busy, in which words, and at what time. botocore and the standard
library alone: the sweeper's Lambda holds this, too.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

PROJECT = "flood-extent"
PROJECT_TAG, RUN_TAG, OWNER_TAG = "project", "flow-run-id", "owner"
LEASE_TAG, CAP_TAG = "lease-until", "max-endpoint-minutes"
NAME = re.compile(rf"{PROJECT}-(?P<run>[0-9a-f]{{32}})-(?P<attempt>[1-9][0-9]{{0,3}})")
PAGE_SIZE = 100
DELETING = "Deleting"
IN_PROGRESS, STOPPING = "InProgress", "Stopping"
# Of a transform job: it costs nothing any more, and stays in lists under its name for good.
ENDED = frozenset({"Completed", "Failed", "Stopped"})
# Codes by which AWS says that a permission is missing.
DENIED = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"})
# What a call to AWS can raise; an answer that cannot be read, a proxy's page perhaps, has a class of its own.
AWS_ERRORS = (ClientError, BotoCoreError, ResponseParserError)


@dataclass(frozen=True)
class Kind:
    """One of the kinds of resource, with SageMaker's words for it.

    Attributes:
        noun: As AWS's messages say it.
        slug: As boto3's methods are named.
        key: As the members of requests and answers start.
        summaries: The member of a list's answer; empty where that is the plural of ``key``.
        ends_by: The verb of what ends one.
        is_billed: Whether it costs money while it is there.
    """

    noun: str
    slug: str
    key: str
    summaries: str = ""
    ends_by: str = "delete"
    is_billed: bool = False

    def listed(self, client: Any, **filters: Any) -> Iterator[dict[str, Any]]:
        """Summaries of all that match, over all pages."""
        for page in pages(client, f"list_{self.slug}s", MaxResults=PAGE_SIZE, **filters):
            yield from page.get(self.summaries or f"{self.key}s", ())

    def named_like_ours(
        self, client: Any, run: UUID | None = None, **filters: Any
    ) -> list[tuple[str, UUID, Mapping[str, Any]]]:
        """Name, run and summary of each that is named as ours are: of one run, or of all."""
        found = self.listed(client, NameContains=f"{PROJECT}-{run.hex}-" if run else f"{PROJECT}-", **filters)
        named = [(summary[f"{self.key}Name"], summary) for summary in found]
        return [(name, its, summary) for name, summary in named if (its := run_of(name)) and run in (None, its)]

    def described(self, client: Any, name: str) -> dict[str, Any] | None:
        """What is known of one; None where it does not exist."""
        try:
            answer: dict[str, Any] = getattr(client, f"describe_{self.slug}")(**{f"{self.key}Name": name})
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        return answer

    def delete(self, client: Any, name: str) -> None:
        """Ask for its end: a transform job is stopped, all else deleted."""
        getattr(client, f"{self.ends_by}_{self.slug}")(**{f"{self.key}Name": name})


def pages(client: Any, operation: str, **parameters: Any) -> Iterator[Mapping[str, Any]]:
    """All pages of a listing, each asked for by a call of its own: botocore's paginators cannot be stopped by time."""
    while True:
        page: Mapping[str, Any] = getattr(client, operation)(**parameters)
        yield page
        if not page.get("NextToken"):
            return
        parameters["NextToken"] = page["NextToken"]


ENDPOINT = Kind("endpoint", "endpoint", "Endpoint", is_billed=True)
CONFIG = Kind("endpoint configuration", "endpoint_config", "EndpointConfig")
MODEL = Kind("model", "model", "Model")
TRANSFORM = Kind("transform job", "transform_job", "TransformJob", "TransformJobSummaries", "stop", is_billed=True)
# What a run may have: with a real-time endpoint, and with a transform job. Each begins with what costs money.
KINDS = (ENDPOINT, CONFIG, MODEL)
BATCH_KINDS = (TRANSFORM, MODEL)


def run_of(name: str) -> UUID | None:
    """The flow run that a name of ours belongs to; None where the name is not ours."""
    match = NAME.fullmatch(name)
    return UUID(match["run"]) if match else None


def resource_name(run: UUID, attempt: int) -> str:
    """What endpoint or transform job, configuration and model of a run's attempt are called."""
    return f"{PROJECT}-{run.hex}-{attempt}"


def attempt_of(name: str) -> int:
    """The number at the end of a name of ours.

    Raises:
        ValueError: The name is not ours.
    """
    match = NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is no name of ours: flood-extent-<32 hexadecimal digits>-<attempt>")
    return int(match["attempt"])


def tags_of(client: Any, arn: str) -> dict[str, str]:
    """The tags of a resource."""
    found = pages(client, "list_tags", ResourceArn=arn)
    return {tag["Key"]: tag["Value"] for page in found for tag in page.get("Tags", ())}


def variants_of(described: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The variants of an endpoint or a configuration, shadow variants too."""
    return [*described.get("ProductionVariants", ()), *described.get("ShadowProductionVariants", ())]


def is_ours(name: str, tags: Mapping[str, str]) -> bool:
    """Whether name and tags both say that a run of ours made it."""
    run = run_of(name)
    return run is not None and tags.get(PROJECT_TAG) == PROJECT and tags.get(RUN_TAG) == str(run)


def is_missing(error: BaseException) -> bool:
    """Whether AWS says that there is no such resource."""
    code, message = code_of(error), message_of(error)
    return code in ("ResourceNotFound", "ResourceNotFoundException") or (
        code == "ValidationException" and message.startswith(("Could not find", "Requested resource not found"))
    )


def is_taken(error: BaseException) -> bool:
    """Whether AWS says that there is a resource of this kind and name already."""
    if code_of(error) == "ResourceInUse":  # of a job: its name is taken for good
        return "already exists" in message_of(error)
    return code_of(error) == "ValidationException" and "already existing" in message_of(error)


def is_in_progress(error: BaseException) -> bool:
    """Whether AWS says that the resource is busy or in use just now."""
    message = message_of(error).lower()
    return code_of(error) in ("ConflictException", "ResourceInUse") or any(
        text in message for text in ("in-progress", "in progress", "in use")
    )


def code_of(error: BaseException) -> str:
    """AWS's code of an error; empty where it has none."""
    return str(_answer_of(error).get("Code", ""))


def message_of(error: BaseException) -> str:
    """AWS's own words for an error; empty where it has none."""
    return str(_answer_of(error).get("Message", ""))


def _answer_of(error: BaseException) -> Mapping[str, Any]:
    answer = getattr(error, "response", None) or {}  # None where a connection broke off
    found: Mapping[str, Any] = answer.get("Error", {})
    return found


def text_of(error: Exception) -> str:
    """An error in one line: AWS's code and words, or the library's."""
    return f"{code_of(error)}: {message_of(error)}" if code_of(error) else str(error) or type(error).__name__


def date_of(answer: Mapping[str, Any]) -> datetime | None:
    """The Date header of an answer of boto3, UTC; None where it has none that can be read."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return parsedate_to_datetime(date).astimezone(UTC)
    except ValueError:
        return None
