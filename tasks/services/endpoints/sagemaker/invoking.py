"""Asks a SageMaker endpoint: pooled connections, few attempts, and no more requests in flight than it serves well."""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from tasks.core.errors import EndpointGone, EndpointRefused, EndpointUnavailable, FloodExtentError
from tasks.core.models.known_models import JPEG_TYPE, MAX_BODY_BYTES, PNG_TYPE
from tasks.services.endpoints.sagemaker.aws_errors import SERVER_ERROR, client_error, passes, translated
from tasks.services.endpoints.sagemaker.throttle import Pace
from tasks.services.endpoints.teardown.sagemaker_resources import code_of, is_missing, message_of, run_of

ANSWER_SECONDS = 60  # SageMaker's own limit, of the same page as MAX_BODY_BYTES
# What SageMaker gives as the container's status where the container did not answer in time.
NO_STATUS = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait for an endpoint, and how often to ask.

    Attributes:
        connect_seconds: For a connection.
        read_seconds: For an answer: above SageMaker's own limit, so that what it says of a slow model arrives.
        attempts: By botocore, where AWS is busy or silent; the task's own retries come on top of them.
    """

    connect_seconds: float = 10.0
    read_seconds: float = ANSWER_SECONDS + 10.0
    attempts: int = 3


LIMITS = Limits()


def invoke(
    name: str, jpeg: bytes, in_flight: int, limits: Limits = LIMITS, attributes: str = "", accept: str = PNG_TYPE
) -> bytes:
    """The endpoint's answer to an image, unchecked. Safe to call from several threads.

    Args:
        name: Of the endpoint.
        jpeg: Three-band NRG JPEG.
        in_flight: Requests of this process that the endpoint may have at once.
        limits: Of time and attempts.
        attributes: For the container, as it documents them; empty where it needs none.
        accept: Media type of the answer.

    Raises:
        EndpointRefused: Asking again would be refused again; AWS's own words and the endpoint's log group are in it.
        EndpointUnavailable: No answer, or not now.
    """
    if len(jpeg) > MAX_BODY_BYTES:
        raise EndpointRefused(
            f"endpoint {name}: the image of {len(jpeg):,} bytes is larger than the {MAX_BODY_BYTES:,} bytes that "
            "SageMaker takes: choose a smaller width"
        )
    with translated(f"endpoint {name}"):
        line = _line(name, max(1, in_flight), limits)
        told = {"CustomAttributes": attributes} if attributes else {}
        with line.places:
            return _asked(line.client, name, jpeg, limits, {"Accept": accept, **told})


def _asked(client: Any, name: str, jpeg: bytes, limits: Limits, told: Mapping[str, str]) -> bytes:
    try:
        answer = client.invoke_endpoint(EndpointName=name, ContentType=JPEG_TYPE, Body=jpeg, **told)
        return bytes(answer["Body"].read())
    except ReadTimeoutError as error:
        raise _too_slow(name, f"did not answer within {limits.read_seconds:g} s, {limits.attempts} times") from error
    except ClientError as error:
        found = _error_of_invocation(error, name) or client_error(error, f"endpoint {name}")
        if isinstance(found, EndpointRefused) and log_group(name) not in str(found):
            found = type(found)(f"{found}. The endpoint's log is {log_group(name)}")
        raise found from error


def log_group(name: str) -> str:
    """Where the endpoint's containers log in CloudWatch."""
    return f"CloudWatch log group /aws/sagemaker/Endpoints/{name}"


def _too_slow(name: str, what: str) -> EndpointRefused:
    return EndpointRefused(
        f"endpoint {name} {what}: the instance is too small for this image. Choose a smaller width or a larger "
        f"instance type; its log is {log_group(name)}"
    )


def _error_of_invocation(error: ClientError, name: str) -> FloodExtentError | None:
    """What is particular to asking an endpoint; None where AWS's general rules apply."""
    if code_of(error) == "ModelError":
        status = int(error.response.get("OriginalStatusCode", SERVER_ERROR))
        message = error.response.get("OriginalMessage") or message_of(error)
        if status == NO_STATUS:
            return _too_slow(name, f"did not answer within SageMaker's {ANSWER_SECONDS} s ({message})")
        kind = EndpointUnavailable if passes(status) else EndpointRefused
        return kind(f"endpoint {name}: the model answered {status}: {message}. Its log is {log_group(name)}")
    if is_missing(error) or (code_of(error).startswith("Validation") and "not found" in message_of(error)):
        ours = ", or past `max_endpoint_minutes`, or by the sweep because its lease was not renewed"
        by = f"by hand{ours if run_of(name) else ''}"
        return EndpointGone(
            f"endpoint {name} is not there any more ({message_of(error)}): deleted {by}. Run again: what was answered "
            "is kept"
        )
    return None


@dataclass(frozen=True, slots=True)
class _Line:
    """This process's line to one endpoint: its places, and a client that keeps the endpoint's pace."""

    places: threading.BoundedSemaphore
    client: Any


# Several threads ask for the first time at once, and must all get the same line.
_making = threading.Lock()


def _line(name: str, in_flight: int, limits: Limits) -> _Line:
    # As for S3: the environment that botocore reads is part of the key, and a forked process makes its own.
    settings = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
    with _making:
        return _made(name, in_flight, limits, os.getpid(), settings)


@lru_cache(maxsize=4)
def _made(_name: str, in_flight: int, limits: Limits, _process: int, _settings: tuple[tuple[str, str], ...]) -> _Line:
    config = Config(
        connect_timeout=limits.connect_seconds,
        read_timeout=limits.read_seconds,
        max_pool_connections=max(10, in_flight),
        tcp_keepalive=True,
        retries={"mode": "standard", "total_max_attempts": limits.attempts},
    )
    client = boto3.Session().client("sagemaker-runtime", config=config)
    Pace().attach(client)
    return _Line(threading.BoundedSemaphore(in_flight), client)


def _forget() -> None:
    """A forked process must not wait for a lock that a thread of its parent held."""
    global _making  # noqa: PLW0603 - the one that a fork may have locked for ever
    _making = threading.Lock()


os.register_at_fork(after_in_child=_forget)
