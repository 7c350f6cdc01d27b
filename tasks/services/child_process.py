"""A child process that cannot outlive its parent, however the parent ends.

The parent holds one end of a pipe, the child reads the other. Whatever ends the parent (SIGKILL too) closes its end,
the child reads end-of-file and ends itself: SIGTERM first, SIGKILL after a grace period. Linux's PR_SET_PDEATHSIG is
no substitute: it fires when the *thread* that started the child ends.

``python -m tasks.services.child_process MODULE ARGUMENT...`` runs any module, as ``python -m MODULE`` would, under this
rule. It needs the standard library alone.
"""

import os
import runpy
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FD_VARIABLE = "FLOOD_EXTENT_LIFELINE_FD"
ROOT = Path(__file__).resolve().parents[2]
GRACE_SECONDS = 5.0
STOP_SECONDS = 10.0

_held: set[int] = set()


def _forget_held() -> None:
    """Close the parent's ends in a forked copy of the parent, which would keep the children alive after it."""
    while _held:
        os.close(_held.pop())


os.register_at_fork(after_in_child=_forget_held)


@dataclass(eq=False)
class Child:
    """A running child process, in a session of its own.

    Attributes:
        process: The child; also the leader of its process group.
        log: Where its output goes; None where it is discarded.
    """

    process: subprocess.Popen[bytes]
    log: Path | None
    _parent_end: int
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def pid(self) -> int:
        """Process id, and process-group id."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it is still running."""
        return self.process.poll() is None

    @property
    def status(self) -> int | None:
        """Its exit status, negative where a signal ended it; None while it is running."""
        return self.process.poll()

    def stop(self, timeout: float = STOP_SECONDS) -> int:
        """End the child and what it started: SIGTERM, then SIGKILL after ``timeout`` seconds. Safe to repeat.

        Returns:
            Its exit status, negative where a signal ended it.
        """
        self._signal(signal.SIGTERM)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
        status = self.process.wait()
        with self._lock:
            if self._parent_end in _held:
                _held.discard(self._parent_end)
                os.close(self._parent_end)
        return status

    def log_tail(self, lines: int = 20) -> str:
        """The last lines that it wrote; empty without a log."""
        if self.log is None or not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            if self.process.poll() is None:
                os.killpg(self.pid, number)


def module_command(module: str, *arguments: str) -> list[str]:
    """The command of a Python module, which ends with this process: as ``python -m``, by way of ``main``."""
    return [sys.executable, "-m", "tasks.services.child_process", module, *arguments]


def start(
    command: Sequence[str],
    *,
    env: Mapping[str, str | None] | None = None,
    log: Path | None = None,
    inherit_env: bool = True,
    pass_fds: Sequence[int] = (),
    folder: Path | None = None,
) -> Child:
    """Start a child that ends when this process does, provided that it calls ``watch_inherited`` early.

    Its own session keeps a Ctrl-C meant for the parent away from it. Python imports nothing from the folder that it is
    started in, where anything may lie.

    Args:
        command: Program and arguments.
        env: Added to this process's environment; None takes a variable out of it.
        log: File that its standard output and error are appended to; discarded where None.
        inherit_env: Whether the child has this process's environment; where not, `env` is all that it has.
        pass_fds: Open files of this process that the child has too, under the same numbers.
        folder: That it is started in; this process's where None.

    Raises:
        OSError: The program or the log cannot be opened.
    """
    child_end, parent_end = os.pipe()
    _held.add(parent_end)
    try:
        merged = {**(os.environ if inherit_env else {}), **(env or {}), FD_VARIABLE: str(child_end)}
        merged |= {"PYTHONSAFEPATH": "1", "PYTHONPATH": search_path(merged.get("PYTHONPATH") or "")}
        variables = {name: value for name, value in merged.items() if value is not None}
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
        with Path(log or os.devnull).open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(child_end, *pass_fds),
                start_new_session=True,
            )
    except BaseException:
        _held.discard(parent_end)
        os.close(parent_end)
        raise
    finally:
        os.close(child_end)
    return Child(process, log, parent_end)


def search_path(former: str) -> str:
    """PYTHONPATH of a child: with the project, for it may not be installed; an empty entry is the current folder.

    Args:
        former: The same of this process.
    """
    ours = [] if str(ROOT) == sysconfig.get_path("purelib") else [str(ROOT)]
    return os.pathsep.join(
        dict.fromkeys([*ours, *(str(Path(part).absolute()) for part in former.split(os.pathsep) if part)])
    )


def watch_inherited(grace_seconds: float = GRACE_SECONDS) -> bool:
    """In the child: end this process, and its group where it leads one, when the pipe from ``start`` closes.

    Returns:
        False where there is none, as in a process started by hand or a container.
    """
    number = os.environ.pop(FD_VARIABLE, None)
    if number is None:
        return False
    os.set_inheritable(int(number), False)  # noqa: FBT003 - positional only
    threading.Thread(target=_end_with_parent, args=(int(number), grace_seconds), name="lifeline", daemon=True).start()
    return True


def _end_with_parent(fd: int, grace_seconds: float) -> None:
    while os.read(fd, 1):
        pass
    _end(signal.SIGTERM)
    time.sleep(grace_seconds)
    _end(signal.SIGKILL)


def _end(number: signal.Signals) -> None:
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), number)
    else:
        os.kill(os.getpid(), number)


def main(arguments: Sequence[str]) -> None:
    """Run ``arguments[0]`` as ``python -m`` would, with the rest as its arguments, watching the inherited pipe."""
    watch_inherited()
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
