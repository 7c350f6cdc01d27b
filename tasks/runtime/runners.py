"""Where tile tasks run: in threads of the flow's process, or on a Dask cluster."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from prefect import State, Task
from prefect.task_runners import ThreadPoolTaskRunner

TILES_AT_ONCE = max(2, os.cpu_count() or 2)
# Threads that there may be; one is made when a task needs it, and the stream bounds how many do.
MOST_THREADS = 1024


class TileFuture(Protocol):
    """A task that has been handed over; Prefect's futures are such."""

    @property
    def state(self) -> State[Any]:
        """What it has ended in, after ``wait``."""
        ...

    def wait(self) -> None:
        """Return when it has ended."""
        ...

    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        """Have it called, with this future, when the task has ended."""
        ...


class TileRunner(Protocol):
    """Starts tasks; used by one thread."""

    @property
    def places(self) -> int:
        """Tasks that keep it busy."""
        ...

    def submit(self, task: Task[..., Any], arguments: dict[str, Any]) -> TileFuture:
        """Take a task; it may wait for others that go with it."""
        ...

    def flush(self) -> None:
        """Start what waits: nobody has more to submit for now."""
        ...


class Threads:
    """Runs tasks in threads of this process."""

    def __init__(self, runner: ThreadPoolTaskRunner[Any]) -> None:
        self._runner = runner

    @property
    def places(self) -> int:
        """As many as there are processors, and at least two, for a task that fetches leaves its processor idle."""
        return TILES_AT_ONCE

    def submit(self, task: Task[..., Any], arguments: dict[str, Any]) -> TileFuture:
        """Start it at once."""
        return self._runner.submit(task, arguments)

    def flush(self) -> None:
        """Nothing waits."""


@contextmanager
def threads() -> Iterator[Threads]:
    """Threads of this process, until the block ends."""
    with ThreadPoolTaskRunner[Any](max_workers=MOST_THREADS) as runner:
        yield Threads(runner)
