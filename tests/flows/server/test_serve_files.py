"""The private files of ``serve``, and what a run makes of them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest
from listening import Quiet, listening
from prefect.settings import PREFECT_HOME, PREFECT_SERVER_API_AUTH_STRING, temporary_settings

from deployments.server_access import PROOF_PATH, proof
from flows.server import serve_files
from flows.server.running_server import serve_of_this_home
from flows.server.server_proof import is_ours
from tasks.core.errors import UnusableArgument
from tasks.core.redaction import redact


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A Prefect home that is not there yet."""
    with temporary_settings({PREFECT_HOME: tmp_path / "home"}):
        yield tmp_path / "home"


def test_only_the_owner_can_read_them(home: Path) -> None:
    """Whatever the umask: the folder 0700, the files 0600."""
    former = os.umask(0)
    try:
        serve_files.own_auth_string()
        serve_files.write_address("http://127.0.0.1:4200")
    finally:
        os.umask(former)
    place = home / "flood-extent-serve"
    modes = [oct(path.stat().st_mode & 0o777) for path in (place, *sorted(place.iterdir()))]
    assert modes == ["0o700", "0o600", "0o600"]


def test_the_password_stays(home: Path) -> None:
    """Browsers stay logged in over a restart; another Prefect home has another password."""
    first = serve_files.own_auth_string()
    assert serve_files.own_auth_string() == first
    with temporary_settings({PREFECT_HOME: home.parent / "other"}):
        assert serve_files.own_auth_string() != first


@pytest.mark.parametrize("spoilt", ["readable", "empty", "foreign", "link"])
def test_a_password_that_others_may_know_is_made_anew(home: Path, spoilt: str) -> None:
    """What was open to others, cut short, or is none of ours, protects nobody."""
    first = serve_files.own_auth_string()
    path = home / "flood-extent-serve" / "auth-string"
    if spoilt == "readable":
        path.chmod(0o644)
    elif spoilt == "link":
        path.rename(home / "elsewhere")
        path.symlink_to(home / "elsewhere")
    else:
        path.write_text("" if spoilt == "empty" else "admin:admin")
    assert serve_files.read_auth_string() is None
    assert serve_files.own_auth_string() != first


def test_a_folder_that_was_open_is_closed(home: Path) -> None:
    """One that an older version made, with logs in it, is taken over and closed."""
    place = home / "flood-extent-serve"
    place.mkdir(parents=True)
    place.chmod(0o755)
    assert serve_files.private_folder().stat().st_mode & 0o777 == 0o700


def test_a_folder_of_somebody_else_is_refused(home: Path) -> None:
    """Who put it there could read what is kept in it: the message has the way out."""
    home.mkdir()
    (home / "flood-extent-serve").symlink_to(home)
    with pytest.raises(UnusableArgument, match="set PREFECT_HOME to a folder of your own"):
        serve_files.private_folder()


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The path, the reason, and the way out."""
    (tmp_path / "file").write_text("")
    with (
        temporary_settings({PREFECT_HOME: tmp_path / "file"}),
        pytest.raises(UnusableArgument, match=r"Not a directory.*set PREFECT_HOME"),
    ):
        serve_files.own_auth_string()


@pytest.mark.usefixtures("home")
def test_redaction_knows_the_password() -> None:
    """In no form does it reach a message: bare, as a header has it, as a setting."""
    made = serve_files.own_auth_string()
    header = httpx.BasicAuth(*made.split(":"))._auth_header
    text = redact(f"{made} {header} {header.split()[1]} PREFECT_API_AUTH_STRING=mine:own")
    assert made.split(":")[1] not in text
    assert header.split()[1] not in text
    assert "mine:own" not in text


@contextmanager
def stand_in(key: str, real: str = "") -> Iterator[tuple[str, list[str]]]:
    """Something that takes the proof's question, as ``real`` would answer it, and the paths that it was asked."""
    asked: list[str] = []

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            nonce = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(proof(key, real or address, nonce))

        def do_GET(self) -> None:
            self._answer("true")

        def _answer(self, text: str) -> None:
            asked.append(f"{self.command} {self.path} {self.headers.get('Authorization', '')}".strip())
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

    with listening(Handler) as address:
        yield address, asked


@pytest.mark.usefixtures("home")
def test_a_run_finds_serve_on_any_port() -> None:
    """The address comes from the private folder, and what answers there has the key."""
    made = serve_files.own_auth_string()
    with stand_in(made) as (address, asked):
        serve_files.write_address(address)
        assert serve_of_this_home() == (address, made)
    assert asked[0] == f"POST {PROOF_PATH}"


@pytest.mark.usefixtures("home")
def test_a_password_of_the_users_own_is_tried_first() -> None:
    """It is what serve asks for where it is set."""
    made = serve_files.own_auth_string()
    with stand_in(made) as (address, _), temporary_settings({PREFECT_SERVER_API_AUTH_STRING: "mine:own"}):
        serve_files.write_address(address)
        assert serve_of_this_home() == (address, "mine:own")


@pytest.mark.usefixtures("home")
def test_a_stranger_on_the_port_is_sent_nothing() -> None:
    """Where serve was killed and somebody else listens now, no request with credentials goes there."""
    serve_files.own_auth_string()
    with stand_in("another key") as (address, asked):
        serve_files.write_address(address)
        assert serve_of_this_home() is None
    assert [one.split()[1] for one in asked] == [PROOF_PATH]
    assert not any("Basic" in one for one in asked)


def test_a_proof_of_another_server_is_none() -> None:
    """Who hands the question on to the right server gets an answer that is not about himself."""
    with stand_in("key") as (real, _), stand_in("key", real) as (between, _):
        assert is_ours(real, "key")
        assert not is_ours(between, "key")


@pytest.mark.usefixtures("home")
def test_a_file_that_serve_left_behind_does_no_harm() -> None:
    """Nobody answers there any more: the run has a server of its own."""
    serve_files.own_auth_string()
    serve_files.write_address("http://127.0.0.1:9")
    assert serve_of_this_home() is None
    serve_files.forget_address()
    assert serve_files.read_address() is None
