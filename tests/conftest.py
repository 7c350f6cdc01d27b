"""What all tests share."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from browser import log_in, new_page
from cloud_runs import CloudRuns, make_cloud
from command_line import QUIET, ROOT, CommandLine, Scene
from dashboard import Dashboard, served
from hypothesis import settings
from prefect_servers import Server
from processes import MARK

from flows.server.local_server import ONE_RUN_SETTINGS
from infra.sandbox.client import Sandbox
from tasks.core.demo.scene import DATASET, make_scene

SHARED_DATA = ROOT.parent / "shared" / "data"

# A loaded machine is not a fault: time is measured by the benchmarks, never asserted by tests.
settings.register_profile("flood-extent", deadline=None)
settings.load_profile("flood-extent")

# Commands are started by the hundred: compiling the project anew takes each of them half a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A suite in the background of a script is told to ignore Ctrl-C, and so are all that it starts: tests send it to them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API of a Prefect server with a database of its own, for the session."""
    home = tmp_path_factory.mktemp("prefect")
    settings = {"PREFECT_HOME": str(home), **ONE_RUN_SETTINGS, **QUIET}
    server = Server.start(home / "server.log", settings)
    try:
        server.wait_until_up()
        yield server.url
    finally:
        server.stop()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The URL of a simulated S3 on a free loopback port."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - takes a second, and few tests need it

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws_settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of somebody with keys of their own, and with nothing else of AWS in it."""
    if (sdk := sys.modules.get("sagemaker.core.utils.utils")) is not None:
        sdk.SageMakerClient.reset()  # the first session that it sees in a process becomes everybody's default
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "FLOOD_EXTENT_KMS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ambient")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "ambient-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


@pytest.fixture(scope="session")
def s3_client(s3_server: str) -> Any:
    """boto3's client for the simulated S3."""
    import boto3  # noqa: PLC0415 - half a second

    return boto3.Session("testing", "testing", region_name="us-east-1").client("s3", endpoint_url=s3_server)


@pytest.fixture
def s3_bucket(s3_server: str, s3_client: Any, aws_settings: pytest.MonkeyPatch) -> str:
    """``s3://`` URI of a fresh bucket in the simulated S3, which the environment points at."""
    aws_settings.setenv("AWS_ENDPOINT_URL", s3_server)
    bucket = f"test-{uuid4().hex}"
    s3_client.create_bucket(Bucket=bucket)
    return f"s3://{bucket}"


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URI of an empty folder and of an empty bucket."""
    if request.param == "s3":
        return str(request.getfixturevalue("s3_bucket"))
    (tmp_path / "place").mkdir()
    return str(tmp_path / "place")


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A local AWS on a free loopback port, for the session."""
    sandbox = Sandbox.start(tmp_path_factory.mktemp("sandbox") / "log")
    yield sandbox
    sandbox.stop()


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Sandbox:
    """The local AWS, emptied, with its own delays and no faults."""
    sandbox_process.reset()
    return sandbox_process


@pytest.fixture
def command(prefect_server: str, tmp_path: Path) -> CommandLine:
    """The command line, reporting to the session's server."""
    home = tmp_path / "home"
    return CommandLine(tmp_path, {"PREFECT_API_URL": prefect_server, "PREFECT_HOME": str(home), **QUIET})


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory, sandbox_process: Sandbox) -> Iterator[Dashboard]:
    """A serve whose runs reach the local AWS."""
    folder = tmp_path_factory.mktemp("served")
    environment = {"PREFECT_HOME": str(folder / "home"), MARK: str(folder), **QUIET, **sandbox_process.environment}
    with served(CommandLine(folder, environment)) as running:
        yield running


@pytest.fixture
def page(dashboard: Dashboard) -> Iterator[Any]:
    """A page in a new browser, logged in; skips where there is none."""
    with new_page() as page:
        log_in(page, dashboard.log_in_link())
        yield page
    assert dashboard.process.poll() is None


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
