"""Runs that ask an endpoint which was there before them: behind a URL, or in SageMaker."""

import shlex
import signal
from collections.abc import Iterator

import pytest
from cloud_runs import CloudRuns
from command_line import CommandLine, Scene
from model_serving import serving

from infra.model_server.app import Limits
from infra.sandbox.client import Resources
from tasks.core.arrays import UInt8Array
from tasks.core.errors import EndpointRefused
from tasks.core.models import water_index

pytestmark = pytest.mark.slow

GIVEN = ("--calibration", "70")


@pytest.fixture
def url() -> Iterator[str]:
    """A team's own server, which holds ``water-index``."""
    with serving(water_index.predict, Limits()) as address:
        yield address


def test_a_server_behind_a_url_maps_as_this_machine_does(command: CommandLine, scene: Scene, url: str) -> None:
    """The extent is that of a local run with the same threshold, and log and record say where frames went."""
    status, said = command("run", scene.dataset, "--endpoint", "http", "--endpoint-url", f"{url}/", *GIVEN)
    assert status == 0, said
    assert f"{url} is in service: frames are sent there" in said
    record = command.record()
    assert record["warnings"] == []
    endpoint = record["endpoint"]
    assert (endpoint["kind"], endpoint["url"], endpoint["model"]) == ("http", url, "water-index")
    assert not {"created", "deleted", "gone", "minutes_billed"} & endpoint.keys()
    assert command("run", scene.dataset, "--output", "here", "--work-directory", "here/work", *GIVEN)[0] == 0
    assert record["content_hash"] == command.record(output="here")["content_hash"]


def test_answers_of_a_server_that_has_gone_are_kept(command: CommandLine, scene: Scene) -> None:
    """What it has answered is cached: a plan is possible, and a run computes nothing, without it."""
    with serving(water_index.predict, Limits()) as url:
        arguments = [scene.dataset, "--endpoint", "http", "--endpoint-url", url, "--model", "unet"]
        assert command("run", *arguments)[0] == 0
    status, said = command("plan", *arguments)
    assert (status, "http: not needed" in said) == (0, True), said
    assert command("run", *arguments)[0] == 0
    status, said = command("run", *arguments[:-1], "another")
    assert (status, "the endpoint could not be used" in said, "does not answer" in said) == (1, True, True), said


def test_a_run_over_http_is_completed_by_the_command_that_it_shows(command: CommandLine, scene: Scene) -> None:
    """The address is in it: nobody sends frames there because a file says so."""
    asked: list[str] = []

    def refusing_the_second(nrg: UInt8Array, attributes: str) -> UInt8Array:
        asked.append(attributes)
        if len(asked) == 2:
            raise EndpointRefused("not this one")
        return water_index.predict(nrg, attributes)

    with serving(refusing_the_second, Limits()) as url:
        status, said = command("run", scene.dataset, "--endpoint", "http", "--endpoint-url", url, *GIVEN)
        assert (status, "400: not this one" in said) == (2, True), said
        assert command("run", scene.dataset, "--only-failed", "out/demo_flood")[0] == 64
        (shown,) = (line for line in said.splitlines() if line.startswith("when they are mended: flood-extent "))
        status, said = command(*shlex.split(shown.partition("flood-extent ")[2]))
    assert (status, len(asked)) == (0, 7), said


def test_an_endpoint_of_somebody_elses_is_used_and_left_as_it_is(cloud: CloudRuns) -> None:
    """The run maps with it and creates, tags and deletes nothing; there is no lease, no minutes and no bill."""
    before = in_service(cloud)
    status, said = run_on_theirs(cloud)
    assert status == 0, said
    assert "endpoint production is in service: frames are sent there" in said
    assert cloud.sandbox.resources() == before
    assert changing(cloud) == []
    record = cloud.command.record()
    assert (record["endpoint"]["name"], record["endpoint"]["kind"]) == ("production", "sagemaker")
    assert not {"created", "deleted", "gone", "minutes_billed", "cost"} & record["endpoint"].keys()


@pytest.mark.parametrize("error", ["mask-rgb", "access-denied"])
def test_a_run_that_fails_leaves_it_as_it_is(cloud: CloudRuns, error: str) -> None:
    """Nothing that goes wrong is a reason to delete what a person made."""
    before = in_service(cloud)
    cloud.sandbox.fault("InvokeEndpoint", error, times=None)
    status, said = run_on_theirs(cloud)
    assert status == 1, said
    assert (cloud.sandbox.resources(), changing(cloud)) == (before, [])


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_leaves_it_as_it_is(cloud: CloudRuns, ended_by: signal.Signals) -> None:
    """Nor is an end from outside, nor a sweep after it."""
    before = in_service(cloud)
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=3, times=None)
    process = cloud.command.start(*on_theirs(cloud))
    cloud.wait_for(cloud.is_predicting)
    process.send_signal(ended_by)
    process.communicate(timeout=120)
    assert (process.returncode, changing(cloud)) == (128 + ended_by, [])
    assert cloud.sweep()[0] == 0
    assert cloud.sandbox.resources() == before


def in_service(cloud: CloudRuns) -> Resources:
    """What there is, once somebody else's endpoints are up."""
    cloud.wait_for(lambda: all(one["status"] == "InService" for one in cloud.sandbox.resources().endpoints.values()))
    return cloud.sandbox.resources()


def on_theirs(cloud: CloudRuns) -> list[str]:
    return ["run", str(cloud.scene.dataset), "--endpoint", "sagemaker", "--endpoint-name", "production"]


def run_on_theirs(cloud: CloudRuns) -> tuple[int, str]:
    return cloud.command(*on_theirs(cloud), "--instance-hour-price", "1", *GIVEN)


def changing(cloud: CloudRuns) -> list[str]:
    return [name for name in cloud.sandbox.requests() if name.startswith(("Create", "Delete", "AddTags", "Update"))]
