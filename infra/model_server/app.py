"""The SageMaker container contract over HTTP: ``GET /ping`` and ``POST /invocations``.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html

One answer a request and never a hang: 200 with a PNG label mask (8 bit, one channel, the size of the image); 400 not a
whole three-band JPEG, not one that the model takes, or one that it has no answer for; 408 the body did not arrive in
time; 413 too many bytes or pixels; 415 not ``image/jpeg``; 500 the model failed; 503 with ``Retry-After`` as many
requests wait as may (``admission``). After a refusal the connection is closed: what is left of the body is not taken
for the next request, nor kept.

Who accepts ``application/x-recordio-protobuf`` gets probabilities instead (``tasks.core.masks.probabilities``), from a
model that has them; the answer's content type says which it is.

``GET /metrics`` is for Prometheus. Like ``/ping`` it waits for no prediction.
"""

import asyncio
import os
import time
from dataclasses import dataclass
from functools import partial

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from infra.model_server import jpeg
from infra.model_server.admission import Admission, Full, Place
from infra.model_server.metrics import Metrics
from infra.model_server.refusal import LINGER_BYTES, Refusal
from tasks.core.errors import EndpointRefused
from tasks.core.masks import probabilities
from tasks.core.masks.labels import encode_mask
from tasks.core.models.known_models import ATTRIBUTES, CLIENT, JPEG_TYPE, PNG_TYPE, RECORD_TYPE, Model

LENGTH_DIGITS = 20
CLIENT_LETTERS = 64
# Who waits at the end of so long a queue is still answered within a minute, which is what SageMaker and our own clients
# wait, where a prediction takes up to six seconds. Bodies have 6 MB at most: it holds 48 MB of them for each of those.
QUEUED_EACH = 8
BUSY = 503
# In the scope of a request whose body has been read to its end.
BODY = "flood_extent.body"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server accepts.

    Attributes:
        max_bytes: Of a request's body; SageMaker's own limit is 6 MB.
        max_pixels: Of an image.
        body_seconds: In which a body must have arrived.
        concurrency: Predictions at a time.
        queue: Further requests that wait; None: eight for each prediction at a time.
        longest_wait_s: Nor do more wait than can be predicted in this time: whoever has asked gives up after a minute.
    """

    max_bytes: int = 6 * 1024 * 1024
    max_pixels: int = 100_000_000
    body_seconds: float = 30.0
    concurrency: int = os.cpu_count() or 1
    queue: int | None = None
    longest_wait_s: float = 30.0

    @property
    def places(self) -> Admission:
        """An empty server's."""
        queue = QUEUED_EACH * self.concurrency if self.queue is None else self.queue
        return Admission(self.concurrency, queue, self.longest_wait_s)


def create_app(model: Model, limits: Limits) -> ASGIApp:
    """The application that answers with a model, already loaded: it is ready as soon as it listens."""
    limiter = CapacityLimiter(limits.concurrency)  # threads; who waits for one waits in the admission
    admission = limits.places
    metrics = Metrics(admission)

    async def ping(_: Request) -> Response:
        return Response()

    async def invocations(request: Request) -> Response:
        _check_type(request)
        _check_length(request, limits)
        place = _enter(request, admission)
        try:
            body = await _body(request, limits, place, admission)
            asked = body, request.headers.get(ATTRIBUTES, ""), RECORD_TYPE in request.headers.get("accept", "").lower()
            answer = partial(_answer, model, *asked, limits.max_pixels)
            await _turn(request, admission, place)
            start = time.monotonic()
            content, kind = await to_thread.run_sync(answer, limiter=limiter)
            admission.predicted(metrics.predicted(time.monotonic() - start))
        finally:
            admission.leave(place)
        return Response(content, media_type=kind)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - Starlette's handlers are typed for any error
        # All of a body that is to come again is let in: a reset connection would lose the time in which to ask again.
        most_bytes = limits.max_bytes if error.status_code == BUSY else LINGER_BYTES
        linger_bytes = 0 if BODY in request.scope else most_bytes
        return Refusal(error.detail, error.status_code, error.headers, linger_bytes=linger_bytes)

    return metrics.counting(
        Starlette(
            routes=[
                Route("/ping", ping, methods=["GET"]),
                Route("/metrics", metrics.answer, methods=["GET"]),
                Route("/invocations", invocations, methods=["POST"]),
            ],
            exception_handlers={HTTPException: refused},
        )
    )


def _check_type(request: Request) -> None:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != JPEG_TYPE:
        raise HTTPException(415, f"send {JPEG_TYPE}, not {content_type or 'a body without a content type'}")


def _check_length(request: Request, limits: Limits) -> None:
    if _declared_bytes(request) > limits.max_bytes:
        raise _too_large(limits)


def _too_large(limits: Limits) -> HTTPException:
    return HTTPException(413, f"the body is larger than {limits.max_bytes} bytes")


def _enter(request: Request, admission: Admission) -> Place:
    address = request.client.host if request.client else ""
    try:
        return admission.enter(request.headers.get(CLIENT, address)[:CLIENT_LETTERS])
    except Full as error:
        raise _busy(error) from error


def _busy(error: Full) -> HTTPException:
    return HTTPException(BUSY, str(error), {"retry-after": str(error.retry_after_s)})


async def _body(request: Request, limits: Limits, place: Place, admission: Admission) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds) as place.arriving:
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.max_bytes:
                    raise _too_large(limits)
    except TimeoutError as error:
        if place.is_evicted:
            raise _busy(Full(admission.retry_after_s())) from error
        raise HTTPException(408, f"the body did not arrive within {limits.body_seconds:g} s") from error
    except ClientDisconnect as error:
        raise _gone() from error
    finally:
        place.arriving = None
    request.scope[BODY] = "read"
    return bytes(body)


def _gone() -> HTTPException:
    return HTTPException(400, "the client went away")


async def _turn(request: Request, admission: Admission, place: Place) -> None:
    """Wait for the place's turn, unless its client goes away."""
    turn, gone = asyncio.create_task(admission.turn(place)), asyncio.create_task(_until_gone(request))
    try:
        await asyncio.wait((turn, gone), return_when=asyncio.FIRST_COMPLETED)
        if not turn.done():
            raise _gone()
    finally:
        turn.cancel()
        gone.cancel()


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _declared_bytes(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= LENGTH_DIGITS):
        raise HTTPException(400, f"the content length {text[:LENGTH_DIGITS]!r} is not a number of bytes")
    return int(text)


def _answer(model: Model, body: bytes, attributes: str, takes_record: bool, max_pixels: int) -> tuple[bytes, str]:
    """The answer and its media type."""
    try:
        image = jpeg.decode(body, max_pixels)
    except jpeg.NotNrgJpeg as error:
        raise HTTPException(400, str(error)) from error
    except jpeg.TooManyPixels as error:
        raise HTTPException(413, str(error)) from error
    try:
        found = model.probabilities(image, attributes) if takes_record else None
        if found is not None:
            return probabilities.encode(found), RECORD_TYPE
        return encode_mask(model.predict(image, attributes)), PNG_TYPE
    except EndpointRefused as error:
        raise HTTPException(400, str(error)) from error
