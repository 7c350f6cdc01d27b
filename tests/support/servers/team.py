"""The services of deployments/compose.yaml as processes on loopback, with the environment that it gives them."""

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from command_line import ROOT
from composition import GIVEN, composition
from dashboard import free_port
from prefect_api import PrefectApi

from deployments.server_access import authorization
from tasks.services import child_process

SECONDS = 240
POSTGRES_USER = "postgres"
# In the environment of a service and of all that it starts.
MARK = "FLOOD_EXTENT_SERVICE"


def postgres_programs() -> Path | None:
    """The folder of PostgreSQL's own programs, which Debian keeps off the path; None where there is none."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders and (folders[-1] / "initdb").exists() else None


def what_is_missing() -> str:
    """Of the programs that a team's server needs; empty where all are there."""
    there = {"redis-server": shutil.which("redis-server"), "PostgreSQL's initdb": postgres_programs()}
    return " and ".join(name for name, place in there.items() if not place)


@dataclass(kw_only=True)
class Team(PrefectApi):
    """A team's server, its services and its worker, running.

    Attributes:
        services: Of compose.yaml, filled in.
        folder: Of logs and data; ``/data`` of the containers is its ``data``.
        ports: On loopback, by service.
    """

    services: Mapping[str, Any]
    folder: Path
    ports: Mapping[str, int]

    def here(self, text: str) -> str:
        """A word of compose.yaml with places of this machine in the place of the containers'."""
        for name, port in (("server", 4200), ("redis", 6379)):
            text = re.sub(rf"(?<=[/@]){name}:{port}\b", f"127.0.0.1:{self.ports[name]}", text)
        exact = {"0.0.0.0": "127.0.0.1", "4200": str(self.ports["server"])}  # noqa: S104 - replaced
        return exact.get(text, text).replace("=/data", f"={self.folder / 'data'}")

    def environment(self, service: str) -> dict[str, str]:
        """Exactly that of the container, and what a process needs of this machine; nothing of the test's own."""
        given = {name: self.here(value) for name, value in self.services[service]["environment"].items()}
        for name, place in (("HOST", "127.0.0.1"), ("PORT", str(self.ports["postgres"]))):
            if f"PREFECT_SERVER_DATABASE_{name}" in given:
                given[f"PREFECT_SERVER_DATABASE_{name}"] = place
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        home = {"HOME": str(self.folder), "PREFECT_HOME": str(self.folder / f"home-{service}"), MARK: service}
        return {"PATH": path, "AWS_EC2_METADATA_DISABLED": "true", **home, **given}

    def run(self, service: str) -> str:
        """Run a container that ends by itself; what it said."""
        command = [self.here(word) for word in self.services[service]["command"]]
        done = subprocess.run(
            command,
            env=self.environment(service),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def running(self, service: str, *, command: Sequence[str] = ()) -> Iterator[child_process.Child]:
        """A container that stays, while the block runs."""
        words = command or [self.here(word) for word in self.services[service]["command"]]
        theirs = {"PATH": os.environ["PATH"], **self.services[service]["environment"]}
        environment = theirs if command else self.environment(service)
        variables = [f"{name}={value}" for name, value in environment.items()]
        # Without the environment of the test: only what is said is given.
        child = child_process.start(
            ["env", "--ignore-environment", *variables, *words], log=self.folder / f"{service}.log"
        )
        try:
            yield child
        finally:
            child.stop(30)

    def said(self) -> str:
        """The ends of all logs."""
        files = sorted(self.folder.glob("*.log"))
        return "\n".join(f"== {file.name}\n" + "\n".join(file.read_text().splitlines()[-30:]) for file in files)


def answers(url: str) -> bool:
    """Whether something there says that it is well."""
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


@contextmanager
def running_team(folder: Path, **given: str) -> Iterator[Team]:
    """All services, up and deployed.

    Args:
        folder: Of logs and data.
        given: Variables of compose.yaml on top of those that have to be given.
    """
    ports = {name: free_port() for name in ("postgres", "redis", "server")}
    url = {"FLOOD_EXTENT_URL": f"http://127.0.0.1:{ports['server']}"}
    services = composition({**GIVEN, **url, **given})["services"]
    headers = authorization(GIVEN["FLOOD_EXTENT_AUTH"])
    team = Team(f"{url['FLOOD_EXTENT_URL']}/api", headers, services=services, folder=folder, ports=ports)
    (folder / "data").mkdir()
    with ExitStack() as stack:
        stack.enter_context(_postgres(team))
        redis = [*team.services["redis"]["command"], "--bind", "127.0.0.1", "--port", str(ports["redis"])]
        stack.enter_context(team.running("redis", command=[*redis, "--dir", str(folder)]))
        team.run("migrate")
        stack.enter_context(team.running("server"))
        team.wait_for(lambda: answers(f"{team.api}/ready"))
        stack.enter_context(team.running("services"))
        team.run("deploy")
        stack.enter_context(team.running("worker"))
        team.wait_for(lambda: team.ask("work_pools/flood-extent-local/workers/filter", {}))
        yield team


@contextmanager
def _postgres(team: Team) -> Iterator[None]:
    """An empty database as the image makes it; PostgreSQL refuses to run as root."""
    programs = postgres_programs()
    assert programs
    place = Path(tempfile.mkdtemp(prefix="flood-extent-postgres-"))
    as_user: list[str] = []
    password = place / "password"
    password.write_text(GIVEN["FLOOD_EXTENT_DATABASE_PASSWORD"])
    if os.getuid() == 0:
        as_user = ["runuser", "-u", POSTGRES_USER, "--"]
        user = pwd.getpwnam(POSTGRES_USER)
        for one in (place, password):
            os.chown(one, user.pw_uid, user.pw_gid)
    port, data = str(team.ports["postgres"]), str(place / "data")
    made = ["--username=prefect", f"--pwfile={password}", "--auth=scram-sha-256", "--no-sync", "-D", data]
    subprocess.run([*as_user, programs / "initdb", *made], check=True, capture_output=True, cwd=place)
    options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-p", port]
    try:
        with team.running("postgres", command=[*as_user, str(programs / "postgres"), "-D", data, *options]):
            here = ["--host=127.0.0.1", f"--port={port}", "--username=prefect"]
            ready = [programs / "pg_isready", *here]
            team.wait_for(lambda: subprocess.run(ready, capture_output=True, check=False).returncode == 0)
            secret = {**os.environ, "PGPASSWORD": GIVEN["FLOOD_EXTENT_DATABASE_PASSWORD"]}
            subprocess.run([programs / "createdb", *here, "prefect"], env=secret, check=True)
            yield
    finally:
        shutil.rmtree(place)
