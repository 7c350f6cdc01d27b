"""CPU seconds and peak memory of a process and of all that are below it, as Linux has them in ``/proc``."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

BYTES_IN_KIB = 1024
CLEAR_PEAK = "5"  # proc(5), clear_refs


@dataclass(frozen=True, slots=True)
class Process:
    """What a process has used so far.

    Attributes:
        command: Its command line.
        cpu_s: User and system CPU seconds, without its children's.
        peak_bytes: The most memory that it ever held at once.
    """

    command: str
    cpu_s: float
    peak_bytes: int


Watched = tuple[int, dict[int, Process]]


def run_watched(folder: Path, said: Path, sample_seconds: float, env: Mapping[str, str], dataset: Path) -> Watched:
    """Run the flow as a person does, and look at it and its children until it has ended.

    Args:
        folder: In which it is started.
        said: Gets what it prints.
        sample_seconds: Between two looks: a child's last are missed.
        env: Its whole environment.
        dataset: That it maps.

    Returns:
        The process id of the flow, and what it and its children have used, by process id.
    """
    command, found = [sys.executable, "-m", "flows", "run", str(dataset)], dict[int, Process]()
    with said.open("w") as output:
        child = subprocess.Popen(command, cwd=folder, env=env, stdout=output, stderr=output)
    while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        look(child.pid, found)
        time.sleep(sample_seconds)
    look(child.pid, found)  # it has ended, and is still in /proc
    if child.wait():
        raise RuntimeError(f"the flow ended with status {child.returncode}:\n{said.read_text()}")
    return child.pid, found


def look(root: int, found: dict[int, Process]) -> None:
    """Note, by process id, what a process and all that are below it have used; what has ended keeps its last figures.

    A process that has ended and was not waited for still has its CPU seconds, but neither command line nor memory.
    """
    pids = [root]
    for pid in pids:
        with suppress(OSError):  # it has ended meanwhile
            found[pid] = _process(pid, found.get(pid, Process("", 0.0, 0)))
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                pids += map(int, children.read_text().split())


def cpu_seconds(pid: int) -> float:
    """User and system CPU seconds of a process, without its children's: fields 14 and 15 of proc(5)."""
    from_the_third = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, from_the_third[11:13])) / os.sysconf("SC_CLK_TCK")


def peak_bytes(pid: int) -> int:
    """The most memory that a process ever held at once; 0 once it has ended."""
    return _memory_bytes(pid, "VmHWM")


def peak_from_now() -> int:
    """Have this process's peak start anew from what it holds now, which is returned."""
    Path("/proc/self/clear_refs").write_text(CLEAR_PEAK)
    return _memory_bytes(os.getpid(), "VmRSS")


def _memory_bytes(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * BYTES_IN_KIB for line in lines if line.startswith(f"{name}:")), 0)


def _process(pid: int, before: Process) -> Process:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return Process(command or before.command, cpu_seconds(pid), peak_bytes(pid) or before.peak_bytes)
