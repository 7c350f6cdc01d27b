"""What operators see: metrics of real servers, and a dashboard that asks for nothing else."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from command_line import QUIET, ROOT
from composition import COMPOSE, GIVEN, composition
from dashboard import free_port
from jpegs import water_and_crops
from model_serving import LIMITS, serving
from numpy.typing import NDArray
from prefect_api import PrefectApi
from prefect_servers import Server
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from team import answers

from deployments.run_metrics import registry
from deployments.server_access import authorization
from tasks.services import child_process

METRICS = COMPOSE.parent / "metrics"
SCRAPED: dict[str, Any] = {
    one["job_name"]: one for one in yaml.safe_load((METRICS / "prometheus.yaml").read_text())["scrape_configs"]
}
DASHBOARD = json.loads((METRICS / "grafana" / "dashboards" / "flood_extent.json").read_text())
EXPRESSIONS = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
AUTH = GIVEN["FLOOD_EXTENT_AUTH"]
# What Prometheus itself adds of each target: prometheus.io/docs/concepts/jobs_instances.
OF_EACH_TARGET = {"up"}
SELECTOR = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?P<labels>\{[^}]*\})?")
WORDS = {"by", "sum", "rate", "min", "max", "histogram_quantile"}


@dataclass
class Scrape:
    """What one target answered.

    Attributes:
        samples: Labels and values by the name of the metric.
    """

    samples: dict[str, list[tuple[dict[str, str], float]]] = field(default_factory=dict)

    def value(self, name: str, **labels: str) -> float:
        """Of the one sample with these labels."""
        (found,) = [value for given, value in self.samples[name] if given.items() >= labels.items()]
        return found


def scraped(text: str) -> Scrape:
    found = Scrape()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def fetched(job: str, port: int) -> Scrape:
    """A scrape as Prometheus makes it, at the job's path and with its password, if it has one."""
    headers = authorization(AUTH) if "basic_auth" in SCRAPED[job] else {}
    url = f"http://127.0.0.1:{port}{SCRAPED[job].get('metrics_path', '/metrics')}"
    return scraped(httpx.get(url, headers=headers, timeout=30, trust_env=False).raise_for_status().text)


@contextmanager
def exporting(api: str, folder: Path) -> Iterator[int]:
    """The service ``run-metrics`` as compose.yaml starts it, but on loopback and a free port; its port."""
    service, port = composition(GIVEN)["services"]["run-metrics"], free_port()
    words = {"python": sys.executable, "0.0.0.0": "127.0.0.1", "9420": str(port)}  # noqa: S104 - replaced
    command = [words.get(word, word) for word in service["command"]]
    child = child_process.start(
        command, env={**service["environment"], "PREFECT_API_URL": api}, log=folder / "log", folder=ROOT
    )
    try:
        PrefectApi(api).wait_for(lambda: answers(f"http://127.0.0.1:{port}/metrics"), (folder / "log").read_text())
        yield port
    finally:
        child.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the password, and the metrics, of compose.yaml."""
    home = tmp_path_factory.mktemp("metrics")
    given = composition(GIVEN)["services"]["server"]["environment"]
    names = ("PREFECT_SERVER_METRICS_ENABLED", "PREFECT_SERVER_API_AUTH_STRING")
    server = Server.start(home / "log", {"PREFECT_HOME": str(home), **QUIET, **{name: given[name] for name in names}})
    try:
        server.wait_until_up()
        yield server
    finally:
        server.stop()


FLOW = """
from prefect import flow, task
@task
def good(number): return number
@task
def bad(): raise ValueError
@flow
def done():
    [one.result() for one in [good.submit(number) for number in range(3)]]
    bad.submit().wait()
    return 1
done()
"""


def make_runs(api: str, home: Path) -> None:
    """A run with three task runs that succeed and one that fails, and one that nobody takes."""
    ask = PrefectApi(api, authorization(AUTH)).ask
    environment = {"PREFECT_API_URL": api, "PREFECT_API_AUTH_STRING": AUTH, "PREFECT_HOME": str(home), **QUIET}
    subprocess.run([sys.executable, "-c", FLOW], env=environment, check=True, capture_output=True)
    flow = ask("flows/", {"name": "done"})["id"]
    ask("flow_runs/", {"flow_id": flow, "state": {"type": "SCHEDULED", "name": "Late"}})


def labelled(nrg: NDArray[np.uint8], _: str) -> NDArray[np.uint8]:
    """A model."""
    return np.zeros(nrg.shape[:2], np.uint8)


@pytest.fixture(scope="module")
def scrapes(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Scrape]]:
    """What each job of Prometheus is answered, once there has been something to count."""
    port = int(server.url.rpartition(":")[2].removesuffix("/api"))
    with exporting(server.url, tmp_path_factory.mktemp("exporter")) as runs, serving(labelled, LIMITS) as url:
        make_runs(server.url, tmp_path_factory.mktemp("home"))
        model, headers = int(url.rpartition(":")[2]), {"content-type": "image/jpeg"}
        for _ in range(3):
            httpx.post(f"{url}/invocations", content=water_and_crops(), headers=headers, trust_env=False)
        ended = lambda: fetched("runs", runs).value("flood_extent_task_runs_ended_total", state="failed")  # noqa: E731
        PrefectApi(server.url).wait_for(ended)
        yield {
            "prefect-server": fetched("prefect-server", port),
            "runs": fetched("runs", runs),
            "model-server": fetched("model-server", model),
        }


@pytest.mark.slow
def test_runs_and_task_runs_are_counted_by_state(scrapes: dict[str, Scrape]) -> None:
    """The figures are those of the runs that there were."""
    runs = scrapes["runs"]
    by_state = {labels["state"]: value for labels, value in runs.samples["flood_extent_task_runs_ended_total"]}
    assert by_state == {"completed": 3, "failed": 1, "crashed": 0, "cancelled": 0}
    assert runs.value("flood_extent_runs", state="completed") == 1
    assert runs.value("flood_extent_runs", state="scheduled") == runs.value("flood_extent_late_runs") == 1
    assert runs.value("flood_extent_api_up") == 1
    assert runs.value("flood_extent_api_seconds_count") > 0


@pytest.mark.slow
def test_the_model_server_counts_what_it_was_asked(scrapes: dict[str, Scrape]) -> None:
    """Three good requests are three answers and three predictions; none waits any more."""
    model = scrapes["model-server"]
    assert model.value("flood_extent_model_requests_total", status="200") == 3
    assert model.value("flood_extent_model_prediction_seconds_count") == 3
    assert model.value("flood_extent_model_waiting") == model.value("flood_extent_model_predicting") == 0


@pytest.mark.slow
def test_the_servers_metrics_need_the_password(server: Server) -> None:
    """They name nothing secret, but are no more anybody's business than runs are."""
    assert httpx.get(f"{server.url}/metrics", trust_env=False).status_code == 401


@pytest.mark.slow
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_dashboard_asks_for_what_there_is(scrapes: dict[str, Scrape], expression: str) -> None:
    """Every metric of every panel was answered by a real server, of the job and with the labels that are asked for."""
    for name, labels, by in selectors(expression):
        jobs = re.findall(r'job="([^"]+)"', labels) or list(SCRAPED)
        assert set(jobs) <= set(SCRAPED)
        if name in OF_EACH_TARGET:
            continue
        found = [given for job in jobs for given, _ in scrapes[job].samples.get(name, ())]
        assert found, f"{name} is nowhere in {jobs}"
        assert all(by - {"instance", "job"} <= set(given) for given in found)


def selectors(expression: str) -> list[tuple[str, str, set[str]]]:
    """Names of metrics in an expression, their selectors, and the labels that it groups by."""
    by = {label.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(",")}
    bare = re.sub(r"by \([^)]*\)|\[[^\]]*\]", "", expression)
    named = [(found["name"], found["labels"] or "") for found in SELECTOR.finditer(bare)]
    outside = [(name, labels) for name, labels in named if name not in WORDS and not re.fullmatch(r"[\d.e]+", name)]
    assert outside, expression
    return [(name, labels, by) for name, labels in outside]


def test_the_dashboard_shows_what_it_should() -> None:
    """Runs and task runs by state, late ones, the API's latency; of model servers requests, queue, refusals, time."""
    titles = " ".join(panel["title"] for panel in DASHBOARD["panels"]).lower()
    wanted = ("runs by state", "task runs a second", "late", "latency", "requests", "queue", "refused", "seconds of a")
    assert [words for words in wanted if words not in titles] == []
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    datasource = yaml.safe_load((METRICS / "grafana" / "datasources" / "prometheus.yaml").read_text())["datasources"][0]
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"] if "targets" in panel} == {datasource["uid"]}


def test_every_target_is_a_service_or_given() -> None:
    """Names and ports are those of compose.yaml; which model servers there are is said in a file that is mounted."""
    services = composition(GIVEN)["services"]
    targets = [
        target for one in SCRAPED.values() for given in one.get("static_configs", ()) for target in given["targets"]
    ]
    for target in targets:
        name, port = target.split(":")
        assert port in services[name]["command"]
        assert set(services[name]["networks"]) & set(services["prometheus"]["networks"])
    (file,) = SCRAPED["model-server"]["file_sd_configs"][0]["files"]
    assert f"./metrics/model_servers.yaml:{file}:ro" in services["prometheus"]["volumes"]
    assert yaml.safe_load((METRICS / "model_servers.yaml").read_text()) == []


def test_a_server_that_is_gone_is_said() -> None:
    """Prometheus hears that Prefect does not answer, rather than nothing; old figures are not repeated."""
    text = generate_latest(registry(f"http://127.0.0.1:{free_port()}/api", "")).decode()
    assert scraped(text).value("flood_extent_api_up") == 0
    assert "flood_extent_runs" not in text
