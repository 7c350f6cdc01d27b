"""deployments/compose.yaml: what it promises a team, read as docker compose reads it."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from command_line import ROOT
from composition import COMPOSE, DASK, GIVEN, NotGiven, composition
from prefect.settings import Settings
from prefect.settings.legacy import _get_valid_setting_names
from prefect_redis.cleanup_queue import RedisWorkerCleanupQueueSettings
from prefect_redis.client import RedisMessagingSettings

from deployments import worker
from deployments.local import POOL
from flows.server.local_server import BATCH_SETTINGS, QUIET_SETTINGS
from tasks.services import child_process

SERVER = ("migrate", "server", "services")
METRICS = ("run-metrics", "prometheus", "grafana")
CLIENTS = ("worker", "deploy", "run-metrics")
# The users that others' images make for their servers.
THEIRS = {"postgres": "999:999", "redis": "999:999", "prometheus": "65534:65534", "grafana": "472:0"}
STAY = ("postgres", "redis", "server", "services", "worker", *METRICS)
REDIS = {
    f"PREFECT_REDIS_{section}_{name.upper()}"
    for section, known in (
        ("MESSAGING", RedisMessagingSettings),
        ("WORKER_CLEANUP_QUEUE", RedisWorkerCleanupQueueSettings),
    )
    for name in known.model_fields
}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services, with only what has to be given."""
    return dict(composition(GIVEN)["services"])


@pytest.mark.parametrize("name", GIVEN)
def test_what_has_to_be_given_is_asked_for(name: str) -> None:
    """A server without a password, or a product without a place, is never started."""
    with pytest.raises(NotGiven, match=rf"{name}: .*deployments/\.env"):
        composition({**GIVEN, name: ""})


def test_the_example_names_every_variable() -> None:
    """Who copies it sees all there is to set; only what has to be given is not commented out."""
    example = (COMPOSE.parent / ".env.example").read_text()
    files = (COMPOSE.read_text() + DASK.read_text()).replace("$$", "")
    named = set(re.findall(r"\$\{(\w+):", files))
    assert set(re.findall(r"^#?(\w+)=", example, re.MULTILINE)) == named
    assert set(re.findall(r"^(\w+)=(?:'')?$", example, re.MULTILINE)) == set(GIVEN)


def test_the_server_s_processes_agree(services: dict[str, Any]) -> None:
    """They are one server: a setting that only one of them knows makes them two."""
    given = [services[name]["environment"] for name in SERVER]
    assert given[0] == given[1] == given[2]
    assert given[0].items() >= {**BATCH_SETTINGS, **QUIET_SETTINGS}.items()


def test_what_they_share_is_not_in_memory(services: dict[str, Any]) -> None:
    """Each of Prefect's own stores that by default lives in one process is replaced."""
    given = services["server"]["environment"]
    defaults = Settings().server
    stores = {
        "PREFECT_SERVER_EVENTS_MESSAGING_BROKER": defaults.events.messaging_broker,
        "PREFECT_SERVER_EVENTS_MESSAGING_CACHE": defaults.events.messaging_cache,
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": defaults.events.causal_ordering,
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": defaults.concurrency.lease_storage,
        "PREFECT_SERVER_WORKER_CHANNEL_CLEANUP_QUEUE_STORAGE": defaults.worker_channel.cleanup_queue_storage,
        "PREFECT_SERVER_DOCKET_URL": defaults.docket.url,
    }
    assert all("memory" in default for default in stores.values())
    assert all("redis" in given[name] for name in stores)


@pytest.mark.parametrize("service", [*SERVER, *CLIENTS])
def test_prefect_knows_every_setting(services: dict[str, Any], service: str) -> None:
    """Prefect ignores a name that it does not know: a slip would go unnoticed."""
    known = _get_valid_setting_names(Settings) | REDIS
    given = {name for name in services[service]["environment"] if name.startswith("PREFECT_")}
    assert given - known == set()


def test_everybody_reports_with_the_password(services: dict[str, Any]) -> None:
    """Server and clients have the same one, from the same variable."""
    asked = {services[name]["environment"]["PREFECT_SERVER_API_AUTH_STRING"] for name in SERVER}
    told = {services[name]["environment"]["PREFECT_API_AUTH_STRING"] for name in CLIENTS}
    assert asked == told == {GIVEN["FLOOD_EXTENT_AUTH"]}


def test_only_what_people_look_at_is_published_and_on_loopback(services: dict[str, Any]) -> None:
    """Basic authentication without TLS is for one machine; who publishes it further says so."""
    assert {name: one["ports"] for name, one in services.items() if "ports" in one} == {
        "server": ["127.0.0.1:4200:4200"],
        "grafana": ["127.0.0.1:3000:3000"],
    }


def test_nobody_gets_metrics_unasked(services: dict[str, Any]) -> None:
    """Three more containers and their data are for who asks for them; nothing else waits for them."""
    assert {name for name, one in services.items() if one.get("profiles") == ["metrics"]} == set(METRICS)
    assert not any(
        set(METRICS) & set(one.get("depends_on", ())) for name, one in services.items() if name not in METRICS
    )


def test_metrics_are_asked_for_with_the_password_and_shown_with_one(services: dict[str, Any]) -> None:
    """Prometheus finds name and password where its configuration says; Grafana does not start with the image's own."""
    (script,) = services["prometheus"]["command"]
    places = yaml.safe_load((COMPOSE.parent / "metrics" / "prometheus.yaml").read_text())["scrape_configs"][0][
        "basic_auth"
    ]
    place, mode = services["prometheus"]["tmpfs"][0].split(":")
    for file in places.values():
        assert file.startswith(f"{place}/")
        assert f"> {file}" in script
    assert "mode=0700" in mode
    assert services["prometheus"]["environment"] == {"FLOOD_EXTENT_AUTH": GIVEN["FLOOD_EXTENT_AUTH"]}
    assert services["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"] == ""
    done = subprocess.run(
        ["sh", "-euc", services["grafana"]["command"][0]],
        env={"GF_SECURITY_ADMIN_PASSWORD": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "choose FLOOD_EXTENT_GRAFANA_PASSWORD in deployments/.env" in done.stderr


@pytest.mark.parametrize("auth", ["team:p@ss:w0rd$", "a:b c"])
def test_name_and_password_are_told_apart(services: dict[str, Any], tmp_path: Path, auth: str) -> None:
    """The first colon divides them, as in HTTP; all else is the password's."""
    script = services["prometheus"]["command"][0].replace("/run/prefect", str(tmp_path))
    written, _ = script.split("exec ")
    subprocess.run(["sh", "-euc", written], env={"FLOOD_EXTENT_AUTH": auth}, check=True)
    assert ((tmp_path / "name").read_text(), (tmp_path / "password").read_text()) == tuple(auth.split(":", 1))
    assert (tmp_path / "password").stat().st_mode & 0o077 == 0


def test_what_is_mounted_is_there(services: dict[str, Any]) -> None:
    """Docker makes an empty folder of a file that is missing, and the server would not start."""
    mounted = [volume.split(":") for name in METRICS for volume in services[name].get("volumes", ())]
    assert all((COMPOSE.parent / place).exists() for place, *_ in mounted if place.startswith("."))
    assert {place for place, *_ in mounted if not place.startswith(".")} <= set(composition(GIVEN)["volumes"])
    assert all(rest[-1] == "ro" for place, *rest in mounted if place.startswith("."))


def test_a_run_cannot_reach_the_database(services: dict[str, Any]) -> None:
    """The worker executes code that reads files from outside: it shares no network with PostgreSQL and Redis."""
    assert composition(GIVEN)["networks"]["inside"] == {"internal": True}
    assert all(services[name]["networks"] == ["inside"] for name in ("postgres", "redis"))
    assert all(services[name]["networks"] == ["outside"] for name in CLIENTS)


@pytest.mark.parametrize("service", [*SERVER, *CLIENTS, *THEIRS])
def test_no_container_has_or_gets_a_privilege(services: dict[str, Any], service: str) -> None:
    """Whoever breaks into one has what an ordinary user has: neither root's powers nor a way to them."""
    assert services[service]["cap_drop"] == ["ALL"]
    assert services[service]["security_opt"] == ["no-new-privileges:true"]
    assert not {"cap_add", "privileged"} & services[service].keys()


@pytest.mark.parametrize("service", THEIRS)
def test_others_servers_are_not_root_and_have_their_limits(services: dict[str, Any], service: str) -> None:
    """Without a capability their images' entry points could not change to their user; a leak ends in one container."""
    assert services[service]["user"] == THEIRS[service]
    assert re.fullmatch(r"\dg", services[service]["mem_limit"])


def test_redis_has_a_password_that_no_command_line_shows(services: dict[str, Any]) -> None:
    """Everything on the network inside must know it; who lists processes must not learn it."""
    password = GIVEN["FLOOD_EXTENT_REDIS_PASSWORD"]
    assert services["redis"]["environment"] == {"REDISCLI_AUTH": password}
    assert not any(password in word for word in services["redis"]["command"])
    addresses = {value for value in services["server"]["environment"].values() if "redis://" in value}
    assert addresses == {f"redis://:{password}@redis:6379/0"}


@pytest.mark.parametrize("service", STAY)
def test_what_stays_is_restarted_and_its_logs_end(services: dict[str, Any], service: str) -> None:
    """After a fault or a reboot it is up again; its log does not fill the disk."""
    assert services[service]["restart"] == "unless-stopped"
    assert set(services[service]["logging"]["options"]) == {"max-size", "max-file"}
    assert "healthcheck" in services[service] or service in {"services", "worker"}  # they listen on no port


def test_the_bytes_of_others_images_are_pinned() -> None:
    """The same file starts the same programs next year; a version's tag can be pointed at other bytes."""
    images = re.findall(r"^ +image: ([^$\s]+)$", COMPOSE.read_text(), re.MULTILINE)
    assert len(images) == len(THEIRS)
    assert all(re.fullmatch(r"[\w/]+:v?\d+\.\d+(\.\d+)?(-\w+)?@sha256:[0-9a-f]{64}", image) for image in images)


def test_nothing_starts_before_the_database_is_migrated(services: dict[str, Any]) -> None:
    """Two processes that migrate at once would meet; one does it, and the others wait for it."""
    waiting = [services[name]["depends_on"]["migrate"]["condition"] for name in ("server", "services")]
    assert waiting == ["service_completed_successfully"] * 2
    assert services["server"]["environment"]["PREFECT_SERVER_DATABASE_MIGRATE_ON_START"] == "false"


def test_the_worker_has_the_frames_and_may_not_change_them(services: dict[str, Any]) -> None:
    """Imagery is read only; products, cache and logs stay when the container goes."""
    mounted = dict(reversed(volume.split(":", 1)) for volume in services["worker"]["volumes"])
    assert mounted["/data/imagery:ro"] == GIVEN["FLOOD_EXTENT_IMAGERY"]
    assert mounted["/data/out"] == GIVEN["FLOOD_EXTENT_PRODUCTS"]
    assert {mounted["/data/work"], mounted["/data/logs"]} <= set(composition(GIVEN)["volumes"])


def test_the_worker_and_its_deployments_meet(services: dict[str, Any]) -> None:
    """One pool, and the places that the worker mounts."""
    (*_, script) = services["deploy"]["command"]
    assert services["worker"]["command"][:5] == ["python", "-m", "deployments.worker", "--pool", POOL]
    assert "python -m deployments.local --places=/data" in script


def test_runs_have_time_to_tear_down(services: dict[str, Any]) -> None:
    """Docker kills what has not ended in time, and an endpoint would stay up."""
    assert services["worker"]["stop_grace_period"] == "1m"
    assert worker.GRACE_SECONDS + child_process.STOP_SECONDS < 60


def test_starting_again_does_not_deploy(services: dict[str, Any]) -> None:
    """Deployments change with an upgrade, and an upgrade is somebody's decision: it is done by hand."""
    assert services["deploy"]["profiles"] == ["deploy"]
    assert (ROOT / "prefect.yaml").exists()
