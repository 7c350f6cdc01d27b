"""The model server with more to do than it can: who is let in, who is refused, and what they are told."""

import asyncio
import socket
import threading
import time
import tracemalloc
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jpegs import water_and_crops
from model_serving import LIMITS, serving
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families

from infra.model_server.__main__ import _parse
from infra.model_server.admission import SLOW_BODY_SECONDS, Admission, Full, Place
from infra.model_server.app import QUEUED_EACH, Limits
from tasks.core.models.known_models import CLIENT

QUEUE = 3
CHUNK = bytes(1 << 20)
PLACES = LIMITS.concurrency + QUEUE
HEAD = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"


@dataclass
class Held:
    """A model that answers when it may."""

    go: threading.Event = field(default_factory=threading.Event)
    asked: int = 0

    def predict(self, nrg: NDArray[np.uint8], _: str) -> NDArray[np.uint8]:
        """All is water, once ``go`` is set."""
        self.asked += 1
        self.go.wait(30)
        return np.ones(nrg.shape[:2], np.uint8)


@contextmanager
def full(limits: Limits | None = None) -> Iterator[tuple[str, Held, list[socket.socket]]]:
    """A server whose places are all taken, by a connection each."""
    held = Held()
    jpeg = water_and_crops()
    with serving(held.predict, limits or replace(LIMITS, queue=QUEUE)) as url, ExitStack() as stack:
        stack.callback(held.go.set)
        connections = [stack.enter_context(connected(url)) for _ in range(PLACES)]
        for connection in connections:
            connection.sendall(HEAD % len(jpeg) + jpeg)
        wait_until(lambda: holding(url) == (LIMITS.concurrency, QUEUE))
        yield url, held, connections


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        yield connection


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not is_so() and time.monotonic() < end:
        time.sleep(0.01)
    assert is_so()


def figures(url: str) -> dict[str, float]:
    """What the server's own metrics say."""
    text = httpx.get(f"{url}/metrics", trust_env=False, timeout=30).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {sample.name.removeprefix("flood_extent_model_"): sample.value for sample in samples if not sample.labels}


def holding(url: str) -> tuple[float, float]:
    """Predictions under way, and requests that wait."""
    found = figures(url)
    return found["predicting"], found["waiting"]


def ask(url: str, client: str = "one") -> httpx.Response:
    headers = {"content-type": "image/jpeg", CLIENT: client}
    body = water_and_crops()
    return httpx.post(f"{url}/invocations", content=body, headers=headers, trust_env=False, timeout=30)


def test_beyond_the_queue_a_request_is_refused_at_once_and_told_when() -> None:
    """Those that have a place are answered; the others hear of whole seconds; ping and metrics go on answering."""
    with full() as (url, held, connections):
        refusals = [ask(url) for _ in range(8)]
        assert {one.status_code for one in refusals} == {503}
        assert all(1 <= int(one.headers["retry-after"]) <= 120 for one in refusals)
        assert holding(url) == (LIMITS.concurrency, QUEUE)
        assert httpx.get(f"{url}/ping", trust_env=False).status_code == 200
        assert figures(url)["refused_total"] == len(refusals)
        held.go.set()
        assert all(b" 200 " in one.recv(4096).splitlines()[0] for one in connections)
        assert figures(url)["prediction_seconds_count"] == held.asked == PLACES


def test_a_refused_body_is_not_kept() -> None:
    """The answer comes before the body does, and what is sent all the same is let go."""
    limits = replace(LIMITS, queue=QUEUE, max_bytes=50 << 20)
    with full(limits) as (url, _, _), connected(url) as connection:
        connection.sendall(HEAD % limits.max_bytes)
        assert b" 503 " in connection.recv(4096).splitlines()[0]
        tracemalloc.start()
        connection.sendall(CHUNK)
        before_bytes, _ = tracemalloc.get_traced_memory()
        for _ in range(20):
            connection.sendall(CHUNK)
        after_bytes, most_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert after_bytes - before_bytes < 2 * len(CHUNK)  # of twenty, one may be on its way
    assert most_bytes - before_bytes < 3 * len(CHUNK)


def test_a_client_that_sends_all_before_it_listens_hears_when() -> None:
    """A body as large as may be is let in and thrown away: a reset connection would lose the time to ask again."""
    limits = replace(LIMITS, queue=QUEUE, max_bytes=6 << 20)
    with full(limits) as (url, _, _):
        body, headers = bytes(limits.max_bytes), {"content-type": "image/jpeg"}
        answer = httpx.post(f"{url}/invocations", content=body, headers=headers, trust_env=False, timeout=30)
    assert (answer.status_code, answer.headers["connection"]) == (503, "close")
    assert answer.headers["retry-after"].isdigit()


def test_who_goes_away_while_waiting_leaves_the_place() -> None:
    """A place is for who still wants the answer; the model is not asked for the others."""
    with full() as (url, held, connections):
        for connection in connections[LIMITS.concurrency :]:
            connection.close()
        wait_until(lambda: holding(url) == (LIMITS.concurrency, 0))
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(ask, url)
            wait_until(lambda: holding(url) == (LIMITS.concurrency, 1))
            held.go.set()
            assert answer.result().status_code == 200
    assert held.asked == LIMITS.concurrency + 1


@pytest.mark.slow
def test_bodies_that_do_not_come_make_room() -> None:
    """Silent clients take every place before their bodies; one that asks again as it is told gets an answer."""
    held = Held()
    held.go.set()
    with serving(held.predict, replace(LIMITS, queue=QUEUE, body_seconds=60.0)) as url, ExitStack() as stack:
        for _ in range(PLACES):
            stack.enter_context(connected(url)).sendall(HEAD % 9)
        wait_until(lambda: holding(url) == (0, PLACES))
        time.sleep(SLOW_BODY_SECONDS)
        assert ask(url).status_code == 503
        wait_until(lambda: holding(url) == (0, PLACES - 1))
        assert ask(url).status_code == 200


def test_the_queue_may_be_none_and_is_eight_each_by_default() -> None:
    """What the command line says counts; what cannot be is refused before the model is loaded."""
    assert Limits(concurrency=3).places.queue == 3 * QUEUED_EACH
    assert Limits(queue=0).places.queue == _parse(["--queue", "0"]).queue == 0
    for text in (["--queue", "-1"], ["--concurrency", "0"]):
        with pytest.raises(SystemExit):
            _parse(text)


@dataclass
class Clock:
    """Stands still until it is moved."""

    now: float = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def refusal(admission: Admission, client: str = "new") -> int | None:
    """In how many seconds to ask again; None where it was let in."""
    try:
        admission.leave(admission.enter(client))
    except Full as error:
        return error.retry_after_s
    return None


@given(
    seconds=st.lists(st.floats(0.001, 20), min_size=1, max_size=60),
    concurrency=st.integers(1, 8),
    queue=st.integers(0, 60),
)
def test_when_to_ask_again_follows_what_predictions_take(seconds: list[float], concurrency: int, queue: int) -> None:
    """Half of those that wait are answered by then, at the pace of late; the bound and a second at least hold."""
    admission = Admission(concurrency, queue, longest_wait_s=1e9)
    for one in seconds:
        admission.predicted(one)
    for number in range(concurrency + queue):
        admission.enter(str(number))
    told_s, expected_s = admission.retry_after_s(), np.mean(seconds[-32:]) / concurrency
    assert 1 <= told_s <= 120
    assert told_s == 120 or told_s >= expected_s * admission.waiting / 2
    assert told_s == 1 or told_s - 1 < expected_s * (admission.waiting / 2 + 1)


def test_slow_models_have_a_shorter_queue() -> None:
    """Nobody is let in who would have gone away before it is answered."""
    admission = Admission(concurrency=1, queue=10, longest_wait_s=30.0)
    admission.predicted(12.0)
    for _ in range(1 + 2):
        admission.enter("one")
    assert refusal(admission) is not None


def test_a_client_that_asks_for_all_does_not_keep_another_out() -> None:
    """Once another was refused, it gets a place with its next request, and then as many as the first."""
    clock = Clock()
    admission = Admission(concurrency=2, queue=6, longest_wait_s=1e9, clock=clock)
    greedy = [admission.enter("greedy") for _ in range(8)]
    told_s = refusal(admission, "modest")
    for place in greedy[:4]:
        admission.leave(place)
        assert told_s is not None
    # As many as its share are still let in, no more.
    assert refusal(admission, "greedy") is not None
    clock.now += told_s or 0
    modest = [admission.enter("modest") for _ in range(4)]
    assert refusal(admission, "greedy") is not None
    admission.leave(modest[0])
    assert refusal(admission, "modest") is None


def test_a_client_that_never_comes_back_is_not_waited_for() -> None:
    """Its part is kept a moment longer than it was told to stay away, then others have it."""
    clock = Clock()
    admission = Admission(concurrency=1, queue=1, longest_wait_s=1e9, clock=clock)
    places = [admission.enter("greedy") for _ in range(2)]
    told_s = refusal(admission, "gone")
    admission.leave(places[0])
    assert refusal(admission, "greedy") is not None
    clock.now += (told_s or 0) + 60
    assert refusal(admission, "greedy") is None


@settings(max_examples=30)
@given(places=st.integers(1, 9), greedy=st.integers(1, 5), modest=st.integers(1, 4), at_once=st.integers(1, 9))
def test_nobody_is_refused_for_ever(places: int, greedy: int, modest: int, at_once: int) -> None:
    """However few the places and many the clients that ask without a pause: who comes back as told is soon let in."""
    clock = Clock()
    admission = Admission(concurrency=1, queue=places - 1, longest_wait_s=1e9, clock=clock)
    held: deque[Place] = deque()
    due, refusals = {f"modest {number}": 0.0 for number in range(modest)}, Counter[str]()
    for _ in range(60):
        clock.now += 1.0
        admission.predicted(1.0)
        if held:
            admission.leave(held.popleft())
        for client in [f"greedy {number}" for number in range(greedy)] * at_once:
            with suppress(Full):
                held.append(admission.enter(client))
        for client in [one for one, at in due.items() if at <= clock.now]:
            try:
                held.append(admission.enter(client))
                del due[client]
            except Full as error:
                due[client] = clock.now + error.retry_after_s
                refusals[client] += 1
    assert not due
    assert max(refusals.values(), default=0) <= 4 * (greedy + modest)


@given(st.lists(st.tuples(st.sampled_from("eetc"), st.integers(0, 7)), max_size=60))
def test_no_sequence_of_requests_breaks_the_bounds(steps: list[tuple[str, int]]) -> None:
    """Requests that enter, wait, leave and are cancelled in any order: the places add up, and no turn is lost."""
    asyncio.run(_run(steps))


async def _run(steps: list[tuple[str, int]]) -> None:
    admission = Admission(concurrency=2, queue=3, longest_wait_s=1e9)
    turns: dict[Place, asyncio.Task[None]] = {}
    for kind, at in steps:
        if kind == "e":
            try:
                place = admission.enter("abc"[at % 3])
            except Full:
                continue
            turns[place] = asyncio.create_task(admission.turn(place))
        elif turns:
            place = list(turns)[at % len(turns)]
            if kind == "t":
                await asyncio.sleep(0)
            else:  # as the application does it: first the wait is cut short, then the place given back
                turns.pop(place).cancel()
                admission.leave(place)
        with_turn = sum(place.has_turn for place in turns)
        assert len(admission._places) == len(turns) <= 5
        assert with_turn <= admission.predicting <= 2
    for _ in range(3):
        await asyncio.sleep(0)
    assert admission.predicting == sum(place.has_turn for place in turns) == min(2, len(turns))
    for place, turn in turns.items():
        turn.cancel()
        admission.leave(place)
    await asyncio.sleep(0)
    assert (admission.predicting, admission.waiting) == (0, 0)
