"""Reads what lies elsewhere in order and ahead of its use: else each tile would wait for a way to S3 and back."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

READS_AT_ONCE = 16

Item = TypeVar("Item")
Read = TypeVar("Read")


def read_ahead(
    read: Callable[[Item], Read], items: Iterable[Item], at_once: int = READS_AT_ONCE
) -> Generator[Read, None, None]:
    """What is read of each item, in their order; so many are read at once, and no more lie ready.

    Args:
        read: Reads one, in a thread, with the caller's context: its messages go to the log of the caller's run.
        items: Taken as they are needed.
        at_once: How many.
    """
    waiting: deque[Future[Read]] = deque()
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(copy_context().run, read, item))
                if len(waiting) == at_once:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
