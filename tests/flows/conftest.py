"""The real command line against a real Prefect server on loopback."""

from pathlib import Path

import pytest
from cloud_runs import CloudRuns, make_cloud
from command_line import QUIET, ROOT, CommandLine, Scene

from infra.sandbox.client import Sandbox
from tasks.core.demo.scene import DATASET, make_scene

SHARED_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture
def command(prefect_server: str, tmp_path: Path) -> CommandLine:
    """The command line, reporting to the session's server."""
    home = tmp_path / "home"
    return CommandLine(tmp_path, {"PREFECT_API_URL": prefect_server, "PREFECT_HOME": str(home), **QUIET})


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A demo scene of 2 x 3 tiles with pixels of 75 cm."""
    folder = tmp_path_factory.mktemp("scene")
    truth = make_scene(folder, tile_px=400)
    return Scene(folder / DATASET, truth)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real imagery and hostile files beside the checkout; skips where they are not."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real imagery (../shared/data) is not on this machine")
    return SHARED_DATA


@pytest.fixture
def cloud(command: CommandLine, sandbox: Sandbox, scene: Scene) -> CloudRuns:
    """The command line on a local AWS, with a training job and somebody else's endpoints."""
    return make_cloud(command, sandbox, scene)
