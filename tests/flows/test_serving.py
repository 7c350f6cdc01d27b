"""``flood-extent serve``: the dashboard answers, runs started from it are executed, Ctrl-C ends all."""

import signal
import socket
import subprocess
import time
from typing import Any

import httpx
import pytest
from command_line import CommandLine, Scene, processes_marked

from infra.sandbox.client import Sandbox

SECONDS = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(url: str, body: dict[str, Any]) -> Any:
    return httpx.post(url, json=body, timeout=30, trust_env=False).raise_for_status().json()


def deployment_id(api: str, process: "subprocess.Popen[str]") -> str:
    """Wait until the deployment is registered."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return str(
                httpx.get(f"{api}/deployments/name/flood-extent/local", trust_env=False).raise_for_status().json()["id"]
            )
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError(f"not served: {process.communicate()[0]}")


def final_state(api: str, run: str) -> str:
    deadline = time.monotonic() + SECONDS
    while True:
        state = httpx.get(f"{api}/flow_runs/{run}", trust_env=False).json()["state"]
        if state["type"] in ("COMPLETED", "FAILED", "CRASHED") or time.monotonic() > deadline:
            return f"{state['name']}: {state['message']}"
        time.sleep(0.2)


def test_a_run_is_started_from_the_dashboard(command: CommandLine, scene: Scene) -> None:
    """A run created through the API is executed with its parameters; an interrupt ends server, pages and runner."""
    port, mark = free_port(), str(command.folder)
    api = f"http://127.0.0.1:{port}/api"
    process = command.start("serve", "--port", str(port), PREFECT_API_URL="", FLOOD_EXTENT_TEST_MARK=mark)
    try:
        parameters = {"dataset": str(scene.dataset), "width": 200}
        run = ask(f"{api}/deployments/{deployment_id(api, process)}/create_flow_run", {"parameters": parameters})
        assert final_state(api, run["id"]).startswith("Completed")
        assert command.record()["parameters"]["width"] == 200
        page = httpx.get(f"http://127.0.0.1:{port}/", follow_redirects=True, trust_env=False)
        assert "html" in page.headers["content-type"]
        assert httpx.get(f"http://127.0.0.1:{port}/ui-settings", trust_env=False).json()["api_url"] == api
    finally:
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=SECONDS)
    assert f"dashboard: http://127.0.0.1:{port}" in said
    assert "Traceback" not in said
    assert "Warning" not in said
    assert not processes_marked(mark)


@pytest.mark.slow
def test_where_sagemaker_can_be_asked_it_is_swept(command: CommandLine, sandbox: Sandbox) -> None:
    """With credentials and a region, the sweep is on a schedule and the automation on lost heartbeats starts it."""
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    process = command.start("serve", "--port", str(port), PREFECT_API_URL="", **sandbox.environment)
    try:
        deployment_id(api, process)
        deadline = time.monotonic() + SECONDS
        while not (automations := ask(f"{api}/automations/filter", {})) and time.monotonic() < deadline:
            time.sleep(0.2)
        name = f"{api}/deployments/name/sweep-endpoints/every-15-minutes"
        swept_by = httpx.get(name, trust_env=False).raise_for_status().json()
        assert [schedule["active"] for schedule in swept_by["schedules"]] == [True]
        assert swept_by["id"] in [action.get("deployment_id") for action in automations[0]["actions"]]
    finally:
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=SECONDS)
    assert "are swept: every 15 minutes" in said
