"""A team's Prefect as deployments/compose.yaml describes it: real PostgreSQL, Redis, server, services and worker."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
from listening import Quiet, listening
from team import MARK, Team, running_team, what_is_missing
from worker import kill_with

from tasks.core.demo.scene import DATASET, make_scene

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(what_is_missing()), reason=f"{what_is_missing()} not installed here"),
]
ROWS = COLUMNS = 5
TOLD: list[str] = []


class Webhook(Quiet, BaseHTTPRequestHandler):
    """Takes what a chat's incoming webhook takes."""

    def do_POST(self) -> None:
        """Remember the text."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        TOLD.append(body["text"])
        self.send_response(200)
        self.end_headers()


@pytest.fixture(scope="module")
def webhook() -> Iterator[str]:
    """The URL of a webhook on loopback."""
    with listening(Webhook) as address:
        yield f"{address}/hook"


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, webhook: str) -> Iterator[Team]:
    """All services of compose.yaml, deployed as its one-shot service does."""
    with running_team(tmp_path_factory.mktemp("team"), FLOOD_EXTENT_NOTIFY=webhook) as team:
        yield team


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset."""
    folder = tmp_path_factory.mktemp("scene")
    make_scene(folder, rows=ROWS, columns=COLUMNS, tile_px=400)
    return folder / DATASET


def test_nobody_gets_in_without_the_password(team: Team) -> None:
    """Reading, starting runs and sending events are refused; health can be asked by what supervises it."""
    for path, body in (("flow_runs/filter", {}), ("work_pools/filter", {}), ("events", [])):
        assert httpx.post(f"{team.api}/{path}", json=body, trust_env=False).status_code == 401
    wrong = {"Authorization": "Basic dGVhbTp3cm9uZw=="}
    assert httpx.get(f"{team.api}/admin/version", headers=wrong, trust_env=False).status_code == 401
    assert httpx.get(f"{team.api}/health", trust_env=False).status_code == 200


def test_a_dataset_is_mapped_and_all_is_recorded(team: Team, scene: Path) -> None:
    """Every tile in every stage is a task run in the database, whichever process heard of it; the product is there."""
    run = team.create_run({"dataset": str(scene)})
    assert team.final_state(run) == "Completed"
    stages = ("prepare", "predict", "extract")

    def recorded() -> list[str]:
        done = [one["name"] for one in team.task_runs(run) if one["state_type"] == "COMPLETED"]
        return done if len([name for name in done if name.startswith(stages)]) == len(stages) * ROWS * COLUMNS else []

    assert team.wait_for(recorded)
    assert (team.folder / "data" / "out" / DATASET / "run.json").exists()


def test_a_failed_run_is_swept_and_told(team: Team) -> None:
    """Automations fire in the services' process: one starts the sweep, another tells the webhook."""
    before = len(team.runs_of("sweep-endpoints"))
    run = team.create_run({"dataset": str(team.folder / "nothing here")})
    assert team.final_state(run) == "Failed"
    name = team.ask(f"flow_runs/{run}")["name"]
    told = team.wait_for(lambda: [text for text in TOLD if name in text])
    assert f"/runs/flow-run/{run}" in told[0]
    sweeps = team.wait_for(lambda: team.runs_of("sweep-endpoints")[before:])
    assert team.final_state(sweeps[0]["id"]) == "Completed"


def test_an_upload_starts_a_run(team: Team) -> None:
    """The event that RUNBOOK.md describes, sent with the team's own password, becomes a run of its dataset."""
    uri = "s3://frames/brewarrina"
    event = {"event": "flood-extent.upload.finished", "resource": {"prefect.resource.id": uri}}
    payload = {"id": "6f1c5a52-5e4e-4b62-8f0e-0d3d0c6a4a11", "occurred": "2026-01-02T03:04:05Z"}
    team.ask("events", [{**event, **payload, "payload": {"dataset": uri}}])

    def started() -> list[dict[str, Any]]:
        return [run for run in team.runs_of("flood-extent") if run["parameters"].get("dataset") == uri]

    assert len(team.wait_for(started)) == 1


def test_deploying_again_doubles_nothing(team: Team) -> None:
    """An upgrade runs the one-shot service again: the same pools, deployments and automations."""
    before = [len(team.ask(f"{kind}/filter", {})) for kind in ("work_pools", "deployments", "automations")]
    team.run("deploy")
    after = [len(team.ask(f"{kind}/filter", {})) for kind in ("work_pools", "deployments", "automations")]
    assert after == before


def test_a_run_that_dies_with_its_worker_is_crashed(team: Team, scene: Path) -> None:
    """The server alone notices that heartbeats have stopped; the last test, for it takes the worker away."""
    run = team.create_run({"dataset": str(scene), "output_directory": str(team.folder / "killed")})
    beats = {"event": {"name": ["prefect.flow-run.heartbeat"]}, "resource": {"id": [f"prefect.flow-run.{run}"]}}
    team.wait_for(lambda: team.ask("events/filter", {"filter": beats})["total"])
    assert kill_with(MARK, "worker") > 1
    assert team.final_state(run) == "Crashed"
    assert "no heartbeat" in team.ask(f"flow_runs/{run}")["state"]["message"]
