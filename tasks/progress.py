"""How far a stage is: to whoever listens in this process, else to the run's log."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from prefect.logging import get_run_logger

STEPS = 10


class Listener(Protocol):
    """Hears how far a stage is."""

    def __call__(self, stage: str, ended: int, failed: int, total: int) -> None:
        """``ended`` of ``total`` tiles have ended, ``failed`` of them badly."""


def _to_log(stage: str, ended: int, failed: int, total: int) -> None:
    """A line a tenth: a run of 100,000 tiles should not write 100,000 lines."""
    if ended == total or (ended and ended * STEPS // total > (ended - 1) * STEPS // total):
        get_run_logger().info("%s: %d of %d tiles%s", stage, ended, total, f", {failed} failed" if failed else "")


_listener: ContextVar[Listener] = ContextVar("listener", default=_to_log)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send progress to ``listener`` instead of the log, in this context."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def report(stage: str, ended: int, failed: int, total: int) -> None:
    """Say how far a stage is."""
    _listener.get()(stage, ended, failed, total)
