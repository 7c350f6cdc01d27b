"""Campaigns from the dashboard: blocks, their runs, and what becomes of both when one is killed or cancelled."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cloud_runs import CloudRuns, on_sagemaker
from command_line import CommandLine, Scene
from dashboard import Dashboard
from prefect_api import ENDED
from processes import kill_flow

from flows.flood_campaign import BLOCKS
from tasks.core.demo.scene import DATASET

pytestmark = pytest.mark.slow

NIR = 70


@pytest.fixture
def campaigns(dashboard: Dashboard) -> Dashboard:
    """The dashboard, whose runs are campaigns."""
    return replace(dashboard, deployed_as="flood-campaign/local")


@pytest.fixture(scope="module")
def expected(scene: Scene, tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> str:
    """The content hash of a plain run."""
    folder = tmp_path_factory.mktemp("plain")
    command = CommandLine(folder, {"PREFECT_API_URL": prefect_server, "PREFECT_HOME": str(folder / "home")})
    status, said = command("run", scene.dataset, "--calibration", str(NIR))
    assert status == 0, said
    return str(command.record()["content_hash"])


def asked(scene: Scene, folder: Path, block_size: int, **settings: Any) -> dict[str, Any]:
    """A campaign's parameters."""
    return {
        "dataset": str(scene.dataset),
        "output_directory": str(folder / "out"),
        "work_directory": str(folder / "work"),
        "block_size": block_size,
        "settings": {"log_storage_directory": str(folder / "logs"), **settings},
    }


def on_cloud(cloud: CloudRuns, folder: Path, block_size: int = 3, **settings: Any) -> dict[str, Any]:
    """On the sandbox's SageMaker, with the threshold that the plain run had."""
    hosting = {name: value for name, value in on_sagemaker(cloud).items() if name != "dataset"}
    return asked(cloud.scene, folder, block_size, calibration=NIR, **hosting, **settings)


def hash_of(folder: Path) -> str:
    record = json.loads((folder / "out" / DATASET / "run.json").read_bytes())
    assert record["counts"] == {"tiles": 6, "done": 6, "failed": 0, "dropped": 0, "unplaced": 0}
    return str(record["content_hash"])


def blocks_of(campaigns: Dashboard, campaign: str) -> list[dict[str, Any]]:
    tagged = {"flow_runs": {"tags": {"all_": [f"campaign-{campaign}"]}}}
    return [run for run in campaigns.ask("flow_runs/filter", tagged) if run["id"] != campaign]


@pytest.mark.parametrize(("block_size", "runs"), [(1, 6), (3, 2), (100, 1)])
def test_the_map_is_that_of_one_run(
    campaigns: Dashboard, scene: Scene, tmp_path: Path, expected: str, block_size: int, runs: int
) -> None:
    """Whatever the size of a block: a run each, joined to the same extent, with their map on the campaign's page."""
    run = campaigns.create_run(asked(scene, tmp_path, block_size, calibration=NIR))
    assert campaigns.state_of(run) == "Completed"
    assert hash_of(tmp_path) == expected
    blocks = blocks_of(campaigns, run)
    assert [one["state"]["type"] for one in blocks] == ["COMPLETED"] * runs
    shown = campaigns.artifacts(run)["demo-flood-blocks"]["data"]
    assert f"{runs} block{'s' * (runs > 1)}: {runs} done" in shown
    assert "(data:image/png;base64," in shown


def test_all_blocks_share_one_calibration(
    campaigns: Dashboard, command: CommandLine, scene: Scene, tmp_path: Path
) -> None:
    """The threshold is found over all tiles, so the map is that of a run that finds it itself."""
    assert command("run", scene.dataset, "--output", "plain/out", "--work-directory", "plain/work")[0] == 0
    run = campaigns.create_run(asked(scene, tmp_path, 3))
    assert campaigns.state_of(run) == "Completed"
    assert hash_of(tmp_path) == command.record(output="plain/out")["content_hash"]


def test_all_blocks_share_one_endpoint(campaigns: Dashboard, cloud: CloudRuns, tmp_path: Path, expected: str) -> None:
    """The campaign owns and scales it, its blocks ask it, and nothing of it is left."""
    run = campaigns.create_run(on_cloud(cloud, tmp_path, max_instance_count=2))
    assert campaigns.state_of(run) == "Completed"
    assert hash_of(tmp_path) == expected
    asked = cloud.sandbox.requests()
    assert (asked["CreateEndpoint"], asked["RegisterScalableTarget"]) == (1, 1)
    cloud.wait_until_clean()


def test_a_killed_block_is_done_again_alone(
    campaigns: Dashboard, cloud: CloudRuns, tmp_path: Path, expected: str
) -> None:
    """SIGKILL of a block's run changes nothing in the map."""
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=15, times=2)
    run = campaigns.create_run(on_cloud(cloud, tmp_path))
    cloud.wait_for(cloud.is_predicting)
    killed = next(one["id"] for one in blocks_of(campaigns, run) if kill_flow(one["id"]))
    assert campaigns.state_of(run) == "Completed"
    assert hash_of(tmp_path) == expected
    blocks = blocks_of(campaigns, run)
    assert {one["id"] for one in blocks if one["state"]["name"] == "Crashed"} == {killed}
    assert len(blocks) == 3
    cloud.wait_until_clean()


def test_a_cancelled_campaign_cancels_its_blocks(campaigns: Dashboard, cloud: CloudRuns, tmp_path: Path) -> None:
    """Nothing goes on, and nothing is left."""
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=10, times=None)
    run = campaigns.create_run(on_cloud(cloud, tmp_path))
    cloud.wait_for(cloud.is_predicting)
    campaigns.set_state(run, "CANCELLING", "Cancelling")
    assert campaigns.state_of(run) == "Cancelled"
    cloud.wait_until_clean()
    campaigns.wait_for(lambda: all(one["state"]["type"] in ENDED for one in blocks_of(campaigns, run)))
    assert not (tmp_path / "out" / DATASET).exists()


def test_a_killed_campaign_leaves_nothing_and_goes_on_with_the_next(
    campaigns: Dashboard, cloud: CloudRuns, tmp_path: Path, expected: str
) -> None:
    """Its blocks end, its endpoint goes, and the next campaign's map is that of a run that nobody disturbed."""
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=10, times=4)
    run = campaigns.create_run(on_cloud(cloud, tmp_path))
    cloud.wait_for(cloud.is_predicting)
    assert kill_flow(run)
    assert campaigns.state_of(run) == "Crashed"
    cloud.wait_until_clean()
    campaigns.wait_for(lambda: all(one["state"]["type"] in ENDED for one in blocks_of(campaigns, run)))
    assert campaigns.state_of(campaigns.create_run(on_cloud(cloud, tmp_path))) == "Completed"
    assert hash_of(tmp_path) == expected
    cloud.wait_until_clean()


def test_a_campaign_that_nobody_would_do_is_refused(campaigns: Dashboard, scene: Scene, tmp_path: Path) -> None:
    """A deployment that does not exist is named at once."""
    run = campaigns.create_run({**asked(scene, tmp_path, 3), "block_deployment": f"{BLOCKS}-elsewhere"})
    assert campaigns.state_of(run) == "Failed"
    assert f"{BLOCKS}-elsewhere: there is no such deployment" in campaigns.flow_run(run)["state"]["message"]
