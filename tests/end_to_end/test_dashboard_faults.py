"""What a person sees in the dashboard, and can do there, when a run fails, is cancelled, or loses what it runs on."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser import CHROMIUM, log_in, new_page
from cloud_runs import CloudRuns, on_sagemaker
from command_line import CommandLine, Scene
from dashboard import Dashboard, places, served
from worker import kill_flow, kill_marked, kill_worker_of

from flows.run.liveness import executed_here

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")]

BROKEN = "Demo_Flood_2026_01_75cm_NRG_3.jp2"
# Within which the dashboard tells the truth.
TRUTH_MS = 120_000


def show(page: "Page", dashboard: Dashboard, run: str) -> None:
    """The run's page, with the message of its state."""
    page.goto(f"{dashboard.address}/v2/runs/flow-run/{run}")
    page.get_by_role("tab", name="Details").click()


def choose(page: "Page", item: str, button: str) -> None:
    """Choose from the run's menu, and confirm."""
    page.locator("button[aria-haspopup=menu]").last.click()
    page.get_by_role("menuitem", name=item).click()
    page.get_by_role("dialog").or_(page.get_by_role("alertdialog")).get_by_role("button", name=button).click()


def is_shown(page: "Page", words: str) -> None:
    page.get_by_text(words).first.wait_for(timeout=TRUTH_MS)


def predicting(dashboard: Dashboard, cloud: CloudRuns, folder: Path) -> str:
    """A run on SageMaker whose tiles have been sent, and wait for answers."""
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=20, times=None)
    run = dashboard.create_run({**on_sagemaker(cloud), **places(folder)})
    cloud.wait_for(cloud.is_predicting)
    return run


def retried_to_the_end(page: "Page", dashboard: Dashboard, run: str) -> None:
    """Press Retry on the run's page, and see every tile done."""
    show(page, dashboard, run)
    choose(page, "Retry", "Retry")
    is_shown(page, "6 of 6 tiles done, 0 failed")


def test_retry_completes_a_failed_run_once_its_frames_are_mended(
    dashboard: Dashboard, page: "Page", scene: Scene, tmp_path: Path
) -> None:
    """With the same frames it says at once that nothing is mended; with mended ones the run's product is whole."""
    town = Path(shutil.copytree(scene.dataset, tmp_path / "town"))
    (town / BROKEN).write_bytes((scene.dataset / BROKEN).read_bytes()[:-2000])
    run = dashboard.create_run({"dataset": str(town), "width": 200, **places(tmp_path)})
    assert dashboard.state_of(run) == "TooManyTileFailures"
    show(page, dashboard, run)
    is_shown(page, f"5 of 6 tiles done, 1 failed ({BROKEN})")
    dashboard.wait_for(lambda: run not in executed_here())

    choose(page, "Retry", "Retry")
    is_shown(page, f"no frame was mended since this run failed ({BROKEN})")
    dashboard.wait_for(lambda: run not in executed_here())

    shutil.copyfile(scene.dataset / BROKEN, town / BROKEN)
    retried_to_the_end(page, dashboard, run)
    assert dashboard.state_of(run) == "Completed"


def test_a_cancelled_run_ends_in_a_sentence_and_can_be_retried(
    dashboard: Dashboard, page: "Page", cloud: CloudRuns, tmp_path: Path
) -> None:
    """Its endpoint goes; retried, it does what it had not done."""
    run = predicting(dashboard, cloud, tmp_path)
    show(page, dashboard, run)
    choose(page, "Cancel", "Cancel Flow Run")
    is_shown(page, "Cancelled")
    cloud.wait_until_clean()
    dashboard.wait_for(lambda: run not in executed_here())

    cloud.sandbox.clear_faults()
    retried_to_the_end(page, dashboard, run)
    cloud.wait_until_clean()


def test_a_killed_run_is_crashed_and_can_be_retried(
    dashboard: Dashboard, page: "Page", cloud: CloudRuns, tmp_path: Path
) -> None:
    """The page says so within two minutes, and retried, it is mapped."""
    run = predicting(dashboard, cloud, tmp_path)
    show(page, dashboard, run)
    assert kill_flow(run)
    is_shown(page, "Crashed")
    cloud.wait_until_clean()

    cloud.sandbox.clear_faults()
    retried_to_the_end(page, dashboard, run)


def test_a_killed_worker_costs_its_runs_at_most(
    dashboard: Dashboard, page: "Page", cloud: CloudRuns, tmp_path: Path
) -> None:
    """The page of its run tells what has become of it, and the next run finds a worker."""
    run = predicting(dashboard, cloud, tmp_path)
    show(page, dashboard, run)
    kill_worker_of(run)
    page.get_by_text("Crashed").or_(page.get_by_text("6 of 6 tiles done")).first.wait_for(timeout=TRUTH_MS)
    cloud.sandbox.clear_faults()
    cloud.wait_until_clean()
    after = dashboard.create_run({"dataset": str(cloud.scene.dataset), "width": 200, **places(tmp_path / "after")})
    assert dashboard.state_of(after) == "Completed"


def test_after_a_power_cut_the_dashboard_tells_what_was_lost(command: CommandLine, cloud: CloudRuns) -> None:
    """`serve`, its worker and a run are killed; started again, the run's page says Crashed, and a retry maps it."""
    mark = str(command.folder)
    environment = {**cloud.command.environment, "FLOOD_EXTENT_TEST_MARK": mark}
    with served(command, **environment) as before:
        run = predicting(before, cloud, command.folder)
        kill_marked(mark)
        before.process.wait(30)
    cloud.sandbox.clear_faults()
    with served(command, **environment) as after, new_page() as page:
        log_in(page, after.log_in_link())
        show(page, after, run)
        is_shown(page, "Crashed")
        cloud.wait_until_clean()
        retried_to_the_end(page, after, run)
