"""Whose a run is: real Prefect servers on loopback, one that knows the run and one that does not."""

import contextvars
import json
import threading
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from listening import Quiet, listening
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Crashed, Running, State, Suspended

from flows.run.ownership import UNKNOWN, VARIABLE, has_ended, server_identity


@pytest.fixture
def server(prefect_server: str) -> Iterator[str]:
    """The session's server is at hand."""
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield prefect_server


@flow
def nothing() -> None:
    """A flow to have runs of."""


def run_in(state: State[None]) -> UUID:
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(nothing)
        client.set_flow_run_state(run.id, state, force=True)
        return run.id


@pytest.mark.usefixtures("server")
def test_a_server_keeps_its_name() -> None:
    """Whoever asks, and whenever: the name is in its database."""
    first = server_identity()
    assert len(first) == 32
    assert server_identity() == first


@pytest.mark.usefixtures("server")
def test_many_runs_give_a_new_server_one_name() -> None:
    """The first runs of a new server start together: all must say the same."""
    with get_client(sync_client=True) as client:
        if client.read_variable_by_name(VARIABLE) is not None:
            client.delete_variable_by_name(VARIABLE)
    names: list[str] = []
    ask = lambda: names.append(server_identity())  # noqa: E731
    threads = [threading.Thread(target=contextvars.copy_context().run, args=(ask,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 6
    assert set(names) == {server_identity()}


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("state", "ended"),
    [(Completed(), True), (Crashed(), True), (Running(), False), (Suspended(), False)],
    ids=["completed", "crashed", "running", "suspended"],
)
def test_only_a_final_state_is_an_end(state: State[None], ended: bool) -> None:
    """A run that waits for a person, or to be tried again, still needs its endpoint."""
    assert has_ended(server_identity(), run_in(state)) == ended


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("owner", ["another server", "", "None"])
def test_another_servers_run_is_not_judged(owner: str) -> None:
    """The same id may mean nothing there, or something else."""
    assert not has_ended(owner, run_in(Completed()))


@pytest.mark.usefixtures("server")
def test_a_run_that_is_not_known_has_not_ended() -> None:
    """A deleted run and one of another database look the same."""
    assert not has_ended(server_identity(), uuid4())


def test_a_server_that_is_away_says_nothing(prefect_server: str) -> None:
    """Neither a name nor an end, and no error: the lease decides."""
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        owner, run = server_identity(), run_in(Completed())
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert server_identity() == UNKNOWN
        assert not has_ended(owner, run)


def test_without_a_server_none_is_started() -> None:
    """Prefect would start one of its own, for a quarter of a minute, to ask it what it cannot know."""
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert server_identity() == UNKNOWN
        assert not has_ended("server", uuid4())


@pytest.fixture
def stranger() -> Iterator[str]:
    """Something on loopback that answers whatever it is asked, and is no Prefect server."""

    class Answer(Quiet):
        def _answer(self) -> None:
            body = json.dumps({"hello": "world"}).encode() if "json" in self.path else b"<html>Welcome</html>"
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815 - as http.server names them

    with listening(Answer) as address:
        yield address


@pytest.mark.parametrize("path", ["api", "json/api"])
def test_what_is_no_prefect_server_says_nothing(stranger: str, path: str) -> None:
    """A page of HTML, or JSON of another kind, where the server used to be."""
    with temporary_settings({PREFECT_API_URL: f"{stranger}/{path}"}):
        assert server_identity() == UNKNOWN
        assert not has_ended("server", uuid4())
