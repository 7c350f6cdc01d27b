"""Connections of the model server that would keep others out: silent, half sent, or with a body that nobody wants."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import httpx
import numpy as np
import pytest
from model_serving import LIMITS, serving
from numpy.typing import NDArray

from infra.model_server.app import create_app
from infra.model_server.connections import MAX_CONNECTIONS, BoundedProtocol

HALF_A_HEAD = b"POST /invocations HTTP/1.1\r\nHost: x\r\n"
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNK = bytes(1 << 16)
# Of a body without end, before which a server that does not read on must have closed: sockets hold a few megabytes.
PLENTY = 64 << 20


def flooded(nrg: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A model to which all is water."""
    return np.ones(nrg.shape[:2], np.uint8)


class HastyProtocol(BoundedProtocol):
    """Waits a moment only."""

    head_seconds = 0.2


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        yield connection


def request(length: object, content_type: str = "image/jpeg") -> bytes:
    """The whole head of an invocation."""
    return HALF_A_HEAD + f"Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n".encode()


def is_closed(connection: socket.socket) -> bool:
    """Whether the server ends the connection, rather than leaving it open until the socket's own limit of time."""
    try:
        while connection.recv(4096):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def pour(connection: socket.socket) -> None:
    """Send as long as the other side takes it, and plenty at most."""
    for _ in range(PLENTY // len(CHUNK)):
        connection.sendall(CHUNK)


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD, PING, request(9)], ids=["nothing", "head", "idle", "body"])
def test_many_silent_connections_keep_nobody_out(sent: bytes) -> None:
    """More connections than requests are taken at a time, all waiting for their client: a good request is answered."""
    with serving(flooded, replace(LIMITS, body_seconds=60.0)) as url, ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS + 44):
            stack.enter_context(connected(url)).sendall(sent)
        assert httpx.get(f"{url}/ping", trust_env=False, timeout=30).status_code == 200


@pytest.mark.parametrize("first", [b"", PING])
def test_half_a_head_is_waited_for_a_moment_only(first: bytes) -> None:
    """The time runs for every request of a connection, however slowly its head goes on arriving."""
    with serving(flooded, http=HastyProtocol) as url, connected(url) as connection:
        connection.sendall(first)
        assert not first or b" 200 " in connection.recv(4096)
        connection.sendall(HALF_A_HEAD)
        assert is_closed(connection)


@pytest.mark.parametrize(
    ("head", "status"),
    [(request(10**12), b" 413 "), (request(10**12, "text/plain"), b" 415 "), (request("1e3"), b" 400 ")],
)
def test_a_refused_body_is_not_read(head: bytes, status: bytes) -> None:
    """The reason arrives, and then the connection ends, though the client has a terabyte to send."""
    with serving(flooded) as url, connected(url) as connection:
        connection.sendall(head)
        assert status in connection.recv(4096).splitlines()[0]
        with pytest.raises(ConnectionError):
            pour(connection)


def test_a_refusal_reaches_who_is_still_sending() -> None:
    """A client that sends all of a large body before it listens reads the reason, not a broken connection."""
    with serving(flooded) as url:
        body, headers = bytes(10 * LIMITS.max_bytes), {"content-type": "image/jpeg"}
        response = httpx.post(f"{url}/invocations", content=body, headers=headers, trust_env=False, timeout=30)
    assert (response.status_code, response.headers["connection"]) == (413, "close")


@pytest.mark.parametrize("length", ["x", "-1", "+9", "1e3", "1_0", "9" * 5000])
def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    """Whatever a client calls a length, it gets an answer of its own fault."""
    with serving(flooded) as url, connected(url) as connection:
        connection.sendall(request(length))
        assert b" 400 " in connection.recv(4096).splitlines()[0]


@pytest.mark.parametrize("length", [b"x", b"-1", b"\xb2", b"9" * 5000, b""])
def test_a_length_that_another_server_lets_pass_is_refused(length: bytes) -> None:
    """The application itself believes no length that is not a number, whichever server it runs in."""
    answers = asyncio.run(asked([(b"content-type", b"image/jpeg"), (b"content-length", length)]))
    assert answers[0]["status"] == 400


async def asked(headers: list[tuple[bytes, bytes]]) -> list[dict[str, object]]:
    """What the application sends for an invocation with these headers and an empty body."""
    scope = {"type": "http", "method": "POST", "path": "/invocations", "headers": headers, "query_string": b""}
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await create_app(flooded, LIMITS)(scope, receive, send)
    return sent
