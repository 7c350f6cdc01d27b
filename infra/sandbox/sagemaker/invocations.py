"""The SageMaker Runtime: invocations, answered by the project's model server as the endpoint's container.

Its label masks are answered as AWS's algorithm does, as indexed PNG, unless ``Settings.masks`` says otherwise; who
accepts probabilities gets them, where they fit SageMaker's limit of an answer.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from werkzeug.wrappers import Response

from infra.sandbox.sagemaker import masks
from infra.sandbox.sagemaker.lifecycle import Status
from infra.sandbox.sagemaker.sandbox_resources import ENDPOINT, MAX_BODY_BYTES, Estate, Settings
from infra.sandbox.wire import ACCOUNT, RUNTIME, Call, Handler, Refused, refusal
from tasks.core.errors import EndpointRefused, EndpointUnavailable
from tasks.core.models.known_models import ATTRIBUTES, PNG_TYPE
from tasks.services.endpoints.local_endpoint import LocalEndpoint

ANSWER_SECONDS = 60.0  # that SageMaker gives a container
CONTAINER = "sandbox"
THROTTLED = Refused("Rate exceeded", code="ThrottlingException")
TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for "
    "each container in Amazon CloudWatch, resolve the issue, and try again."
)
LOGS = "{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logEventViewer:group={group}"


def log_group(endpoint: str) -> str:
    """The CloudWatch log group of an endpoint's containers."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"


def model_error(call: Call, status: int, message: str) -> Response:
    """What SageMaker makes of a container that answers 4xx or 5xx, or not in time (``status`` 0)."""
    side = "client" if 400 <= status < 500 else "server"  # noqa: PLR2004 - HTTP's own
    group = log_group(call.name)
    description = (
        f'Received {side} error ({status}) from primary with message "{message}". '
        f"See https://{LOGS.format(region=call.region, group=group)} in account {ACCOUNT} for more information."
    )
    members = {
        "OriginalStatusCode": status,
        "OriginalMessage": message,
        "LogStreamArn": f"arn:aws:logs:{call.region}:{ACCOUNT}:log-group:{group}",
    }
    return refusal(call, Refused(description, code="ModelError", status=424), members)


class Container:
    """The model server, started when it is first asked.

    Raises:
        EndpointRefused: There is no such model.
    """

    def __init__(self, model: str) -> None:
        self._endpoint = LocalEndpoint(model)
        self._endpoint.model_identity()
        self._lock = threading.Lock()
        self._url: str | None = None
        self._client = httpx.Client(trust_env=False, timeout=httpx.Timeout(ANSWER_SECONDS, connect=10.0))

    def answer(self, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """What it says to an invocation.

        Raises:
            EndpointRefused: It cannot be started.
            EndpointUnavailable: It did not start.
            httpx.TransportError: It does not answer.
        """
        with self._lock:
            self._url = self._url or self._endpoint.deploy(CONTAINER).url
        return self._client.post(f"{self._url}/invocations", content=body, headers=headers)

    def stop(self) -> None:
        """End it."""
        self._endpoint.delete(CONTAINER)
        self._client.close()


class Capacity:
    """How much one endpoint serves at once and a second; more is throttled."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._lock = threading.Lock()
        self._in_flight: Counter[str] = Counter()
        self._buckets: defaultdict[str, _Bucket] = defaultdict(lambda: _Bucket(clock()))

    @contextmanager
    def place(self, endpoint: str, instances: int) -> Iterator[None]:
        """Room for one request.

        Raises:
            Refused: There is none.
        """
        with self._lock:
            limit, rate = self._settings.concurrency, self._settings.per_second
            if limit is not None and self._in_flight[endpoint] >= limit * instances:
                raise THROTTLED
            if rate is not None and not self._buckets[endpoint].take(self._clock(), rate):
                raise THROTTLED
            self._in_flight[endpoint] += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_flight[endpoint] -= 1


@dataclass
class _Bucket:
    """A token bucket that holds what one second brings, at least one."""

    filled: float
    tokens: float | None = None

    def take(self, now: float, rate: float) -> bool:
        size = max(rate, 1.0)
        tokens = size if self.tokens is None else min(size, self.tokens + (now - self.filled) * rate)
        self.filled, self.tokens = now, tokens - (tokens >= 1)
        return tokens >= 1


class Invocations:
    """The layer that answers InvokeEndpoint; other calls pass."""

    def __init__(self, inner: Handler, estate: Estate, container: Container) -> None:
        self._inner, self._estate, self._container = inner, estate, container
        self._capacity = Capacity(estate.settings)

    def __call__(self, call: Call) -> Response:
        """Answer an invocation of an endpoint that is in service."""
        if call.service != RUNTIME:
            return self._inner(call)
        if len(call.body) > (limit := self._estate.settings.max_body_bytes):
            return too_large(limit)
        try:
            instances = self._check(call)
            with self._capacity.place(call.name, instances):
                return self._ask(call)
        except Refused as refused:
            return refusal(call, refused)

    def _check(self, call: Call) -> int:
        with self._estate.lock:
            record = self._estate.records(ENDPOINT, call.region).get(call.name)
            # An endpoint serves on while it is updated.
            if record is None or record.endpoint_status not in {Status.IN_SERVICE, Status.UPDATING}:
                raise Refused(f"Endpoint {call.name} of account {ACCOUNT} not found.", code="ValidationError")
            counts: list[int] = [variant.get("CurrentInstanceCount", 1) for variant in record.production_variants]
        return max(1, sum(counts))

    def _ask(self, call: Call) -> Response:
        headers = {"content-type": call.environ.get("CONTENT_TYPE", "application/octet-stream")}
        if accept := call.environ.get("HTTP_ACCEPT"):
            headers["accept"] = accept
        if attributes := call.environ.get("HTTP_X_AMZN_SAGEMAKER_CUSTOM_ATTRIBUTES"):
            headers[ATTRIBUTES] = attributes
        try:
            answered = self._container.answer(call.body, headers)
        except httpx.TimeoutException:
            return model_error(call, 0, TIMED_OUT)
        except (httpx.TransportError, EndpointRefused, EndpointUnavailable) as error:
            return model_error(call, 500, str(error))
        if answered.is_error:
            return model_error(call, answered.status_code, answered.text)
        production = {"x-amzn-invoked-production-variant": "AllTraffic"}
        media_type = answered.headers["content-type"]
        content = as_set(answered, self._estate.settings)
        if len(content) > MAX_BODY_BYTES:
            return model_error(call, 500, f"the response of {len(content)} bytes exceeds {MAX_BODY_BYTES} bytes")
        return Response(content, 200, production, content_type=media_type)


def as_set(answered: httpx.Response, settings: Settings) -> bytes:
    """A container's answer, its label mask in the form that is set."""
    is_mask = answered.headers["content-type"] == PNG_TYPE
    return masks.converted(answered.content, settings.masks) if is_mask else answered.content


def too_large(limit: int) -> Response:
    """SageMaker's answer to a body over its limit; it never reaches the API proper, so it is plain text."""
    return Response(f"HTTP content length exceeded {limit} bytes.", 413, content_type="text/plain")
