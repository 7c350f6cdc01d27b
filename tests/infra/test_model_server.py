"""The model server's contract, asked over HTTP on a real loopback port."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import cv2
import httpx
import numpy as np
import pytest
from model_serving import LIMITS, serving
from numpy.typing import NDArray

from infra.model_server.__main__ import _parse, listen
from tasks.core.errors import EndpointRefused
from tasks.core.models.known_models import Predict


def red_as_labels(nrg: NDArray[np.uint8], _: str) -> NDArray[np.uint8]:
    """A model whose answer shows which band came second."""
    return (nrg[..., 1] > 127).astype(np.uint8)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server of ``red_as_labels``."""
    with serving(red_as_labels) as address:
        yield address


def jpeg(nrg: NDArray[np.uint8]) -> bytes:
    """An NRG or one-band image as JPEG."""
    ordered = nrg[..., ::-1] if nrg.ndim == 3 else nrg
    return cv2.imencode(".jpg", ordered, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def gradient(height_px: int = 40, width_px: int = 60) -> NDArray[np.uint8]:
    """Red high on the left half only."""
    nrg = np.full((height_px, width_px, 3), 30, np.uint8)
    nrg[:, : width_px // 2, 1] = 220
    return nrg


def ask(url: str, body: bytes, content_type: str = "image/jpeg") -> httpx.Response:
    """One invocation."""
    headers = {"content-type": content_type}
    return httpx.post(f"{url}/invocations", content=body, headers=headers, trust_env=False, timeout=30)


def test_ping_answers_when_the_model_is_loaded(url: str) -> None:
    """SageMaker's health check."""
    assert httpx.get(f"{url}/ping", trust_env=False).status_code == 200


def test_answer_is_a_png_mask_of_the_images_size_and_band_order(url: str) -> None:
    """The model sees the bands in the order they were encoded, and its labels come back unchanged."""
    response = ask(url, jpeg(gradient()))
    mask = cv2.imdecode(np.frombuffer(response.content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert response.headers["content-type"] == "image/png"
    assert mask.shape == (40, 60)
    np.testing.assert_array_equal(mask[:, :28], 1)
    np.testing.assert_array_equal(mask[:, 32:], 0)


def test_an_orientation_tag_does_not_turn_the_mask(url: str) -> None:
    """The mask lies on the pixels as stored: EXIF orientation belongs to cameras."""
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    plain = jpeg(gradient())
    tagged = plain[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + plain[2:]
    assert ask(url, tagged).content == ask(url, plain).content


def declare(size_px: int) -> bytes:
    """A small JPEG that declares another size."""
    body = bytearray(jpeg(gradient()))
    at = body.index(b"\xff\xc0")
    body[at + 5 : at + 9] = size_px.to_bytes(2, "big") * 2
    return bytes(body)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "words"),
    [
        (lambda: jpeg(gradient()), "image/png", 415, "send image/jpeg, not image/png"),
        (lambda: jpeg(gradient()), "", 415, "without a content type"),
        (lambda: b"", "image/jpeg", 400, "not a whole JPEG"),
        (lambda: b"\xff\xd8\xff\xd9", "image/jpeg", 400, "no 8-bit frame header"),
        (lambda: jpeg(gradient())[:-200], "image/jpeg", 400, "not a whole JPEG"),
        (lambda: jpeg(gradient()[..., 0]), "image/jpeg", 400, "1 bands"),
        (lambda: declare(65_000), "image/jpeg", 413, "65000 x 65000 px"),
        (lambda: bytes(LIMITS.max_bytes + 1), "image/jpeg", 413, "larger than 100000 bytes"),
    ],
)
def test_refusals_say_why(url: str, body: Callable[[], bytes], content_type: str, status: int, words: str) -> None:
    """What is not a whole three-band JPEG within the limits is refused with its reason, before it costs anything."""
    response = ask(url, body(), content_type)
    assert response.status_code == status
    assert words in response.text


def test_a_body_without_a_length_is_limited_too(url: str) -> None:
    """A chunked body is refused as soon as it has passed the limit."""
    with httpx.Client(trust_env=False, timeout=30) as client:
        chunks = (bytes(10_000) for _ in range(20))
        response = client.post(f"{url}/invocations", content=chunks, headers={"content-type": "image/jpeg"})
    assert response.status_code == 413


def test_a_body_that_never_arrives_is_answered(url: str) -> None:
    """A stalled client gets an answer instead of holding a connection for ever."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(
            b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n"
        )
        assert b" 408 " in connection.recv(4096).splitlines()[0]


def failing(_: NDArray[np.uint8], __: str) -> NDArray[np.uint8]:
    """A model that breaks."""
    raise ZeroDivisionError


def choosy(_: NDArray[np.uint8], __: str) -> NDArray[np.uint8]:
    """A model that refuses every image."""
    raise EndpointRefused("too large for me")


@pytest.mark.parametrize(("predict", "status", "words"), [(failing, 500, ""), (choosy, 400, "too large for me")])
def test_a_models_failure_is_answered(predict: Predict, status: int, words: str) -> None:
    """A model that fails is a server error, one that refuses an image a client error; the server lives on."""
    with serving(predict) as url:
        response = ask(url, jpeg(gradient()))
        assert response.status_code == status
        assert words in response.text
        assert httpx.get(f"{url}/ping", trust_env=False).status_code == 200


def test_predictions_at_a_time_are_bounded() -> None:
    """More requests than the concurrency wait for their turn, and the health check still answers meanwhile."""
    running, most, lock, go = 0, 0, threading.Lock(), threading.Event()

    def counting(nrg: NDArray[np.uint8], attributes: str) -> NDArray[np.uint8]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        go.wait(30)
        with lock:
            running -= 1
        return red_as_labels(nrg, attributes)

    statuses: list[int] = []
    with serving(counting) as url:
        ask_one = lambda: statuses.append(ask(url, jpeg(gradient())).status_code)  # noqa: E731
        threads = [threading.Thread(target=ask_one) for _ in range(6)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 30
        while running < LIMITS.concurrency and time.monotonic() < end:
            time.sleep(0.01)
        assert httpx.get(f"{url}/ping", trust_env=False).status_code == 200
        go.set()
        for thread in threads:
            thread.join()
    assert statuses == [200] * 6
    assert most == LIMITS.concurrency


def test_answers_are_not_held_back() -> None:
    """What the server writes leaves at once, not with the client's next acknowledgement 40 ms later."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("text", ["0,9", "0,0", "1", "0,flood", ""])
def test_a_class_map_of_nothing_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Who starts the server by hand learns it before the model is loaded."""
    assert _parse(["--labels", "0,1,3"]).labels == (0, 1, 3)
    with pytest.raises(SystemExit):
        _parse(["--labels", text])
    assert "--labels" in capsys.readouterr().err
