"""What ends a run from outside: kills, interrupts, a full disk, a second run."""

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from cloud_runs import PHASES, SIGNALS, CloudRuns
from command_line import CommandLine, Scene
from prefect_servers import Server
from processes import processes_marked

from flows.server.local_server import ONE_RUN_SETTINGS
from tasks.services.publishing.publishing import locked

KILL_SECONDS = 120
POLL_SECONDS = 0.02


def answers(folder: Path) -> set[str]:
    """Names of the label masks in the cache."""
    return {
        path.name for path in (folder / "work" / "cache" / "predict").glob("*.png") if "confidence" not in path.name
    }


def kept(folder: Path, stage: str) -> int:
    return len(list((folder / "work" / "cache" / "records" / stage).glob("*.json")))


def finish(process: "subprocess.Popen[str]") -> str:
    return process.communicate(timeout=KILL_SECONDS)[0]


@pytest.fixture
def uninterrupted(command: CommandLine, scene: Scene) -> dict[str, Any]:
    """The record of a run that nothing disturbed, with the seconds that it took."""
    start = time.monotonic()
    assert command("run", scene.dataset, "--work-directory", "calm/work", "--output", "calm")[0] == 0
    return {**command.record(output="calm"), "elapsed": time.monotonic() - start}


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.30, 0.60, 0.85])
def test_a_killed_run_goes_on_where_it_was(
    command: CommandLine, scene: Scene, uninterrupted: dict[str, Any], share: float
) -> None:
    """After SIGKILL at any time the same command gives the same extent, and predicts only what was missing."""
    process = command.start("run", scene.dataset)
    time.sleep(share * uninterrupted["elapsed"])
    process.kill()
    finish(process)
    there = answers(command.folder)
    assert command("run", scene.dataset)[0] == 0
    record = command.record()
    predicted = [tile for tile in record["tiles"] if tile["seconds_by_stage"]["predict"] > 0.02]
    assert record["content_hash"] == uninterrupted["content_hash"]
    assert len(predicted) <= 6 - len(there)


@pytest.mark.parametrize(
    ("stage", "count"),
    [
        ("predict", 2),
        pytest.param("prepare", 3, marks=pytest.mark.slow),
        pytest.param("extract", 3, marks=pytest.mark.slow),
    ],
)
def test_a_run_killed_within_a_stage_repeats_only_what_was_missing(
    command: CommandLine, scene: Scene, stage: str, count: int
) -> None:
    """A kill in the middle of each stage leaves whole files only; they are not computed again, and no folder stays."""
    temporary = command.folder / "tmp"
    temporary.mkdir()
    process = command.start("run", scene.dataset, TMPDIR=str(temporary))
    deadline = time.monotonic() + KILL_SECONDS
    while kept(command.folder, stage) < count and process.poll() is None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    process.kill()
    finish(process)
    there, remembered = answers(command.folder), kept(command.folder, stage)
    assert [path for path in temporary.iterdir() if path.name.startswith("flood-extent-")]
    assert command("run", scene.dataset, TMPDIR=str(temporary))[0] == 0
    assert not [path for path in temporary.iterdir() if path.name.startswith("flood-extent-")]
    record = command.record()
    assert sum(stage in tile["cached"] for tile in record["tiles"]) >= min(count, remembered)
    assert (record["endpoint"]["name"] is None) == (len(there) == 6)


@pytest.mark.parametrize("number", ["Ctrl-C", pytest.param("SIGTERM", marks=pytest.mark.slow)])
def test_an_interrupt_ends_a_run_with_all_that_it_started(command: CommandLine, scene: Scene, number: str) -> None:
    """Ctrl-C and a plain kill give one line and the signal's status; nothing that the run started is left running."""
    process = command.start("run", scene.dataset, FLOOD_EXTENT_TEST_MARK=str(command.folder))
    deadline = time.monotonic() + KILL_SECONDS
    while not (command.folder / "work" / "cache" / "records").exists() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    process.send_signal(SIGNALS[number][0])
    said = finish(process)
    assert process.returncode == SIGNALS[number][1], said
    assert said.splitlines()[-1].startswith("flood-extent: interrupted")
    assert "Traceback" not in said
    assert not processes_marked(str(command.folder))


@pytest.mark.parametrize(
    ("number", "phase"),
    [
        ("Ctrl-C", "predicting"),
        pytest.param("Ctrl-C", "deploying", marks=pytest.mark.slow),
        pytest.param("SIGTERM", "deploying", marks=pytest.mark.slow),
        pytest.param("SIGTERM", "predicting", marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_run_tears_down(cloud: CloudRuns, phase: str, number: str) -> None:
    """An interrupt while deploying or predicting has the deletion accepted within half a minute."""
    cloud.sandbox.settings(creating_seconds=5.0)
    cloud.sandbox.fault("InvokeEndpoint", "hang", seconds=3, times=None)
    process = cloud.command.start(*cloud.arguments())
    cloud.wait_for(lambda: PHASES[phase](cloud))
    process.send_signal(SIGNALS[number][0])
    sent = time.monotonic()
    cloud.wait_for(lambda: not any(one["status"] != "Deleting" for one in cloud.ours().values()))
    accepted = time.monotonic() - sent
    said = process.communicate(timeout=120)[0]
    assert process.returncode == SIGNALS[number][1], said
    assert accepted < 30, said
    assert "torn down" in cloud.log()
    cloud.wait_until_clean()


@pytest.mark.slow
def test_two_runs_do_not_write_one_output(command: CommandLine, scene: Scene) -> None:
    """While one run has the output, another is refused at once; when it has ended, the next is not."""
    with locked(str(command.folder / "out" / "demo_flood")):
        status, said = command("run", scene.dataset)
    assert status == 64, said
    assert "another run" in said
    assert command("run", scene.dataset)[0] == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs a small file system: tmpfs")
def test_a_full_disk_is_said_and_leaves_no_half_product(command: CommandLine, scene: Scene) -> None:
    """Where the output has no room the run ends with status 1, names the place, and no product appears."""
    small = command.folder / "small"
    small.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "size=64k", "none", small], check=False).returncode:
        pytest.skip("may not mount a small file system here")
    try:
        status, said = command("run", scene.dataset, "--output", "small")
        left = [path.name for path in small.iterdir() if path.suffix != ".lock"]
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert status == 1, said
    assert "small" in said
    assert "space" in said
    assert "Traceback" not in said
    assert not left


def test_an_output_that_cannot_be_written_is_refused(command: CommandLine, scene: Scene) -> None:
    """A file where the output folder should be is said before anything starts."""
    (command.folder / "out").write_text("a file")
    status, said = command("run", scene.dataset)
    assert status == 64, said
    assert "out" in said
    assert not (command.folder / "work").exists()


def test_a_prefect_api_that_does_not_answer_is_said(command: CommandLine, scene: Scene) -> None:
    """A server that is set and down ends the run before it starts, with its address and the way out."""
    status, said = command("run", scene.dataset, PREFECT_API_URL="http://127.0.0.1:9/api")
    assert status == 1
    assert "the Prefect API at http://127.0.0.1:9/api/ does not answer" in said
    assert not (command.folder / "out" / "demo_flood").exists()


@pytest.mark.slow
def test_a_prefect_server_that_goes_away_costs_only_the_record(command: CommandLine, scene: Scene) -> None:
    """A run whose server dies in the middle finishes its product, says what is missing, and ends."""
    settings = {"PREFECT_HOME": str(command.folder / "gone"), **ONE_RUN_SETTINGS}
    server = Server.start(command.folder / "server.log", settings)
    try:
        server.wait_until_up()
        process = command.start("run", scene.dataset, PREFECT_API_URL=server.url)
        deadline = time.monotonic() + KILL_SECONDS
        while not kept(command.folder, "prepare") and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    finally:
        server.stop()
    said = finish(process)
    assert process.returncode == 0, said
    assert "the Prefect API stopped answering" in said
    assert "Traceback" not in said
    assert command.record()["counts"]["done"] == 6
