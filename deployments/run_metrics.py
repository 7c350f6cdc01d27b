"""Runs and task runs of a Prefect server as Prometheus metrics: ``python -m deployments.run_metrics``.

Prefect 3.8's own metrics (``PREFECT_SERVER_METRICS_ENABLED``) tell of its process and of its workers' connections, not
of runs. So this asks the API whenever it is asked itself: some counts, by ``PREFECT_API_URL`` and
``PREFECT_API_AUTH_STRING``. How long the API takes to answer is what an operator sees of its latency.
"""

import argparse
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from prometheus_client import CollectorRegistry, Histogram, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from deployments.server_access import authorization

PORT = 9420
OPEN = ("SCHEDULED", "PENDING", "RUNNING", "PAUSED", "CANCELLING")
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
LATE = "Late"
DAY = timedelta(days=1)
ANSWER_SECONDS = 10.0
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@dataclass(eq=False)
class RunMetrics(Collector):
    """Counts of one server, asked for at each scrape.

    Attributes:
        api: Its URL, with ``/api``.
        headers: Of each request.
        latency: Of its answers.
        since: Task runs that ended from then on are counted: so the count only grows.
    """

    api: str
    headers: Mapping[str, str]
    latency: Histogram
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    def collect(self) -> Iterator[Metric]:
        """What there is now; of a server that does not answer, only that."""
        up = GaugeMetricFamily("flood_extent_api_up", "Whether Prefect's API answers")
        try:
            with httpx.Client(headers=dict(self.headers), timeout=ANSWER_SECONDS, trust_env=False) as client:
                found = [self._runs(client), self._late(client), self._under_way(client), self._ended(client)]
        except (httpx.HTTPError, ValueError):
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from found

    def describe(self) -> list[Metric]:
        """Nothing: to register it is not to ask the server."""
        return []

    def _runs(self, client: httpx.Client) -> Metric:
        family = GaugeMetricFamily(
            "flood_extent_runs", "Flow runs by state: now, and ended in the last 24 hours", labels=["state"]
        )
        after = {"end_time": {"after_": (datetime.now(UTC) - DAY).isoformat()}}
        for state in (*OPEN, *ENDED):
            of_state = _in_state(state) | (after if state in ENDED else {})
            family.add_metric([state.lower()], self._count(client, "flow_runs", of_state))
        return family

    def _late(self, client: httpx.Client) -> Metric:
        late = {"state": {"name": {"any_": [LATE]}}}
        return _gauge(
            "flood_extent_late_runs", "Flow runs that no worker has taken", self._count(client, "flow_runs", late)
        )

    def _under_way(self, client: httpx.Client) -> Metric:
        number = self._count(client, "task_runs", _in_state("RUNNING"))
        return _gauge("flood_extent_task_runs_running", "Task runs under way", number)

    def _ended(self, client: httpx.Client) -> Metric:
        family = CounterMetricFamily(
            "flood_extent_task_runs_ended", "Task runs that ended since this exporter started", labels=["state"]
        )
        for state in ENDED:
            since = {"end_time": {"after_": self.since.isoformat()}}
            family.add_metric([state.lower()], self._count(client, "task_runs", _in_state(state) | since))
        return family

    def _count(self, client: httpx.Client, what: str, of_these: dict[str, Any]) -> int:
        start = time.monotonic()
        answer = client.post(f"{self.api}/{what}/count", json={what: of_these}).raise_for_status()
        self.latency.observe(time.monotonic() - start)
        return int(answer.json())


def _in_state(state: str) -> dict[str, Any]:
    return {"state": {"type": {"any_": [state]}}}


def _gauge(name: str, what: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, what)
    family.add_metric([], value)
    return family


def registry(api: str, auth_string: str) -> CollectorRegistry:
    """The metrics of the server at ``api``.

    Args:
        api: URL of Prefect's API.
        auth_string: ``NAME:PASSWORD`` that it asks for; empty where it asks for none.
    """
    found = CollectorRegistry()
    latency = Histogram(
        "flood_extent_api_seconds", "Seconds that Prefect's API takes to count", buckets=BUCKETS_S, registry=found
    )
    found.register(RunMetrics(api.rstrip("/"), authorization(auth_string) if auth_string else {}, latency))
    return found


def main() -> None:
    """Answer ``GET /metrics`` until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m deployments.run_metrics", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (a container: 0.0.0.0)")
    parser.add_argument("--port", type=int, default=PORT)
    options = parser.parse_args()
    api = os.environ.get("PREFECT_API_URL")
    if not api:
        parser.error("set PREFECT_API_URL to the server's address, with /api at its end")
    start_http_server(options.port, options.host, registry(api, os.environ.get("PREFECT_API_AUTH_STRING", "")))
    threading.Event().wait()


if __name__ == "__main__":
    main()
