"""deployments/dask.yaml: a Dask cluster beside the team's server, read as docker compose reads it."""

import re
from importlib.metadata import entry_points
from typing import Any

import pytest
from command_line import ROOT
from composition import DASK, GIVEN, composition
from pydantic import TypeAdapter

from flows.parameter_types import TileRunnerKind

SCHEDULER, WORKER = "dask-scheduler", "dask-worker"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Its services, with only what has to be given."""
    return dict(composition(GIVEN, DASK)["services"])


@pytest.fixture(scope="module")
def team() -> dict[str, Any]:
    """The composition that it is added to."""
    return composition(GIVEN)


def options_of(command: list[str]) -> dict[str, Any]:
    """What Dask's command line makes of a command; it fails on what it does not know."""
    program, which, *arguments = command
    assert program == "dask"
    (command_line,) = entry_points(group="dask_cli", name=which)
    options: dict[str, Any] = command_line.load().make_context(which, arguments).params
    return options


def test_dask_knows_every_option(services: dict[str, Any]) -> None:
    """The scheduler listens where the workers look for it; a process has one thread, as credentials are its own."""
    scheduler, worker = (options_of(services[name]["command"]) for name in (SCHEDULER, WORKER))
    assert worker["scheduler"] == f"tcp://{SCHEDULER}:{scheduler['port']}"
    assert (worker["nthreads"], worker["n_workers"], worker["memory_limit"]) == (1, "1", "2GB")
    assert (scheduler["dashboard"], worker["dashboard"]) == (False, False)


def test_the_parameters_that_it_names_are_the_flows(services: dict[str, Any]) -> None:
    """Who copies the command from the file, or from the runbook, reaches the scheduler."""
    address = options_of(services[WORKER]["command"])["scheduler"]
    for text in (DASK.read_text(), (ROOT / "deployments" / "RUNBOOK.md").read_text()):
        (runner,) = set(re.findall(r"-p task_runner=(\w+)", text))
        assert TypeAdapter(TileRunnerKind).validate_python(runner) == "dask"
        assert set(re.findall(r"-p dask_scheduler=(\S+)", text)) == {address}


def test_nobody_outside_reaches_the_scheduler(services: dict[str, Any]) -> None:
    """It runs what it is sent: only the workers and the run's process share its network, which leads nowhere."""
    networks = composition(GIVEN, DASK)["networks"]
    assert networks == {"dask": {"internal": True}}
    assert not any("ports" in one for one in services.values())
    assert services[SCHEDULER]["networks"] == ["dask"]
    assert {name for name, one in services.items() if "dask" in one["networks"]} == {SCHEDULER, WORKER, "worker"}


def test_workers_reach_the_server_and_the_same_places(services: dict[str, Any], team: dict[str, Any]) -> None:
    """What a task reads and writes lies where the run's process says, and its states go where the run's go."""
    worker = team["services"]["worker"]
    assert set(services[WORKER]["volumes"]) <= set(worker["volumes"])
    assert any(volume.endswith(":/data/work") for volume in services[WORKER]["volumes"])
    assert set(worker["networks"]) <= set(services[WORKER]["networks"])
    assert set(worker["networks"]) <= set(services["worker"]["networks"])
    assert set(worker["networks"]) <= set(team["networks"])


@pytest.mark.parametrize("name", [SCHEDULER, WORKER])
def test_they_are_the_teams_own_image_without_privileges(
    services: dict[str, Any], team: dict[str, Any], name: str
) -> None:
    """The versions are the run's; after a fault it is up again."""
    same = ("image", "build", "init", "restart", "cap_drop", "security_opt", "logging")
    assert {key: services[name][key] for key in same} == {key: team["services"]["worker"][key] for key in same}
    assert not {"cap_add", "privileged"} & services[name].keys()


def test_the_image_has_dask() -> None:
    """Run, scheduler and workers have one lock's version of it."""
    dockerfile = (ROOT / "deployments" / "Dockerfile").read_text()
    (extras,) = re.findall(r"-m deployments\.locked ([\w ]+?) > /tmp/locked\.txt", dockerfile)
    assert "dask" in extras.split()
