"""What a server behind the container contract may answer: bounded, as it was sent, and asked at its address alone."""

import gzip
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import httpx
import numpy as np
import pytest
from loopback import Handler, listening

from tasks.core.errors import EndpointRefused, EndpointUnavailable
from tasks.core.models.known_models import RECORD_TYPE
from tasks.services.endpoints.container_client import Limits, ask, pooled_client, problem_of

Reply = Callable[[Handler, bytes], None]


@contextmanager
def answering(reply: Reply) -> Iterator[str]:
    """A server that answers so; its address."""

    class Answering(Handler):
        def reply(self, sent: bytes) -> None:
            reply(self, sent)

    with listening(Answering) as url:
        yield url


def asked(url: str, **limits: float) -> bytes:
    return ask(pooled_client(trust_env=False), url, b"jpeg", "", "name", limits=Limits(**limits))  # type: ignore[arg-type] # bytes are whole


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, EndpointUnavailable), (503, EndpointUnavailable), (429, EndpointUnavailable), (413, EndpointRefused)],
)
def test_statuses_split_into_transient_and_final(status: int, error: type[Exception]) -> None:
    """Server errors and "not now" are worth a retry; other refusals are not."""
    with (
        answering(lambda one, _: one.answer(b"be\x1b[31mcause\n", status)) as url,
        pytest.raises(error, match=f"name answered {status}: be\\[31mcause$"),
    ):
        asked(url)


def test_an_answer_is_read_no_further_than_a_mask_can_be_long() -> None:
    """An endless answer fills no memory: the connection is closed where it gets too long."""
    sent = []

    def endless(one: Handler, _: bytes) -> None:
        one.send_response(200)
        one.end_headers()
        one.close_connection = True
        while True:  # until the client has gone
            sent.append(one.wfile.write(bytes(1 << 16)))

    with answering(endless) as url, pytest.raises(EndpointRefused, match=r"larger than 1,000,000 bytes"):
        asked(url, max_bytes=1_000_000)
    assert sum(sent) < 50_000_000


@pytest.mark.parametrize(("classes", "is_read"), [(4, False), (9, True)])
def test_probabilities_may_be_as_long_as_there_are_classes(classes: int, is_read: bool) -> None:
    """Of a large image of nine classes 36 bytes a pixel are no mask, but what was asked for."""
    jpeg = cv2.imencode(".jpg", np.zeros((100, 100, 3), np.uint8))[1].tobytes()
    planes = bytes(100 * 100 * 9 * 4)
    with answering(lambda one, _: one.answer(planes)) as url:
        limits = Limits(max_bytes=1000)

        def read() -> bytes:
            client = pooled_client(trust_env=False)
            return ask(client, url, jpeg, "", "name", RECORD_TYPE, limits, classes)

        if is_read:
            assert read() == planes
        else:
            with pytest.raises(EndpointRefused, match="larger than"):
                read()


def test_an_answer_that_trickles_ends() -> None:
    """Bytes that come one by one keep no task for ever: it is silence, which may pass."""

    def trickling(one: Handler, _: bytes) -> None:
        one.send_response(200)
        one.send_header("Content-Length", "1000")
        one.end_headers()
        for _ in range(1000):
            one.wfile.write(b".")
            time.sleep(0.02)

    with answering(trickling) as url, pytest.raises(httpx.ReadTimeout, match=r"not complete after 0\.2 s"):
        asked(url, seconds=0.2)


def test_a_compressed_answer_is_not_unfolded() -> None:
    """Against what was asked for: a thousand bytes could become gigabytes."""
    packed = gzip.compress(bytes(1_000_000))
    headers = {"Content-Encoding": "gzip"}
    with answering(lambda one, _: one.answer(packed, headers=headers)) as url:
        assert asked(url) == packed


def test_a_redirect_is_not_followed() -> None:
    """Frames go to the address that was given, and to no other."""
    elsewhere: list[bytes] = []
    with (
        answering(lambda _, sent: elsewhere.append(sent)) as other,
        answering(lambda one, _: one.answer(status=307, headers={"Location": other})) as url,
    ):
        with pytest.raises(EndpointRefused, match="answered 307"):
            asked(url)
        assert problem_of(pooled_client(trust_env=False), url) == "it answers 307 to GET /ping"
    assert elsewhere == []
