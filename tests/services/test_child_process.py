"""The lifeline: a child process ends with its parent, and stops when told."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import running, wait_until

from tasks.services import child_process

OBEDIENT = (
    "from tasks.services import child_process; import time; "
    "child_process.watch_inherited(); print('up', flush=True); time.sleep(600)"
)
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + OBEDIENT.replace(
    "inherited()", "inherited(0.2)"
)
PARENT = """
import sys, time
from pathlib import Path
from tasks.services import child_process
child = child_process.start([sys.executable, "-c", sys.argv[1]], log=Path(sys.argv[2]))
sibling = child_process.start(["sleep", "600"])  # never watches: it must not hold the first child's lifeline open
while child.alive and "up" not in child.log_tail():
    time.sleep(0.05)
print(child.pid, sibling.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("program", [OBEDIENT, DEAF], ids=["obedient", "ignores SIGTERM"])
def test_child_ends_when_its_parent_is_killed(program: str, tmp_path: Path) -> None:
    """SIGKILL of the parent leaves no child behind, not even one that ignores SIGTERM."""
    command = [sys.executable, "-c", PARENT, program, str(tmp_path / "child.log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child, sibling = map(int, parent.stdout.readline().split())
        assert running(child)
        parent.kill()
    try:
        assert wait_until(lambda: not running(child))
    finally:
        os.kill(sibling, signal.SIGKILL)


def test_stop_kills_a_child_that_ignores_sigterm(tmp_path: Path) -> None:
    """Stopping does not depend on the child's good will, and may be repeated."""
    child = child_process.start([sys.executable, "-c", DEAF], log=tmp_path / "child.log")
    assert wait_until(lambda: "up" in child.log_tail())
    assert child.stop(timeout=0.1) == -signal.SIGKILL
    assert child.stop() == -signal.SIGKILL
    assert not child.alive


def test_stop_lets_a_child_end_by_sigterm() -> None:
    """A child that obeys is not killed."""
    assert child_process.start(["sleep", "600"]).stop() == -signal.SIGTERM


def test_any_module_runs_under_the_lifeline(tmp_path: Path) -> None:
    """``python -m tasks.services.child_process MODULE`` hands the module its own arguments."""
    (tmp_path / "echo_module.py").write_text("import sys; print(__name__, sys.argv[1:])")
    child = child_process.start(
        [sys.executable, "-m", "tasks.services.child_process", "echo_module", "--port", "1"],
        env={"PYTHONPATH": str(tmp_path)},
        log=tmp_path / "child.log",
    )
    assert wait_until(lambda: not child.alive)
    assert child.stop() == 0
    assert child.log_tail() == "__main__ ['--port', '1']"


def test_a_process_started_by_hand_watches_nothing() -> None:
    """Without a lifeline, as in a container, there is nothing to watch and nothing ends."""
    assert child_process.watch_inherited() is False


def test_a_command_that_does_not_exist_is_an_error_and_leaks_no_pipe(tmp_path: Path) -> None:
    """A failed start closes both ends of its pipe."""
    before = set(Path("/proc/self/fd").iterdir())
    with pytest.raises(FileNotFoundError):
        child_process.start([str(tmp_path / "nothing")])
    assert set(Path("/proc/self/fd").iterdir()) <= before


def test_a_child_imports_nothing_from_the_folder_it_is_started_in(tmp_path: Path) -> None:
    """Whatever module it runs, and whatever lies there; the project it finds, installed or not."""
    (tmp_path / "json.py").write_text("raise SystemExit('imported')")
    log = tmp_path / "log"
    program = "import json, sys; from tasks.services import child_process; print(sys.flags.safe_path)"
    child = child_process.start([sys.executable, "-c", program], env={"PYTHONPATH": ":"}, log=log, folder=tmp_path)
    assert child.process.wait(30) == 0, child.log_tail()
    assert child.log_tail() == "True"
