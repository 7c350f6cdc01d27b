"""The local endpoint: a real server on loopback, deployed, asked and deleted."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from jpegs import water_and_crops
from processes import ended

from tasks.core.errors import EndpointRefused, EndpointUnavailable
from tasks.core.models import water_index
from tasks.core.models.nir_threshold import Split
from tasks.services.endpoints import container_client, local_endpoint
from tasks.services.endpoints.contract import Deployment
from tasks.services.endpoints.local_endpoint import LocalEndpoint


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """A deployed water-index, deleted at the end of the module."""
    endpoint = LocalEndpoint("water-index")
    yield endpoint.deploy("water")
    endpoint.delete("water")


def test_answer_is_the_models_label_mask(deployment: Deployment) -> None:
    """The mask has the image's size and says water where the water is."""
    answer = LocalEndpoint("water-index").invoke(deployment, water_and_crops())
    mask = cv2.imdecode(np.frombuffer(answer, np.uint8), cv2.IMREAD_UNCHANGED)
    assert mask.dtype == np.uint8
    assert mask.shape == (48, 64)
    np.testing.assert_array_equal(mask[:, :28], 1)
    np.testing.assert_array_equal(mask[:, 36:], 0)


@pytest.mark.parametrize(("threshold", "share"), [(0, 0.0), (200, 0.5)])
def test_the_model_is_told_the_threshold(deployment: Deployment, threshold: int, share: float) -> None:
    """It goes with the request, and decides."""
    attributes = water_index.attributes(Split(threshold, 64))
    answer = LocalEndpoint("water-index").invoke(deployment, water_and_crops(), attributes)
    mask = cv2.imdecode(np.frombuffer(answer, np.uint8), cv2.IMREAD_UNCHANGED)
    assert mask.mean() == pytest.approx(share, abs=0.05)


def test_many_threads_share_one_endpoint(deployment: Deployment) -> None:
    """Tile tasks ask at once, each through a service of its own, and get their own image's answer."""
    sizes = [(20 + i, 30 + i) for i in range(24)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda size: LocalEndpoint("water-index").invoke(deployment, water_and_crops(*size)), sizes)
        )
    shapes = [cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_UNCHANGED).shape for one in answers]
    assert shapes == [(height, width) for width, height in sizes]


def test_proxies_of_the_environment_are_ignored(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """A company proxy in the environment must not get between a client and its own machine."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    container_client.pooled_client.cache_clear()
    assert LocalEndpoint("water-index").invoke(deployment, water_and_crops())


def test_a_refusal_is_final_and_carries_the_servers_words(deployment: Deployment) -> None:
    """What the server calls the client's fault is not retried."""
    with pytest.raises(EndpointRefused, match="400: not a whole JPEG"):
        LocalEndpoint("water-index").invoke(deployment, b"text")


def test_a_deployment_survives_its_record(deployment: Deployment) -> None:
    """Tile tasks rebuild the deployment from plain values."""
    assert Deployment.from_dict(deployment.to_dict()) == deployment


def test_a_deployment_of_another_host_is_refused(deployment: Deployment) -> None:
    """Loopback on another machine is another machine: say so instead of asking a stranger."""
    elsewhere = replace(deployment, host="elsewhere")
    with pytest.raises(EndpointRefused, match=r"'elsewhere'.*only on the host that deployed it"):
        LocalEndpoint("water-index").invoke(elsewhere, water_and_crops())


def test_a_name_is_deployed_once(deployment: Deployment) -> None:
    """A second deployment of a name would orphan the first."""
    with pytest.raises(EndpointRefused, match="already deployed"):
        LocalEndpoint("water-index").deploy(deployment.name)


def test_nobody_listening_is_transient() -> None:
    """An endpoint that has gone is reported as one that may come back, naming its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    gone = Deployment("local", "gone", f"http://127.0.0.1:{port}", socket.gethostname())
    with pytest.raises(EndpointUnavailable, match=f"gone at http://127.0.0.1:{port}"):
        LocalEndpoint("water-index").invoke(gone, water_and_crops())


def test_delete_stops_the_process_and_may_be_repeated() -> None:
    """Nothing is left running or lying about after a delete, which needs only the name."""
    endpoint = LocalEndpoint("water-index")
    deployment = endpoint.deploy("short-lived")
    server = local_endpoint._servers["short-lived"]
    LocalEndpoint("other.onnx").delete("short-lived")
    endpoint.delete("short-lived")
    assert ended(server.child.pid)
    assert not server.folder.exists()
    with pytest.raises(EndpointUnavailable):
        endpoint.invoke(deployment, water_and_crops())


def test_delete_while_starting_ends_the_deployment() -> None:
    """Cancelling during the start stops the server and ends the wait with a final error."""
    endpoint = LocalEndpoint("water-index")
    with ThreadPoolExecutor(1) as pool:
        deploying = pool.submit(endpoint.deploy, "cancelled")
        while "cancelled" not in local_endpoint._servers:
            time.sleep(0.001)
        pid = local_endpoint._servers["cancelled"].child.pid
        endpoint.delete("cancelled")
        with pytest.raises(EndpointRefused, match="deleted while it was starting"):
            deploying.result()
    assert ended(pid)


def test_a_start_that_takes_too_long_leaves_nothing() -> None:
    """A server that is not ready in time is stopped, and may be tried again."""
    threads = threading.active_count()
    with pytest.raises(EndpointUnavailable, match="did not answer within 0 s"):
        LocalEndpoint("water-index", start_seconds=0).deploy("slow")
    assert "slow" not in local_endpoint._servers
    assert threading.active_count() == threads


def test_a_model_that_cannot_be_loaded_is_refused_with_its_reason(tmp_path: Path) -> None:
    """The server's own words reach the person, and nothing is left running."""
    (tmp_path / "broken.onnx").write_bytes(b"not a model")
    with pytest.raises(EndpointRefused, match=r"broken\.onnx cannot be loaded"):
        LocalEndpoint(str(tmp_path / "broken.onnx")).deploy("broken")
    assert "broken" not in local_endpoint._servers


@pytest.mark.parametrize("model", ["nothing.onnx", "water_index", ""])
def test_a_missing_model_is_refused_before_anything_starts(model: str) -> None:
    """A misspelt model is an error that names it and the remedy, without a process."""
    with pytest.raises(EndpointRefused, match="water-index"):
        LocalEndpoint(model).deploy("missing")


def test_model_identity_follows_the_files_content(tmp_path: Path) -> None:
    """Cached predictions are reused only for the very same model."""
    path = tmp_path / "model.onnx"
    identities = {LocalEndpoint("water-index").model_identity()}
    for ir_version in (b"\x0a", b"\x0b"):
        path.write_bytes(b"\x08" + ir_version)  # all that such a model says
        identities.add(LocalEndpoint(str(path)).model_identity())
    assert len(identities) == 3
    assert water_index.identity() in identities


def test_the_server_ends_with_a_killed_process() -> None:
    """SIGKILL of the process that deployed it leaves no server behind."""
    program = (
        "from tasks.services.endpoints import local_endpoint as it; import time\n"
        "it.LocalEndpoint('water-index').deploy('orphan')\n"
        "print(it._servers['orphan'].child.pid, it._servers['orphan'].folder, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, folder = parent.stdout.readline().split()
        os.kill(parent.pid, signal.SIGKILL)
    assert ended(int(pid))
    assert Path(folder).name.startswith("flood-extent-endpoint-")
    for left in Path(folder).iterdir():
        left.unlink()
    Path(folder).rmdir()


def test_a_server_that_was_killed_is_not_asked_again() -> None:
    """Where the server's own process is gone, no retry can help: the tiles that are left fail at once."""
    service = LocalEndpoint("water-index")
    killed = service.deploy("killed")
    try:
        child = local_endpoint._servers["killed"].child
        os.kill(child.pid, signal.SIGKILL)
        child.process.wait()
        with pytest.raises(EndpointRefused, match=r"killed has ended.*Run again"):
            service.invoke(killed, water_and_crops())
    finally:
        service.delete("killed")
