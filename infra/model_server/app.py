"""The SageMaker container contract over HTTP: ``GET /ping`` and ``POST /invocations``.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html

One answer a request and never a hang: 200 with a PNG label mask (8 bit, one channel, the size of the image); 400 not a
whole three-band JPEG, not one that the model takes, or one that it has no answer for; 408 the body did not arrive in
time; 413 too many bytes or pixels; 415 not ``image/jpeg``; 500 the model failed. After a refusal the connection is
closed: what is left of the body is not taken for the next request, nor read to its end.

Who accepts ``application/x-recordio-protobuf`` gets probabilities instead (``tasks.core.masks.probabilities``), from a
model that has them; the answer's content type says which it is.
"""

import asyncio
import os
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from infra.model_server import jpeg
from infra.model_server.refusal import Refusal
from tasks.core.errors import EndpointRefused
from tasks.core.masks import probabilities
from tasks.core.masks.labels import encode_mask
from tasks.core.models.known_models import ATTRIBUTES, JPEG_TYPE, PNG_TYPE, RECORD_TYPE, Model

LENGTH_DIGITS = 20
# In the scope of a request whose body has been read to its end.
BODY = "flood_extent.body"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server accepts.

    Attributes:
        max_bytes: Of a request's body; SageMaker's own limit is 6 MB.
        max_pixels: Of an image.
        body_seconds: In which a body must have arrived.
        concurrency: Predictions at a time; further requests wait.
    """

    max_bytes: int = 6 * 1024 * 1024
    max_pixels: int = 100_000_000
    body_seconds: float = 30.0
    concurrency: int = os.cpu_count() or 1


def create_app(model: Model, limits: Limits) -> Starlette:
    """The application that answers with a model, already loaded: it is ready as soon as it listens."""
    limiter = CapacityLimiter(limits.concurrency)

    async def ping(_: Request) -> Response:
        return Response()

    async def invocations(request: Request) -> Response:
        _check_type(request)
        body = await _body(request, limits)
        asked = body, request.headers.get(ATTRIBUTES, ""), RECORD_TYPE in request.headers.get("accept", "").lower()
        content, kind = await to_thread.run_sync(_answer, model, *asked, limits.max_pixels, limiter=limiter)
        return Response(content, media_type=kind)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - Starlette's handlers are typed for any error
        return Refusal(error.detail, error.status_code, error.headers, lingers=BODY not in request.scope)

    return Starlette(
        routes=[Route("/ping", ping, methods=["GET"]), Route("/invocations", invocations, methods=["POST"])],
        exception_handlers={HTTPException: refused},
    )


def _check_type(request: Request) -> None:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != JPEG_TYPE:
        raise HTTPException(415, f"send {JPEG_TYPE}, not {content_type or 'a body without a content type'}")


async def _body(request: Request, limits: Limits) -> bytes:
    too_large = HTTPException(413, f"the body is larger than {limits.max_bytes} bytes")
    if _declared_bytes(request) > limits.max_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.max_bytes:
                    raise too_large
    except TimeoutError as error:
        raise HTTPException(408, f"the body did not arrive within {limits.body_seconds:g} s") from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the client went away") from error
    request.scope[BODY] = "read"
    return bytes(body)


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
