"""The Prefect server of a single run: closed to others, whatever the user's settings; and why it did not start."""

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from command_line import QUIET, CommandLine, Scene
from prefect.settings import (
    PREFECT_HOME,
    PREFECT_SERVER_API_AUTH_STRING,
    PREFECT_SERVER_DATABASE_CONNECTION_URL,
    PREFECT_SERVER_EVENTS_RETENTION_PERIOD,
    PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED,
    Settings,
    temporary_settings,
)
from processes import kill_marked, processes_marked

from deployments.server_access import authorization, token
from flows.server import server_faults
from flows.server.local_server import (
    BATCH_SETTINGS,
    KEPT_SETTINGS,
    ONE_RUN,
    ONE_RUN_SETTINGS,
    Server,
    ServerNotStarted,
    wait_for_all,
)
from flows.server.server_environment import prefect_settings
from flows.server.server_faults import ran_out_of_memory
from flows.server.server_proof import is_ours

VACUUM_SECONDS = 60
HOME = Path("/home/me/.prefect")


@pytest.fixture
def alone(tmp_path: Path) -> CommandLine:
    """The command line with nothing that it could report to."""
    return CommandLine(tmp_path, {"PREFECT_HOME": str(tmp_path / "home"), "PREFECT_API_URL": "", **QUIET})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running one."""
    running = Server.start(tmp_path / "server.log", {"PREFECT_HOME": str(tmp_path / "home"), **ONE_RUN_SETTINGS})
    try:
        running.wait_until_up()
        yield running
    finally:
        running.stop()


def test_batches_are_settings_that_prefect_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Task runs and events are written many at a time, and a second later at most: a misspelt name would not do it."""
    for name, value in BATCH_SETTINGS.items():
        monkeypatch.setenv(name, value)
    services = Settings().server.services
    for service, batch in ((services.task_run_recorder, 100), (services.event_persister, 500)):
        assert (service.batch_size, service.read_batch_size, service.flush_interval) == (batch, 100, 1)
    assert services.triggers.read_batch_size == 100


def test_it_answers_its_run_alone(server: Server, tmp_path: Path) -> None:
    """Another user of the machine finds the port, and gets nothing; its database is closed to him as well."""
    url, ours = f"{server.url}/flows/filter", authorization(server.access.auth_string)
    foreign = {**ours, "Host": "evil.example"}
    statuses = [
        httpx.post(url, json={}, headers=headers, trust_env=False, timeout=60).status_code
        for headers in ({}, {"Authorization": f"Basic {token('a:b')}"}, foreign, ours)
    ]
    assert statuses == [401, 401, 421, 200]
    assert (tmp_path / "home" / "prefect.db").stat().st_mode & 0o077 == 0
    assert not is_ours(server.address, "another key")


def test_every_server_has_a_password_of_its_own() -> None:
    """What was seen of one run's is worth nothing with the next."""
    one, other = (Server.start(Path(os.devnull), access=None) for _ in range(2))
    one.stop()
    other.stop()
    assert one.access.auth_string != other.access.auth_string
    assert one.access.auth_string.split(":")[1] not in repr(one.access)


def test_of_the_users_settings_it_takes_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What belongs to a team's server is taken out, from wherever Prefect has it; where runs are recorded stays."""
    monkeypatch.setenv("PREFECT_SERVER_EVENTS_MESSAGING_BROKER", "prefect_redis.messaging")
    monkeypatch.setenv("PREFECT_PROFILE", "team")
    kept = {"PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events", "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P90D"}
    monkeypatch.chdir(tmp_path)
    chosen = {
        PREFECT_HOME: tmp_path,
        PREFECT_SERVER_API_AUTH_STRING: "a:b",
        PREFECT_SERVER_DATABASE_CONNECTION_URL: "sqlite+aiosqlite:///mine.db",
        PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED: {"events"},
        PREFECT_SERVER_EVENTS_RETENTION_PERIOD: timedelta(days=90),
    }
    with temporary_settings(chosen):
        made = prefect_settings(ONE_RUN, KEPT_SETTINGS)
    assert made["PREFECT_SERVER_EVENTS_MESSAGING_BROKER"] is None
    assert made["PREFECT_PROFILE"] is None
    assert "PREFECT_SERVER_API_AUTH_STRING" not in made
    assert made["PREFECT_SERVER_DATABASE_CONNECTION_URL"] == f"sqlite+aiosqlite:///{tmp_path}/mine.db"
    assert made | kept == made
    assert made["PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD"] == str(30 * 24 * 3600)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"PREFECT_SERVER_API_AUTH_STRING": "a:b", "PREFECT_API_AUTH_STRING": "c:d", "HTTP_PROXY": "http://127.0.0.1:9"},
        {
            "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
            "PREFECT_SERVER_API_BASE_PATH": "/prefect",
            "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",
            "PREFECT_SERVER_EVENTS_MESSAGING_BROKER": "prefect_redis.messaging",
            "PREFECT_CLIENT_CUSTOM_HEADERS": '{"Authorization": "Bearer of-another-server"}',
            "all_proxy": "socks://127.0.0.1:9",
        },
    ],
)
def test_settings_of_a_teams_server_do_not_reach_it(alone: CommandLine, scene: Scene, settings: dict[str, str]) -> None:
    """With them in the shell a run maps as without, and its task runs are recorded."""
    status, said = alone("run", scene.dataset, "--width", "200", **settings)
    assert status == 0, said
    assert "not recorded" not in said
    assert len(recorded(alone.folder / "home" / "prefect.db")) == 1


def recorded(database: Path) -> list[str]:
    """Ids of the flow runs in a database."""
    with sqlite3.connect(database) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM flow_run")]


@pytest.mark.slow
def test_first_runs_at_once_do_not_fail(alone: CommandLine, scene: Scene) -> None:
    """Three on a new Prefect home: each waits until another has made the database, and all are recorded in it."""
    places = [("--output", f"out{one}", "--work-directory", f"work{one}") for one in range(3)]
    runs = [alone.start("run", scene.dataset, "--width", "200", *place) for place in places]
    said = [run.communicate(timeout=300)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], said
    assert len(recorded(alone.folder / "home" / "prefect.db")) == 3


def damaged(home: Path) -> None:
    (home / "prefect.db").write_bytes(os.urandom(100_000))


def newer(home: Path) -> None:
    with sqlite3.connect(home / "prefect.db") as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES ('0123456789ab')")


def folder(home: Path) -> None:
    (home / "prefect.db").mkdir()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (damaged, "file is not a database"),
        (newer, "made by another version of Prefect"),
        (folder, "no database can be made or opened"),
    ],
)
def test_why_it_did_not_start_is_said(
    tmp_path: Path, spoil: object, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason and the way out, however quiet the command's own log is."""
    assert callable(spoil)
    spoil(tmp_path)
    monkeypatch.setenv("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    with temporary_settings({PREFECT_HOME: tmp_path}):
        server = Server.start(tmp_path / "server.log")
        try:
            with pytest.raises(ServerNotStarted, match=words) as raised:
                server.wait_until_up()
        finally:
            server.stop()
    assert "set PREFECT_HOME to another folder" in str(raised.value)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize(
    ("status", "output", "words"),
    [
        (-signal.SIGKILL, "", "it was killed (signal 9), as Linux does where memory runs out"),
        (1, "Traceback\nMemoryError", "memory ran out"),
        (1, "[Errno 98] error while attempting to bind: address already in use", "its port is taken"),
        (3, "sqlite3.OperationalError: database or disk is full", "no space is left for /home/me/.prefect"),
        (3, "OSError: [Errno 28] No space left on device", "no space is left for /home/me/.prefect"),
        (3, "attempt to write a readonly database", "the database in /home/me/.prefect cannot be written"),
        (3, "OSError: [Errno 30] Read-only file system: 'x'", "/home/me/.prefect cannot be written"),
        (7, "something new", "it ended with status 7; it said:\nsomething new"),
        (None, "", "it does not answer; it said:\nnothing"),
    ],
)
def test_each_reason_has_its_words(status: int | None, output: str, words: str) -> None:
    """What a person can do something about comes first; what nobody foresaw is quoted."""
    assert words in server_faults.reason(status, output, HOME)


def test_memory_that_ran_out_is_known() -> None:
    """As Python, the system and OpenCV say it, also below another error; another error is not taken for it."""
    below = RuntimeError("tile")
    below.__cause__ = MemoryError()
    found = [below, OSError(12, "Cannot allocate memory"), RuntimeError("(-4:Insufficient memory) Failed to allocate")]
    assert all(map(ran_out_of_memory, found))
    assert not any(map(ran_out_of_memory, (None, ValueError("memory"), OSError(28, "full"))))


@pytest.mark.slow
def test_a_server_that_is_killed_for_memory_is_said(alone: CommandLine, scene: Scene) -> None:
    """A run whose own server dies by SIGKILL ends with what that means, not with a fault of the program."""
    mark = str(alone.folder)
    process = alone.start("run", scene.dataset, FLOOD_EXTENT_TEST_MARK=mark)
    while not list((alone.folder / "work" / "cache" / "records" / "prepare").glob("*.json")):
        assert process.poll() is None
    assert kill_marked(mark, "server_app")
    said = process.communicate(timeout=300)[0]
    assert "it was killed (signal 9), as Linux does where memory runs out" in said
    assert "a fault of the program" not in said
    assert not processes_marked(mark)


def add_old(database: Path, runs: dict[int, str]) -> None:
    """Flow runs that ended so many days ago, each with an event of that day."""
    with sqlite3.connect(database) as connection:
        connection.execute("INSERT INTO flow (id, name) VALUES (?, 'old')", (flow := str(uuid4()),))
        for days, run in runs.items():
            day = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S.000000")
            fields = "id, name, flow_id, created, end_time, state_type, state_name"
            values = (run, "old", flow, day, day, "COMPLETED", "Completed")
            connection.execute(f"INSERT INTO flow_run ({fields}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608
            event = (day, "old", f"prefect.flow-run.{run}", "{}", "{}", day, day)
            columns = "occurred, event, resource_id, resource, payload, received, recorded"
            connection.execute(f"INSERT INTO events ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", event)  # noqa: S608


def old_events(database: Path) -> int:
    with sqlite3.connect(database) as connection:
        return int(connection.execute("SELECT count(*) FROM events WHERE event = 'old'").fetchone()[0])


@pytest.mark.slow
def test_the_database_keeps_thirty_days(tmp_path: Path) -> None:
    """Older runs and events go when a server starts; younger ones stay."""
    home, log = tmp_path / "home", tmp_path / "server.log"
    settings = {"PREFECT_HOME": str(home), **ONE_RUN_SETTINGS}
    runs = {days: str(uuid4()) for days in (10, 29, 31, 400)}
    first = Server.start(log, settings)
    first.wait_until_up()
    first.stop()
    database = home / "prefect.db"
    add_old(database, runs)
    second = Server.start(log, settings)
    try:
        second.wait_until_up()
        deadline = time.monotonic() + VACUUM_SECONDS
        while (len(recorded(database)), old_events(database)) != (2, 2) and time.monotonic() < deadline:
            time.sleep(0.2)
    finally:
        second.stop()
    assert set(recorded(database)) == {runs[10], runs[29]}
    assert old_events(database) == 2


@pytest.mark.parametrize(
    ("counts", "left", "waited"),
    [
        ([0], 0, 0.0),
        ([3, 2, 1, 0], 0, 0.3),
        (chain([3, 2], repeat(2)), 2, 10.1),
        (range(2000, 0, -1), 1400, 60.0),
        ([5, -1], 0, 0.1),
    ],
)
def test_waiting_ends_with_the_last_or_when_nothing_more_comes(counts: list[int], left: int, waited: float) -> None:
    """What will never come costs the time in which something would have; what comes slowly is waited for."""
    waits, missing = [0.0], iter(counts)
    found = wait_for_all(lambda: next(missing), clock=lambda: sum(waits), sleep=waits.append)
    assert (found, sum(waits)) == pytest.approx((left, waited), abs=1)
