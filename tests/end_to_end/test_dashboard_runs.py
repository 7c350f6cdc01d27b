"""Runs that people, schedules and events start from the dashboard: reviewed, planned, swept."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cloud_runs import CloudRuns, client_of, on_sagemaker
from command_line import Scene
from dashboard import Dashboard
from many_tiles import break_seven, make_tiles
from prefect_api import ENDED, places
from processes import kill_flow

from deployments.automations import PUBLISHED, SILENT_SECONDS
from deployments.local import SCORE
from flows.run.liveness import executed_here
from infra.sandbox.client import Sandbox
from tasks.core.demo.scene import DATASET

pytestmark = pytest.mark.slow

FIRST = "Demo_Flood_2026_01_75cm_NRG_1.jp2"


def reviewed(dashboard: Dashboard, scene: Scene, folder: Path) -> str:
    """A run that waits for its review."""
    parameters = {"dataset": str(scene.dataset), "width": 200, "review": True, **places(folder)}
    run = dashboard.create_run(parameters)
    assert dashboard.state_of(run, "Suspended") == "Suspended"
    return run


def answer(dashboard: Dashboard, run: str, **fields: Any) -> None:
    """Answer the form as a person does: once it shows, for Prefect keeps it only after the run is Suspended."""
    form = {"decision": "accept", "min_contour_size": 25.0, **fields}
    dashboard.wait_for(
        lambda: dashboard.ask(f"flow_runs/{run}/resume", {"run_input": form})["status"] == "ACCEPT",
        "the answer was not accepted",
    )


def record_of(folder: Path, dataset: str = DATASET) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / "out" / dataset / "run.json").read_bytes())
    return record


def stage_runs(dashboard: Dashboard, run: str) -> list[str]:
    return sorted(
        task["name"] for task in dashboard.task_runs(run) if task["name"].split()[0] in ("predict", "extract")
    )


def test_a_review_outlasts_the_heartbeats_and_goes_on_as_decided(
    dashboard: Dashboard, scene: Scene, tmp_path: Path
) -> None:
    """Longer than a silent run may be, nobody ends it; then it drops a tile, computes nothing again, and says so."""
    run = reviewed(dashboard, scene, tmp_path)
    assert {"demo-flood-overview", "demo-flood-tiles", "demo-flood-to-check"} <= set(dashboard.artifacts(run))
    inputs = dashboard.ask(f"flow_runs/{run}/input/filter", {"prefix": "suspended", "limit": 20})
    assert any("to check, in order" in one["value"] for one in inputs)
    time.sleep(SILENT_SECONDS + 20)
    before = stage_runs(dashboard, run)
    assert dashboard.flow_run(run)["state"]["name"] == "Suspended"
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").glob("*/run.json"))
    answer(dashboard, run, reason="glare", drop_tiles=[FIRST], min_contour_size=100.0)
    assert dashboard.state_of(run) == "Completed"
    record = record_of(tmp_path)
    assert record["review"] == {"decision": "accept", "reason": "glare", "dropped": [FIRST], "min_contour_size": 100.0}
    assert record["counts"] == {"tiles": 6, "done": 5, "failed": 0, "dropped": 1, "unplaced": 0}
    assert record["tiles"][0]["error"] == "dropped in review: glare"
    assert Path(FIRST).stem not in {path.stem for path in (tmp_path / "out").glob("*/tiles/*.shp")}
    assert stage_runs(dashboard, run) == before


def test_a_rejected_run_is_red_and_makes_no_product(dashboard: Dashboard, scene: Scene, tmp_path: Path) -> None:
    """An answer that cannot be followed is asked again; a rejection stands with its reason in the run's record."""
    run = reviewed(dashboard, scene, tmp_path)
    answer(dashboard, run, decision="reject")

    def asked_again() -> bool:
        inputs = dashboard.ask(f"flow_runs/{run}/input/filter", {"prefix": "suspended", "limit": 20})
        return any("not taken: to reject" in one["value"] for one in inputs)

    dashboard.wait_for(asked_again)
    assert dashboard.state_of(run, "Suspended") == "Suspended"
    answer(dashboard, run, decision="reject", reason="the wrong flight")
    assert dashboard.state_of(run) == "Rejected"
    assert dashboard.flow_run(run)["state"]["message"] == "rejected in review: the wrong flight"
    assert not (tmp_path / "out" / DATASET).exists()
    kept = json.loads((tmp_path / "work" / "runs" / f"{run}.json").read_bytes())
    assert (kept["state"], kept["review"]["reason"]) == ("Rejected", "the wrong flight")

    dashboard.wait_for(lambda: run not in executed_here())  # as it has when a person comes to look
    dashboard.set_state(run, "SCHEDULED", "AwaitingRetry", force=True)
    dashboard.wait_for(lambda: dashboard.flow_run(run)["state"]["name"] == "Suspended")
    answer(dashboard, run)
    assert dashboard.state_of(run) == "Completed"
    assert record_of(tmp_path)["review"]["decision"] == "accept"


def test_a_pruned_cache_is_computed_and_asked_about_again(dashboard: Dashboard, scene: Scene, tmp_path: Path) -> None:
    """While a person thinks, the cache may be cleaned: the map is then made again, from what was decided on."""
    run = reviewed(dashboard, scene, tmp_path)
    shutil.rmtree(tmp_path / "work" / "cache")
    answer(dashboard, run, reason="glare", drop_tiles=[FIRST])
    assert dashboard.state_of(run) == "Completed"
    assert record_of(tmp_path)["counts"] == {"tiles": 6, "done": 5, "failed": 0, "dropped": 1, "unplaced": 0}
    again = dashboard.create_run({"dataset": str(scene.dataset), "only_failed_of": run, **places(tmp_path)})
    assert dashboard.state_of(again) == "Completed"
    assert record_of(tmp_path)["tiles"][0]["error"] == "dropped in review: glare"


def test_a_review_that_nobody_answers_ends_red(dashboard: Dashboard, scene: Scene, tmp_path: Path) -> None:
    """After review_hours the run has failed, and the work stays for the next."""
    parameters = {"dataset": str(scene.dataset), "width": 200, "review": True, "review_hours": 0.001}
    run = dashboard.create_run({**parameters, **places(tmp_path)})
    assert dashboard.state_of(run) == "Failed"
    assert "never resumed" in dashboard.flow_run(run)["state"]["message"]


def test_a_schedule_starts_a_run(dashboard: Dashboard, scene: Scene, tmp_path: Path) -> None:
    """A schedule that a person adds, with its own dataset, maps it without anybody."""
    deployment = dashboard.deployment()["id"]
    parameters = {"dataset": str(scene.dataset), "width": 200, **places(tmp_path)}
    schedule = {"schedule": {"interval": 60}, "parameters": parameters, "active": True}
    (made,) = dashboard.ask(f"deployments/{deployment}/schedules", [schedule])
    body = {"deployments": {"id": {"any_": [deployment]}}}

    def scheduled() -> str:
        runs = [run for run in dashboard.ask("flow_runs/filter", body) if run["auto_scheduled"]]
        ended = [run["id"] for run in runs if run["state_type"] == "COMPLETED"]
        return ended[0] if ended else ""

    dashboard.wait_for(scheduled)
    assert record_of(tmp_path)["counts"]["done"] == 6
    dashboard.ask(f"deployments/{deployment}/schedules/{made['id']}", method="DELETE")


def test_seven_broken_of_two_hundred(dashboard: Dashboard, tmp_path: Path) -> None:
    """193 tiles finish and seven are red with words; mended, they alone are done again, and the map is as if whole."""
    whole = make_tiles(tmp_path / "whole" / "town", 200)
    town = Path(shutil.copytree(whole, tmp_path / "town"))
    broken = break_seven(town)
    run = dashboard.create_run({"dataset": str(town), **places(tmp_path)})
    assert dashboard.state_of(run) == "TooManyTileFailures"
    message = dashboard.flow_run(run)["state"]["message"]
    named = ", ".join(sorted(broken)[:3])
    assert message == f"193 of 200 tiles done, 7 failed ({named} and 4 more)"
    tasks = dashboard.tasks_at_last(run, 200 + 193 + 193 - 7)
    assert {task["state"]["type"] for task in tasks} == {"COMPLETED", "FAILED"}
    red = {
        f"{task['name'].split()[1]}.jp2": task["state"]["message"] for task in tasks if task["state_type"] == "FAILED"
    }
    assert red.keys() == broken.keys()
    for name, words in broken.items():
        assert words in red[name].split("\n\n")[0]
        assert red[name].split("\n\n")[1].startswith("Technical cause: ")

    for name in broken:
        shutil.copyfile(whole / name, town / name)
    again = dashboard.create_run({"dataset": str(town), "only_failed_of": run, **places(tmp_path)})
    assert dashboard.state_of(again) == "Completed"
    assert dashboard.flow_run(again)["name"] == "town · 7 of 200 tiles"
    tasks = dashboard.tasks_at_last(again, 3 * 7)
    done = {task["name"].split()[1] for task in tasks if task["name"].startswith(("prepare ", "predict ", "extract "))}
    assert {f"{name}.jp2" for name in done} == broken.keys()

    other = places(tmp_path / "other")
    assert dashboard.state_of(dashboard.create_run({"dataset": str(whole), **other})) == "Completed"
    mended, clean = (
        json.loads((place / "out" / "town" / "run.json").read_bytes()) for place in (tmp_path, tmp_path / "other")
    )
    assert mended["counts"] == clean["counts"] == {"tiles": 200, "done": 200, "failed": 0, "dropped": 0, "unplaced": 0}
    assert mended["content_hash"] == clean["content_hash"]


def test_a_finished_upload_starts_a_run(dashboard: Dashboard, scene: Scene, sandbox: Sandbox) -> None:
    """The event names the dataset, in S3; a run maps it."""
    sandbox.create_bucket("uploads")
    for path in scene.dataset.iterdir():
        client_of(sandbox, "s3").upload_file(str(path), "uploads", f"flights/town/{path.name}")
    dataset = "s3://uploads/flights/town"
    event = ["event", "emit", "flood-extent.upload.finished", "--resource-id", dataset]
    dashboard.prefect(*event, "--payload", json.dumps({"dataset": dataset}))

    def triggered() -> dict[str, Any] | None:
        runs = [run for run in dashboard.runs_of("flood-extent") if run["parameters"].get("dataset") == dataset]
        return next((run for run in runs if run["state_type"] in ("COMPLETED", "FAILED")), None)

    run = dashboard.wait_for(triggered)
    assert run["created_by"]["type"] == "AUTOMATION"
    assert run["state"]["name"] == "Completed", run["state"]["message"]


@pytest.fixture
def scoring(dashboard: Dashboard, scene: Scene, tmp_path: Path) -> Iterator[Path]:
    """The trigger on published products, turned on with a reference as a person does; where scores go."""
    parameters = {"reference": str(scene.truth), "output_directory": str(tmp_path / "score")}
    dashboard.ask(f"deployments/{dashboard.deployment(SCORE)['id']}", {"parameters": parameters}, "PATCH")
    (trigger,) = (one for one in dashboard.ask("automations/filter", {}) if one["name"] == PUBLISHED)
    dashboard.ask(f"automations/{trigger['id']}", {"enabled": True}, "PATCH")
    yield tmp_path / "score"
    dashboard.ask(f"automations/{trigger['id']}", {"enabled": False}, "PATCH")


def ended_score(dashboard: Dashboard, product: str) -> dict[str, Any] | None:
    runs = [run for run in dashboard.runs_of("score-extent") if run["parameters"]["product"] == product]
    return next((run for run in runs if run["state_type"] in ENDED), None)


def test_a_published_product_is_scored(dashboard: Dashboard, scene: Scene, scoring: Path, tmp_path: Path) -> None:
    """The event of a finished run starts the score of its product, whose page and files say how well it agrees."""
    run = dashboard.create_run({"dataset": str(scene.dataset), **places(tmp_path)})
    assert dashboard.state_of(run) == "Completed"
    score = dashboard.wait_for(lambda: ended_score(dashboard, str(tmp_path / "out" / DATASET)))
    assert (score["created_by"]["type"], score["state"]["name"]) == ("AUTOMATION", "Completed")
    assert float(score["state"]["message"].split()[1].rstrip(",")) >= 0.95
    rows = json.loads(dashboard.artifacts(score["id"])["demo-flood-score-tiles"]["data"])
    assert {row["tile"] for row in rows} == {"all", *(path.name for path in scene.dataset.glob("*.jp2"))}
    assert json.loads((scoring / "score.json").read_bytes())["iou"] >= 0.95


def test_a_score_that_fails_is_told_and_starts_no_sweep(dashboard: Dashboard, tmp_path: Path) -> None:
    """It has nothing in SageMaker that could be left there."""
    sweeps = dashboard.runs_of("sweep-endpoints")
    nothing = str(tmp_path / "nothing")
    deployment = dashboard.deployment(SCORE)["id"]
    body = {"parameters": {"product": nothing, "reference": nothing}}
    run = dashboard.ask(f"deployments/{deployment}/create_flow_run", body)["id"]
    assert dashboard.state_of(run) == "Failed"
    assert dashboard.flow_run(run)["state"]["message"] == f"{nothing}: does not exist. Check the name"
    dashboard.wait_for(lambda: f"{nothing}: does not exist" in dashboard.said())
    assert dashboard.runs_of("sweep-endpoints") == sweeps


def test_a_crashed_run_starts_the_sweep(dashboard: Dashboard, cloud: CloudRuns, tmp_path: Path) -> None:
    """A run that dies is noticed, and what it may have left in SageMaker is swept at once."""
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=20, times=None)
    sweeps = {sweep["id"] for sweep in dashboard.runs_of("sweep-endpoints")}
    run = dashboard.create_run({**on_sagemaker(cloud), **places(tmp_path)})
    cloud.wait_for(cloud.is_predicting)
    assert kill_flow(run)
    assert dashboard.state_of(run) == "Crashed"
    new = dashboard.wait_for(lambda: {one["id"] for one in dashboard.runs_of("sweep-endpoints")} - sweeps)
    cloud.wait_until_clean()
    assert dashboard.state_of(new.pop()) == "Completed"
    assert "A run has failed" in dashboard.said()
