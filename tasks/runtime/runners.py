"""Where tile tasks run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

# Threads that there may be; one is made when a task needs it, and the stream bounds how many do.
MOST_THREADS = 1024


@contextmanager
def tile_runner() -> Iterator[TaskRunner[Any]]:
    """Threads of this process."""
    with ThreadPoolTaskRunner[Any](max_workers=MOST_THREADS) as runner:
        yield runner
