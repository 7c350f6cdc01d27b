"""The event that a product is in its place, on a real Prefect server; and what it costs where there is none."""

import os
import subprocess
import sys
from uuid import uuid4

from command_line import QUIET, ROOT
from prefect import flow
from prefect_api import PrefectApi

from tasks.core.reports.run_json import RunRecord
from tasks.runtime.published_event import PUBLISHED, emit_published

RECORD: RunRecord = {  # type: ignore[typeddict-item]
    "content_hash": "c0ffee",
    "dataset": "/data/town",
    "flow_run_id": "f1",
    "bounds": (147.0, -31.0, 147.5, -30.5),
    "totals": {"flooded_ha": 12.5, "observed_ha": 100.0, "not_assessed_ha": 0.0},
    "edition": {"release": 2},
}
GONE = """
from tasks.runtime.published_event import emit_published

record = {"content_hash": "c0ffee", "dataset": "/data/town", "flow_run_id": "f1", "bounds": None, "edition": None}
emit_published({**record, "totals": {"flooded_ha": 1.0}}, "/out/town")
print("it goes on", flush=True)
import os
os._exit(0)
"""


def test_it_names_product_content_and_run(prefect_api: str) -> None:
    """An automation matches its resource, takes the rest from its payload, and finds run and flow beside it."""
    product = f"s3://maps/{uuid4()}/town"

    @flow(name="publishes")
    def publishes() -> None:
        emit_published(RECORD, product)

    run = publishes(return_state=True).state_details.flow_run_id
    (event,) = PrefectApi(prefect_api).events(PUBLISHED, product)
    assert event["payload"] == {
        "uri": product,
        "content_hash": "c0ffee",
        "dataset": "/data/town",
        "flow_run_id": "f1",
        "bounds": [147.0, -31.0, 147.5, -30.5],
        "flooded_ha": 12.5,
        "release": 2,
    }
    assert event["resource"] == {"prefect.resource.id": product, "prefect.resource.name": "town"}
    related = {one["prefect.resource.role"]: one["prefect.resource.id"] for one in event["related"]}
    assert related["flow-run"] == f"prefect.flow-run.{run}"
    assert "flow" in related


def test_a_server_that_is_gone_costs_the_run_nothing() -> None:
    """Nobody waits for it: the product is there already."""
    variables = {**os.environ, **QUIET, "PREFECT_API_URL": "http://127.0.0.1:9/api", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", GONE]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "it goes on\n"), done.stderr
