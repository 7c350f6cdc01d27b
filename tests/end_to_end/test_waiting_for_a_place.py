"""A run on SageMaker that waits for its place among the endpoints that may exist at once."""

import signal
import subprocess
from collections.abc import Iterator
from uuid import UUID

import pytest
from cloud_runs import CloudRuns
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings
from prefect_api import PrefectApi

from tasks.runtime.endpoint_places import EndpointPlaces
from tasks.runtime.place_limit import LIMIT, TAG

SECONDS = 240


@pytest.fixture
def place(prefect_server: str) -> Iterator[EndpointPlaces]:
    """The only place, which another run holds."""
    api = PrefectApi(prefect_server)
    api.ask("v2/concurrency_limits/", {"name": LIMIT, "limit": 1})
    flow = api.ask("flows/", {"name": "flood-extent"})["id"]
    other = {"flow_id": flow, "name": "the other", "state": {"type": "RUNNING", "name": "Running"}}
    with temporary_settings({PREFECT_API_URL: prefect_server, PREFECT_LOGGING_TO_API_ENABLED: False}):
        places = EndpointPlaces(UUID(api.ask("flow_runs/", other)["id"]), 1)
        places.take(lambda _: None)
        yield places
        places.give_back()
    api.ask(f"v2/concurrency_limits/{LIMIT}", method="DELETE")


def waiting(cloud: CloudRuns) -> "subprocess.Popen[str]":
    """A run that says what it waits for."""
    process = cloud.command.start(*cloud.arguments())
    assert process.stdout is not None
    assert any("waiting for a place" in line and "held by the other" in line for line in process.stdout)
    return process


@pytest.mark.slow
def test_a_run_goes_on_when_it_has_its_place(cloud: CloudRuns, place: EndpointPlaces, prefect_server: str) -> None:
    """Nothing is created before; the wait is no time of the endpoint's; the place is free when the endpoint is gone."""
    process = waiting(cloud)
    assert cloud.ours() == {}
    place.give_back()
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    assert "has its place after" in said
    api = PrefectApi(prefect_server)
    assert api.ask(f"v2/concurrency_limits/{LIMIT}")["active_slots"] == 0
    assert [run["name"] for run in api.runs_of("flood-extent") if TAG in run["tags"]] == []


@pytest.mark.slow
@pytest.mark.usefixtures("place")
def test_a_run_that_is_stopped_while_it_waits_ends_at_once(cloud: CloudRuns) -> None:
    """Nothing was created."""
    process = waiting(cloud)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, said
    assert cloud.left() == set()
