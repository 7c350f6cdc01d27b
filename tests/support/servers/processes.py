"""Processes of this machine, as /proc has them."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

MARK = "FLOOD_EXTENT_TEST_MARK"


def stat(pid: int) -> list[str]:
    """What Linux says of a process, from its state on, the parent's id next; nothing where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def running(pid: int) -> bool:
    """Whether a process exists and is not a zombie that nobody has reaped yet."""
    return stat(pid)[:1] not in ([], ["Z"])


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(one.name) for one in Path("/proc").glob("[0-9]*") if stat(int(one.name))[1:2] == [str(pid)]]


def wait_until(true: Callable[[], object], seconds: float = 30) -> bool:
    """Poll until a condition holds; whether it did in time."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(true())


def ended(pid: int) -> bool:
    """Whether a process is gone, or only a zombie, within some seconds."""
    return wait_until(lambda: not running(pid))


def with_variable(variable: str, value: str) -> Iterator[tuple[int, str]]:
    """Processes that have this in their environment, but for this one: id and command line."""
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            marked = f"{variable}={value}\0".encode() in (place / "environ").read_bytes() + b"\0"
            line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if marked and line and int(place.name) != os.getpid():
                yield int(place.name), line


def processes_marked(mark: str) -> list[str]:
    """Command lines of running processes that carry the mark in their environment."""
    return [line for _, line in with_variable(MARK, mark)]


def kill_with(variable: str, value: str, word: str = "") -> int:
    """SIGKILL the processes that have this in their environment, and a word in their command; how many there were."""
    found = 0
    for pid, line in with_variable(variable, value):
        if word in line:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                found += 1
    return found


def kill_marked(mark: str, word: str = "") -> int:
    """SIGKILL the processes that carry the mark in their environment; how many there were."""
    return kill_with(MARK, mark, word)


def kill_flow(run: str) -> int:
    """SIGKILL the process of a flow run; how many there were."""
    return kill_with("PREFECT__FLOW_RUN_ID", run)


def kill_worker_of(run: str) -> None:
    """SIGKILL the worker that executes a flow run, and leave the run's own process."""
    runs = {pid for pid, _ in with_variable("PREFECT__FLOW_RUN_ID", run)}
    (worker,) = {int(stat(pid)[1]) for pid in runs} - runs
    os.kill(worker, signal.SIGKILL)
