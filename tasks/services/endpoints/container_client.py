"""Client of a server that speaks SageMaker's container contract: ``GET /ping``, ``POST /invocations``.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html

What the server answers is a stranger's: no more of the body is read, and for no longer, than ``Limits`` say. Redirects
are not followed, so that an image goes nowhere else.
"""

import functools
import math
import os
import secrets
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from tasks.core.class_map import MAPPED_LABELS
from tasks.core.errors import EndpointRefused, EndpointUnavailable
from tasks.core.imagery.jpeg_header import size_of
from tasks.core.models.known_models import ATTRIBUTES, CLIENT, JPEG_TYPE, PNG_TYPE, RECORD_TYPE
from tasks.core.text import on_one_line
from tasks.services.endpoints.patience import PATIENCE, Busy, Patience, ask_patiently, seconds_of, window_of

MAX_REASON_LETTERS = 500
# Of probabilities: float32, a plane a class, and what is around them.
VALUE_BYTES, SPARE_BYTES = 4, 1
# A 4xx that may pass: the request timed out, too many requests.
PASSING = frozenset({408, 429})
# Busy, where they say when to ask again.
BUSY = frozenset({429, 503})
# No proxy has anything to do between this machine and itself.
DIRECT = dict.fromkeys(("all://127.0.0.1", "all://localhost", "all://[::1]"))


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read of an answer.

    Attributes:
        seconds: In which it must be complete; 60 are what SageMaker allows.
        max_bytes: The compressed label mask of a tile of the largest width takes less.
    """

    seconds: float = 60.0
    max_bytes: int = 64 * 1024 * 1024


LIMITS = Limits()


@functools.cache
def pooled_client(*, trust_env: bool) -> httpx.Client:
    """One pooled client a process.

    Args:
        trust_env: Whether it goes by the environment: proxies, and authorities (``SSL_CERT_FILE``) besides the usual.

    Raises:
        ValueError: A proxy of the environment that it has no use for.
        ImportError: The same, of SOCKS.
    """
    return httpx.Client(trust_env=trust_env, mounts=DIRECT, timeout=httpx.Timeout(LIMITS.seconds, connect=10.0))


# Two processes must not read from the same connection.
os.register_at_fork(after_in_child=pooled_client.cache_clear)


def problem_of(client: httpx.Client, url: str) -> str | None:
    """Why a server is not in service, in words; None where it answers 200 to a ping."""
    try:
        with client.stream("GET", f"{url}/ping") as response:
            status = response.status_code
    except httpx.TransportError as error:
        return f"it does not answer ({error!r})"
    return None if status == httpx.codes.OK else f"it answers {status} to GET /ping"


def ask(
    client: httpx.Client,
    url: str,
    jpeg: bytes,
    attributes: str,
    name: str,
    accept: str = PNG_TYPE,
    limits: Limits = LIMITS,
    classes: int = len(MAPPED_LABELS),
    patience: Patience = PATIENCE,
    ended: threading.Event | None = None,
) -> bytes:
    """What a server answers to an NRG JPEG, unchecked. Safe to call from several threads.

    A server that is busy and says until when is asked again.

    Args:
        client: A pooled one.
        url: Of the server.
        jpeg: The image.
        attributes: What the model should know besides it; empty where it needs nothing.
        name: Of the endpoint, for messages.
        accept: Media type of the answer.
        limits: Of the answer.
        classes: How many the model has, at most.
        patience: With a busy server.
        ended: Set where nobody wants the answer any more: then a busy server is waited for no longer.

    Raises:
        EndpointRefused: It would refuse again, or the answer is too large; or ``ended`` was set.
        EndpointUnavailable: It cannot just now, or was busy until the patience was over.
        httpx.TransportError: It does not answer, or not in time.
    """
    once = functools.partial(_ask_once, client, url, jpeg, attributes, name, accept, limits, classes)
    return ask_patiently(once, name, window_of(os.getpid(), url), patience, ended)


@functools.lru_cache(maxsize=1)
def _client_id(_process: int) -> str:
    """What a server tells this process from others by: nothing else can be read from it."""
    return secrets.token_hex(8)


def _ask_once(
    client: httpx.Client, url: str, jpeg: bytes, attributes: str, name: str, accept: str, limits: Limits, classes: int
) -> bytes:
    headers = {"content-type": JPEG_TYPE, "accept": accept, "accept-encoding": "identity"}
    headers[CLIENT] = _client_id(os.getpid())
    headers |= {ATTRIBUTES: attributes} if attributes else {}
    most_bytes = limits.max_bytes
    if accept == RECORD_TYPE:
        most_bytes = max(most_bytes, (VALUE_BYTES * classes + SPARE_BYTES) * math.prod(size_of(jpeg)))
    with client.stream("POST", f"{url}/invocations", content=jpeg, headers=headers) as response:
        body = _body(response, name, limits, most_bytes)
    if response.is_success:
        return body
    reason = on_one_line(body[: 4 * MAX_REASON_LETTERS].decode(errors="replace"))[:MAX_REASON_LETTERS]
    message = f"endpoint {name} answered {response.status_code}: {reason}"
    retry_after_s = seconds_of(response.headers.get("retry-after", ""), datetime.now(UTC))
    if response.status_code in BUSY and retry_after_s is not None:
        raise Busy(message, retry_after_s)
    if response.is_server_error or response.status_code in PASSING:
        raise EndpointUnavailable(message)
    raise EndpointRefused(message)


def _body(response: httpx.Response, name: str, limits: Limits, most_bytes: int) -> bytes:
    """All that was sent, as it was sent: what is compressed, against what was asked for, might unfold to gigabytes."""
    end, body = time.monotonic() + limits.seconds, bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > most_bytes:
            raise EndpointRefused(f"endpoint {name}: the answer is larger than {most_bytes:,} bytes: no mask is")
        if time.monotonic() > end:
            raise httpx.ReadTimeout(f"the answer is not complete after {limits.seconds:g} s")
    return bytes(body)
