"""How far a run is: to whoever watches it in this process, else to the run's log."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol
from uuid import UUID

STEPS = 10


class Watcher(Protocol):
    """Is told how a run gets on."""

    def started(self, flow_run_id: UUID, log: str) -> None:
        """The run has begun; ``log`` is the URI of its log file."""

    def reported(self, line: str) -> None:
        """Something that takes long has got on; it is in the run's log already."""

    def stage(self, stage: str, ended: int, failed: int, total: int) -> None:
        """``ended`` of a stage's ``total`` tiles have ended, ``failed`` of them badly."""

    def finished(self, task_runs: int, record: Mapping[str, Any] | None, product: str) -> None:
        """The run has ended after so many task runs; ``record`` is its run.json, None where there is no product."""


def is_step(ended: int, total: int) -> bool:
    """Whether a line is due: one a tenth, for a run of 100,000 tiles should not write 100,000 lines."""
    return ended == total or (ended > 0 and ended * STEPS // total > (ended - 1) * STEPS // total)


class ToLog:
    """Writes to the run's log."""

    def started(self, flow_run_id: UUID, log: str) -> None:  # noqa: ARG002 - the log is this run's own
        """Say where the log file is."""
        _logger().info("log file: %s", log)

    def reported(self, line: str) -> None:
        """It is in the log."""

    def stage(self, stage: str, ended: int, failed: int, total: int) -> None:
        """A line a tenth of the tiles."""
        if is_step(ended, total):
            _logger().info("%s: %d of %d tiles%s", stage, ended, total, f", {failed} failed" if failed else "")

    def finished(self, task_runs: int, record: Mapping[str, Any] | None, product: str) -> None:
        """Say where the product is."""
        if record is not None:
            _logger().info("product: %s (%d task runs)", product, task_runs)


def _logger() -> Any:
    from prefect.logging import get_run_logger  # noqa: PLC0415 - the terminal's watcher must not wait for Prefect

    return get_run_logger()


_watcher: ContextVar[Watcher] = ContextVar("watcher", default=ToLog())  # noqa: B039 - it has no state


@contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Tell ``watcher`` instead of the log what happens in the block."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def watcher() -> Watcher:
    """Whoever is to be told."""
    return _watcher.get()


def report(line: str) -> None:
    """Put a line into the log, and tell whoever watches."""
    _logger().info("%s", line)
    watcher().reported(line)


def warn(line: str) -> None:
    """Likewise, of something that is not as it should be."""
    _logger().warning("%s", line)
    watcher().reported(f"warning: {line}")
