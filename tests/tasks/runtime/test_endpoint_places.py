"""Places among the endpoints that may exist at once: two runs and one place, on a real Prefect server."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from command_line import QUIET, ROOT
from dashboard import free_port
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_api import PrefectApi
from prefect_servers import Server

from tasks.core.errors import EndpointRefused
from tasks.core.tiles.plan import Finding, Verdict
from tasks.runtime import place_limit
from tasks.runtime.endpoint_places import EndpointPlaces, RunEnded
from tasks.runtime.place_limit import LIMIT, PLACES, places_finding, read_places

SECONDS, POLL_SECONDS = 60.0, 0.1


@pytest.fixture
def api(prefect_api: str) -> PrefectApi:
    """The session's server."""
    return PrefectApi(prefect_api)


@pytest.fixture
def limited(api: PrefectApi) -> Iterator[Callable[[int], PrefectApi]]:
    """A function that sets the limit; it is gone after the test."""

    def limit(number: int) -> PrefectApi:
        api.ask("v2/concurrency_limits/", {"name": LIMIT, "limit": number})
        return api

    yield limit
    if any(one["name"] == LIMIT for one in api.ask("v2/concurrency_limits/filter", {})):
        api.ask(f"v2/concurrency_limits/{LIMIT}", method="DELETE")


def running(api: PrefectApi, name: str) -> UUID:
    """A flow run of this name."""
    flow = api.ask("flows/", {"name": "flood-extent"})["id"]
    body = {"flow_id": flow, "name": name, "state": {"type": "RUNNING", "name": "Running"}}
    return UUID(api.ask("flow_runs/", body)["id"])


def until(there: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not there():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(POLL_SECONDS)


def taken() -> int:
    places = read_places()
    return -1 if places is None else places.taken


@contextmanager
def holding(run: UUID, instances: int = 1) -> Iterator[EndpointPlaces]:
    """Places that a run has in the block."""
    places = EndpointPlaces(run, instances)
    places.take(lambda _: None)
    try:
        yield places
    finally:
        places.give_back()


def test_a_second_run_waits_is_told_for_whom_and_goes_on(limited: Callable[[int], PrefectApi]) -> None:
    """With one place, a run waits for the other's, names that run, and has the place when the other gives it back."""
    api = limited(1)
    said: list[str] = []
    second = EndpointPlaces(running(api, "second"), 1, poll_seconds=POLL_SECONDS)
    with ThreadPoolExecutor(1) as pool:
        with holding(running(api, "Lismore · 5 tiles")):
            waiting = pool.submit(copy_context().run, second.take, said.append)
            until(lambda: said)
            assert not waiting.done()
        waiting.result(SECONDS)
    assert "waiting for a place among the 1 instances" in said[0]
    assert "held by Lismore · 5 tiles" in said[0]
    assert said[-1].startswith("has its place after")
    assert taken() == 1
    second.give_back()
    second.give_back()
    assert taken() == 0


def test_instances_count_as_an_account_counts_them(limited: Callable[[int], PrefectApi]) -> None:
    """Two instances and two fit into four places; a run that wants more than there are is refused, not kept waiting."""
    api = limited(4)
    with holding(running(api, "one"), 2), holding(running(api, "two"), 2):
        assert taken() == 4
        with pytest.raises(EndpointRefused, match=r"5 instances are wanted.*lets 4.*--limit 5"):
            EndpointPlaces(running(api, "three"), 5).take(lambda _: None)


def test_waiting_ends_with_the_run(limited: Callable[[int], PrefectApi]) -> None:
    """A run that is cancelled while it waits takes no place, then or later."""
    api = limited(1)
    said: list[str] = []
    second = EndpointPlaces(running(api, "second"), 1, poll_seconds=POLL_SECONDS)
    with ThreadPoolExecutor(1) as pool, holding(running(api, "first")):
        waiting = pool.submit(copy_context().run, second.take, said.append)
        until(lambda: said)
        second.stop_waiting()
        with pytest.raises(RunEnded):
            waiting.result(SECONDS)
    assert taken() == 0


def test_a_plan_says_whether_a_place_is_free(limited: Callable[[int], PrefectApi]) -> None:
    """Nothing where nobody has made the limit; else whether a run would go on at once, wait, or never have places."""
    assert places_finding(1) is None
    api = limited(2)
    assert places_finding(2) == Finding(PLACES, Verdict.OK, "2 of 2 free, 2 wanted")
    with holding(running(api, "Lismore")):
        waits, never = places_finding(2), places_finding(3)
    assert waits is not None
    assert never is not None
    assert (waits.verdict, never.verdict) == (Verdict.WARNING, Verdict.PROBLEM)
    assert waits.text.startswith("1 of 2 free, 2 wanted: the run would wait, with its tiles prepared; held by Lismore")


def test_what_is_left_of_an_endpoint_keeps_its_place(limited: Callable[[int], PrefectApi]) -> None:
    """Until the lease has lapsed: to AWS it counts."""
    api = limited(1)
    places = EndpointPlaces(running(api, "first"), 1)
    places.take(lambda _: None)
    places.give_back(gone=False)
    assert taken() == 1


def test_a_server_without_the_limit_keeps_nobody(api: PrefectApi, limited: Callable[[int], PrefectApi]) -> None:
    """Where nobody has made the limit, or somebody has switched it off, a run goes on and says nothing."""
    said: list[str] = []
    EndpointPlaces(uuid4(), 3).take(said.append)
    limited(1)
    api.ask(f"v2/concurrency_limits/{LIMIT}", {"active": False}, "PATCH")
    EndpointPlaces(uuid4(), 3).take(said.append)
    assert (said, read_places()) == ([], None)


def test_a_server_that_is_away_keeps_nobody() -> None:
    """A run whose server does not answer goes on after a while, with a warning; without a server nothing is asked."""
    said: list[str] = []
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}):
        EndpointPlaces(uuid4(), 1, patience_seconds=0.0).take(said.append)
    with temporary_settings({PREFECT_API_URL: None}):
        assert read_places() is None
    assert [one.partition(":")[0] for one in said] == ["warning"]


def test_places_that_nobody_holds_are_said_to_be_stale() -> None:
    """A server that has forgotten its leases counts them for ever: the command that sets the count right is named."""
    assert f"update {LIMIT} --active-slots 0" in place_limit.PlaceLimit(2, 2).holding()


KILLED = """
import sys, time
from uuid import UUID
from tasks.runtime.endpoint_places import EndpointPlaces
EndpointPlaces(UUID(sys.argv[1]), 1, lease_seconds=60).take(print)
print("held", flush=True)
time.sleep(600)
"""


@pytest.mark.slow
def test_a_killed_run_frees_its_place_by_its_lease(tmp_path: Path) -> None:
    """Its process renews nothing; the server's own minute later, the other run that waits has the place."""
    settings = {"PREFECT_HOME": str(tmp_path), "PREFECT_SERVER_SERVICES_REPOSSESSOR_LOOP_SECONDS": "1", **QUIET}
    server = Server.start(tmp_path / "log", settings)
    try:
        server.wait_until_up()
        api = PrefectApi(server.url)
        api.ask("v2/concurrency_limits/", {"name": LIMIT, "limit": 1})
        environment = {**os.environ, **QUIET, "PREFECT_API_URL": server.url, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", KILLED, str(running(api, "killed"))]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            process.kill()
        said: list[str] = []
        with temporary_settings({PREFECT_API_URL: server.url}):
            places = EndpointPlaces(running(api, "second"), 1, poll_seconds=POLL_SECONDS)
            places.take(said.append)
            places.give_back()
        assert "held by killed" in said[0]
    finally:
        server.stop()
