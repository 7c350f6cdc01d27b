"""AWS's errors, mapped once to ours: AWS's own words stay in the message, and what to do about it follows."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from tasks.core.errors import EndpointRefused, EndpointUnavailable, FloodExtentError
from tasks.services.endpoints.teardown.sagemaker_resources import DENIED, code_of, text_of

THROTTLED = frozenset(
    {
        "ThrottlingException",
        "Throttling",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "SlowDown",
    }
)
PASSING = THROTTLED | {
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "InternalFailure",
    "InternalServerException",
}
EXPIRED = frozenset({"ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidClientTokenId"})
LIMITS = frozenset({"ResourceLimitExceeded", "ServiceQuotaExceededException"})
SERVER_ERROR = 500
# Answers of the 400s that may pass: the request timed out, too many requests.
PASSING_STATUS = frozenset({408, 429})
SETTINGS = NoCredentialsError, PartialCredentialsError, NoRegionError, ProfileNotFound, TokenRetrievalError
# No whole answer came. Botocore's errors of connections are no ConnectionError of Python's.
SILENT = (
    HTTPClientError,
    EndpointConnectionError,
    IncompleteReadError,
    ResponseParserError,
    ConnectionError,
    TimeoutError,
)


class NoCapacity(EndpointUnavailable):
    """AWS is short of instances of this type just now; another type may do."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn an AWS error of the block into one of ours.

    Args:
        what: What the block does, for the message: ``endpoint flood-extent-…-1``.

    Raises:
        EndpointRefused: The same call would be refused again.
        EndpointUnavailable: Another attempt may succeed.
        NoCapacity: On another instance type, it may succeed at once.
    """
    try:
        yield
    except FloodExtentError:
        raise
    except ClientError as error:
        raise client_error(error, what) from error
    except SETTINGS as error:
        raise EndpointRefused(
            f"{what}: no usable AWS settings ({error}). Configure credentials and region as for the aws command, "
            "or name a prefect-aws credentials block in `aws_block`"
        ) from error
    except SILENT as error:
        raise EndpointUnavailable(f"{what}: AWS does not answer just now ({text_of(error)})") from error
    except BotoCoreError as error:
        raise EndpointRefused(f"{what}: {text_of(error)}") from error


def client_error(error: ClientError, what: str) -> FloodExtentError:
    """The error of the tree that stands for a refusal by AWS."""
    code, text = code_of(error), text_of(error)
    if is_capacity(text):
        return NoCapacity(f"{what}: AWS has no capacity just now ({text})")
    if code in PASSING or passes(status_of(error)):
        return EndpointUnavailable(f"{what}: AWS cannot just now ({text})")
    if code in LIMITS:
        return EndpointRefused(
            f"{what}: {text} Ask for a higher quota (AWS Service Quotas) or name another instance type"
        )
    if code in DENIED:
        return EndpointRefused(f"{what}: AWS denies it: {text}. Grant this permission to the role of the flow")
    if code in EXPIRED:
        return EndpointRefused(f"{what}: AWS does not accept the credentials ({text}). Renew them")
    return EndpointRefused(f"{what}: AWS refuses: {text}")


def is_capacity(text: str) -> bool:
    """Whether AWS says that it is short of instances: such an error may pass, and concerns one type alone."""
    return "InsufficientInstanceCapacity" in text or "InsufficientCapacity" in text


def passes(status: int) -> bool:
    """Whether an HTTP status says that the same request may succeed later."""
    return status >= SERVER_ERROR or status in PASSING_STATUS


def may_have_happened(error: Exception) -> bool:
    """Whether a call that ended in this error may have taken effect: its answer was lost, or AWS failed after it."""
    if not isinstance(error, ClientError):
        return isinstance(error, BotoCoreError | OSError)
    return code_of(error) in PASSING or passes(status_of(error))


def is_denied(error: ClientError) -> bool:
    """Whether AWS says that a permission is missing."""
    return code_of(error) in DENIED


def status_of(error: ClientError) -> int:
    """The HTTP status of AWS's answer; 0 where unknown."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
