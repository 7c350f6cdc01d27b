"""``flood-extent serve``: server, pool, worker, deployments and automations come up together and end together."""

import signal

import pytest
from cloud_runs import CloudRuns, on_sagemaker
from command_line import CommandLine, Scene
from dashboard import served
from processes import kill_marked, processes_marked

from deployments.automations import PUBLISHED, UPLOADED
from deployments.local import SWEEP
from tasks.core.demo.scene import DATASET

PARTS = ("work_pools", "deployments", "automations")


@pytest.mark.slow
def test_a_run_is_started_from_the_dashboard(command: CommandLine, scene: Scene) -> None:
    """One `prefect deployment run` maps a dataset, named, tagged and with its page; an interrupt ends everything."""
    mark = str(command.folder)
    with served(command, FLOOD_EXTENT_TEST_MARK=mark) as dashboard:
        arguments = ["-p", f"dataset={scene.dataset}", "-p", "width=200", "--watch"]
        dashboard.prefect("deployment", "run", "flood-extent/local", *arguments)
        (run,) = dashboard.runs_of("flood-extent")
        assert (run["state"]["name"], run["name"]) == ("Completed", "demo flood 2026-01 · 6 tiles")
        assert {"flood-extent", DATASET, "local"} <= set(run["tags"])
        assert command.record()["parameters"]["width"] == 200
        assert {f"demo-flood-{what}" for what in ("overview", "tiles", "report", "product")} <= set(
            dashboard.artifacts(run["id"])
        )
        said = dashboard.end()
    assert f"dashboard: {dashboard.address}" in said
    assert "Traceback" not in said
    assert "Warning" not in said
    assert not processes_marked(mark)


def test_a_taken_port_is_said(command: CommandLine, prefect_server: str) -> None:
    """A second serve does not fight for the port with the first: it says what is there."""
    port = prefect_server.split(":")[2].split("/", maxsplit=1)[0]
    status, said = command("serve", "--port", port)
    assert status == 64
    assert "answers there already" in said


@pytest.mark.slow
def test_serving_again_changes_nothing_and_finds_the_dead(command: CommandLine, cloud: CloudRuns) -> None:
    """After a power cut: the lost run is Crashed, schedules and switches are as a person set them, nothing doubles."""
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=20, times=None)
    mark = str(command.folder)
    environment = {**cloud.command.environment, "FLOOD_EXTENT_TEST_MARK": mark}
    with served(command, **environment) as dashboard:
        before = {part: dashboard.ask(f"{part}/filter", {}) for part in PARTS}
        deployment = dashboard.deployment()
        by_name = {one["name"]: one["id"] for one in before["automations"]}
        assert {one["name"] for one in before["automations"] if not one["enabled"]} == {PUBLISHED}
        dashboard.ask(f"automations/{by_name[UPLOADED]}", {"enabled": False}, "PATCH")
        dashboard.ask(f"automations/{by_name[PUBLISHED]}", {"enabled": True}, "PATCH")
        schedule = {"schedule": {"cron": "0 7 * * *"}, "parameters": {"dataset": "s3://x/y"}, "active": True}
        dashboard.ask(f"deployments/{deployment['id']}/schedules", [schedule])
        sweep = dashboard.deployment(SWEEP)
        for one in sweep["schedules"]:
            dashboard.ask(f"deployments/{sweep['id']}/schedules/{one['id']}", method="DELETE")
        run = dashboard.create_run(on_sagemaker(cloud))
        cloud.wait_for(cloud.is_predicting)
        kill_marked(mark)
        dashboard.process.wait(30)
    assert not processes_marked(mark)
    with served(command, **environment) as dashboard:
        assert dashboard.flow_run(run)["state"]["name"] == "Crashed"
        assert "Crashed, for its process is gone: demo flood" in dashboard.said()
        crons = {one["schedule"]["cron"]: one["active"] for one in dashboard.deployment()["schedules"]}
        assert crons == {"0 6 * * *": False, "0 7 * * *": True}
        assert dashboard.deployment(SWEEP)["schedules"] == []
        after = {part: dashboard.ask(f"{part}/filter", {}) for part in PARTS}
        assert [len(after[part]) for part in PARTS] == [len(before[part]) for part in PARTS]
        off = [one["name"] for one in after["automations"] if not one["enabled"]]
        assert off == [UPLOADED]
        cloud.wait_until_clean()


@pytest.mark.slow
def test_an_interrupt_lets_runs_tear_down(command: CommandLine, cloud: CloudRuns) -> None:
    """Who stops serve in the middle of a run leaves no endpoint and no process."""
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=5, times=None)
    mark = str(command.folder)
    with served(command, **{**cloud.command.environment, "FLOOD_EXTENT_TEST_MARK": mark}) as dashboard:
        dashboard.create_run(on_sagemaker(cloud))
        cloud.wait_for(cloud.is_predicting)
        dashboard.end(signal.SIGTERM)
    cloud.wait_until_clean()
    assert not processes_marked(mark)
