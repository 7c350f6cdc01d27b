"""A server that is busy: asked again when it says, for so long, and by the oldest first."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import numpy as np
import pytest
from command_line import ROOT
from hypothesis import given
from hypothesis import strategies as st
from jpegs import water_and_crops
from loopback import Handler, listening
from model_serving import LIMITS, serving
from numpy.typing import NDArray

from tasks.core.errors import EndpointRefused, EndpointUnavailable
from tasks.core.masks.labels import decode_mask
from tasks.services.endpoints.container_client import ask, pooled_client
from tasks.services.endpoints.contract import HTTP, LOCAL, Deployment, EndpointService, EndpointSpec
from tasks.services.endpoints.http_endpoint import HttpEndpoint
from tasks.services.endpoints.local_endpoint import LocalEndpoint
from tasks.services.endpoints.patience import PATIENCE, Busy, Patience, Window, ask_patiently, seconds_of

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
HASTY = Patience(total_seconds=0.2, spread=0.0)


@contextmanager
def busy(retry_after: str, times: int, status: int = 503) -> Iterator[tuple[str, list[bytes]]]:
    """A server that is busy so many times; its address, and what it was sent."""
    sent: list[bytes] = []

    class Refusing(Handler):
        def reply(self, body: bytes) -> None:
            sent.append(body)
            refused = len(sent) <= times
            self.answer(b"full", status, {"Retry-After": retry_after}) if refused else self.answer(b"mask")

    with listening(Refusing) as url:
        yield url, sent


def asked(url: str, patience: Patience = HASTY) -> bytes:
    return ask(pooled_client(trust_env=False), url, b"jpeg", "", "name", patience=patience)


@given(seconds=st.integers(0, 10**9 - 1))
def test_seconds_and_dates_say_the_same(seconds: int) -> None:
    """Both forms of RFC 9110 are understood, a date by how far off it is."""
    assert seconds_of(f" {seconds} ", NOW) == seconds
    soon = seconds % 10**7
    assert seconds_of(format_datetime(NOW + timedelta(seconds=soon), usegmt=True), NOW) == soon


@pytest.mark.parametrize("text", ["", "soon", "-1", "1.5", "²", "9" * 400, "Mon, 99 Foo 2026 00:00:00 GMT"])
def test_what_says_no_time_is_no_time(text: str) -> None:
    """A server's nonsense is none that anybody waits by."""
    assert seconds_of(text, NOW) is None


def test_a_date_that_is_past_is_now() -> None:
    """Clocks differ: a time before ours means that it may be asked at once."""
    assert seconds_of(format_datetime(NOW - timedelta(days=1), usegmt=True), NOW) == 0


@given(st.floats(0, 1e9), st.floats(0, 1))
def test_a_pause_is_no_shorter_than_told_and_bounded(told_s: float, spread: float) -> None:
    """The server's word counts up to a minute; jitter only ever adds."""
    pause_s = Patience(spread=spread).pause_s(told_s)
    assert min(told_s, 60.0) <= pause_s <= 60.0 or pause_s <= told_s + spread * max(told_s, 1)
    assert pause_s >= min(told_s, 60.0)


def test_a_busy_server_is_asked_again() -> None:
    """What it refuses for the moment it is sent again, whole, without an error for anybody; 429 says the same."""
    with busy("0", times=3, status=429) as (url, sent):
        assert asked(url) == b"mask"
    assert sent == [b"jpeg"] * 4


@pytest.mark.parametrize(("retry_after_s", "is_asked_again"), [(0.0, True), (30.0, False)])
def test_patience_ends(retry_after_s: float, is_asked_again: bool) -> None:
    """A server that stays busy is unavailable; no pause is made after which it would be too late."""
    tries = []

    def once() -> None:
        tries.append(1)
        raise Busy("answered 503: full", retry_after_s)

    with pytest.raises(EndpointUnavailable, match=r"503: full\. It has been busy for 0\.2 s"):
        ask_patiently(once, "name", Window(), HASTY)
    assert (len(tries) > 1) == is_asked_again


@pytest.mark.parametrize("kind", [HTTP, LOCAL])
def test_a_run_that_ends_does_not_wait(kind: str) -> None:
    """An interrupt tears the endpoint down first: who waits for it then gets an error that nobody retries, at once."""
    with busy("50", times=10**9) as (url, sent), ThreadPoolExecutor(1) as pool:
        service: EndpointService = HttpEndpoint(EndpointSpec(HTTP, url=url)) if kind == HTTP else LocalEndpoint("x")
        deployment = Deployment(kind, f"run-{kind}", url, None if kind == HTTP else socket.gethostname(), in_flight=1)
        waiting = pool.submit(service.invoke, deployment, b"jpeg")
        _wait_until(lambda: bool(sent))
        service.delete(deployment.name)
        with pytest.raises(EndpointRefused, match="not asked any more"):
            waiting.result(30)


def _wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not is_so() and time.monotonic() < end:
        time.sleep(0.01)
    assert is_so()


def test_the_oldest_goes_first() -> None:
    """A tile that was refused goes before those that came after it, in whichever order they wait for a place."""
    window, order, never = Window(), [], threading.Event()
    window.limit = 1.0
    ranks = [window.number() for _ in range(6)]

    def refused(rank: int) -> None:
        with suppress(Busy), window.place(rank, never):
            order.append(rank)
            raise Busy("full", 0.0)

    with ThreadPoolExecutor(5) as pool, suppress(Busy), window.place(ranks[0], never):
        for rank in reversed(ranks[1:]):
            pool.submit(refused, rank)
        _wait_until(lambda: len(window._waiting) == len(ranks) - 1)
        raise Busy("full", 0.0)
    assert order == ranks[1:]


def test_a_window_follows_what_the_server_takes() -> None:
    """Of forty at once that a server of five places is asked, no more than those and one are soon under way."""
    window, never, places, lock = Window(), threading.Event(), 5, threading.Lock()
    taken, refused = 0, 0

    def once() -> None:
        nonlocal taken, refused
        with lock:
            if taken == places:
                refused += 1
                raise Busy("full", 0.01)
            taken += 1
        time.sleep(0.005)
        with lock:
            taken -= 1

    with ThreadPoolExecutor(40) as pool:
        list(pool.map(lambda _: ask_patiently(once, "name", window, PATIENCE, never), range(200)))
    assert places - 1 <= window.limit <= places + 2
    assert refused < 200


@pytest.mark.slow
def test_none_is_lost_under_load() -> None:
    """More clients than the server has places: each gets the answer to its own image; the model is never crowded."""
    running, most, lock = 0, 0, threading.Lock()

    def labels(nrg: NDArray[np.uint8], _: str) -> NDArray[np.uint8]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1
        return np.full(nrg.shape[:2], nrg.shape[1] % 3, np.uint8)

    def one(number: int) -> bool:
        width_px = 30 + number
        jpeg = water_and_crops(width_px)
        mask = decode_mask(ask(pooled_client(trust_env=False), url, jpeg, "", "name"), width_px, 48, "tile")
        return bool((np.asarray(mask) == width_px % 3).all())

    with serving(labels, replace(LIMITS, queue=2)) as url, ThreadPoolExecutor(12) as pool:
        assert all(pool.map(one, range(60)))
    assert most == LIMITS.concurrency


GREEDY = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from jpegs import water_and_crops
from tasks.services.endpoints.container_client import ask, pooled_client
jpeg, client, url = water_and_crops(), pooled_client(trust_env=False), sys.argv[1]
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set())).start()
def work(_):
    answers = 0
    while not ended.is_set():
        ask(client, url, jpeg, "", "name")
        answers += 1
    return answers
with ThreadPoolExecutor(24) as pool:
    print(sum(pool.map(work, range(24))))
"""


@pytest.mark.slow
def test_a_run_of_many_requests_does_not_keep_another_out() -> None:
    """Two runs on one server of six places, one of them with 24 requests at once without a pause: both get on."""

    def labels(nrg: NDArray[np.uint8], _: str) -> NDArray[np.uint8]:
        time.sleep(0.05)
        return np.zeros(nrg.shape[:2], np.uint8)

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with serving(labels, replace(LIMITS, queue=4)) as url:
        command = [sys.executable, "-c", GREEDY, url]
        greedy = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        _wait_until(lambda: 'status="503"' in httpx.get(f"{url}/metrics", trust_env=False).text)
        for _ in range(10):
            ask(pooled_client(trust_env=False), url, water_and_crops(), "", "name", patience=Patience(20.0))
        said, _ = greedy.communicate("", timeout=60)
    assert greedy.returncode == 0
    assert int(said) > 10
