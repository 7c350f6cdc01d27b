"""Runs on a server with more to do than it can."""

import signal
import time
from typing import Any

import httpx
import pytest
from command_line import CommandLine, Scene
from loopback import Handler, listening
from model_serving import serving

from infra.model_server.app import Limits
from tasks.core.models import water_index

pytestmark = pytest.mark.slow

GIVEN = ("--calibration", "70")
BUSY_SECONDS = 50
asked: list[bytes] = []


def slowly(*image: Any, **told: Any) -> Any:
    """As water_index answers, so late that others ask meanwhile."""
    time.sleep(1)
    return water_index.predict(*image, **told)


def test_a_run_with_more_in_flight_than_there_are_places_maps_the_same(command: CommandLine, scene: Scene) -> None:
    """Refused requests are asked again: no tile fails, and the extent is that of a server with room for all."""
    with serving(slowly, Limits(concurrency=1, queue=0)) as url:
        many = ("--requests-per-instance", "8")
        status, said = command("run", scene.dataset, "--endpoint", "http", "--endpoint-url", url, *many, *GIVEN)
        assert status == 0, said
        assert 'requests_total{status="503"}' in httpx.get(f"{url}/metrics", trust_env=False).text
    assert command("run", scene.dataset, "--output", "here", "--work-directory", "here/work", *GIVEN)[0] == 0
    assert command.record()["content_hash"] == command.record(output="here")["content_hash"]


class Busy(Handler):
    """In service, and busy for long."""

    def reply(self, sent: bytes) -> None:
        """Ask again in a minute."""
        self.answer(status=503 if sent else 200, headers={"Retry-After": str(BUSY_SECONDS)} if sent else {})
        asked.append(sent)


def test_an_interrupted_run_does_not_wait_for_a_busy_server(command: CommandLine, scene: Scene) -> None:
    """The run ends while its requests pause: before any of them would have been asked again."""
    with listening(Busy) as url:
        arguments = [scene.dataset, "--endpoint", "http", "--endpoint-url", url, *GIVEN]
        process = command.start("run", *arguments)
        deadline = time.monotonic() + 120
        while not any(asked) and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=200)[0]
    assert process.returncode == 128 + signal.SIGTERM, said
    assert said.splitlines()[-1].startswith("flood-extent: interrupted")
    assert len([one for one in asked if one]) == len({one for one in asked if one})
