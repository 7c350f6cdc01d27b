"""A Prefect process worker that lets its runs end before it ends.

Prefect's own worker, when it is told to stop, kills the processes of its runs within seconds: what their ``finally``
would have deleted in SageMaker goes on costing money. This one tells them first, and waits until they have torn down
their endpoints; it takes up no new run in the meantime.

``python -m deployments.worker --pool NAME`` runs one until SIGTERM or Ctrl-C, as a container's main process does.
"""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.services import child_process

PROC = Path("/proc")
# Prefect sets it in the processes that its workers start.
RUN_VARIABLE = b"PREFECT__FLOW_RUN_ID="
# A run takes half a minute at most to have the deletion of its endpoint accepted.
GRACE_SECONDS = 45.0
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Worker:
    """A running worker, by its process."""

    child: child_process.Child

    @classmethod
    def start(cls, pool: str, name: str, log: Path | None, settings: Mapping[str, str] | None = None) -> "Worker":
        """Start a worker that ends when this process does.

        Args:
            pool: Name of a work pool of type ``process``.
            name: Of the worker.
            log: Where its output goes, and it is started; None: where this process's goes, in the current folder.
            settings: Environment variables on top of this process's.
        """
        options = ("--pool", pool, "--type", "process", "--name", name)
        command = child_process.module_command("prefect", "worker", "start", *options)
        output, folder = (Path("/dev/stdout"), None) if log is None else (log, log.parent)
        return cls(child_process.start(command, env=settings, log=output, folder=folder))

    @property
    def alive(self) -> bool:
        """Whether it is running."""
        return self.child.alive

    def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Tell its runs to end, wait for them, then end it. Safe to repeat."""
        if self.alive:
            os.kill(self.child.pid, signal.SIGSTOP)  # it takes up no run, and kills none
            try:
                self._end_runs(grace_seconds)
            finally:
                os.kill(self.child.pid, signal.SIGTERM)
                os.kill(self.child.pid, signal.SIGCONT)
        self.child.stop()

    def _end_runs(self, grace_seconds: float) -> None:
        deadline = time.monotonic() + grace_seconds
        for run in runs_of(self.child.pid):
            os.kill(run, signal.SIGTERM)
        while runs_of(self.child.pid) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)


def runs_of(worker: int) -> list[int]:
    """Ids of the living processes of flow runs whose parent is this process."""
    return [int(place.name) for place in PROC.glob("[0-9]*") if _is_run_of(place, worker)]


def _is_run_of(place: Path, worker: int) -> bool:
    try:
        state, parent = (place / "stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return False
    return int(parent) == worker and state != "Z" and bool(run_of(place))


def run_of(place: Path) -> str:
    """Id of the flow run that a process executes for a worker, by its folder in ``/proc``; empty where it does not."""
    try:
        variables = (place / "environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    return next((line.removeprefix(RUN_VARIABLE).decode() for line in variables if line.startswith(RUN_VARIABLE)), "")


def main() -> int:
    """Run a worker, as a command; its exit status is 0 when it was told to end."""
    parser = argparse.ArgumentParser(description="Run a Prefect process worker that lets its runs tear down.")
    parser.add_argument("--pool", required=True, metavar="NAME", help="work pool of type process")
    parser.add_argument("--name", default=None, help="of the worker (default: the machine's)")
    options = parser.parse_args()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    worker = Worker.start(options.pool, options.name or os.uname().nodename, None)
    while worker.alive and not stopping.wait(POLL_SECONDS):
        pass
    worker.stop()
    return 0 if stopping.is_set() else 1


if __name__ == "__main__":
    sys.exit(main())
