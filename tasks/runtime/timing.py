"""How long a stage took, also when it failed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Timing:
    """Elapsed wall-clock time of a block, 0 until it has ended."""

    seconds: float = 0.0


@contextmanager
def timed() -> Iterator[Timing]:
    """Measure the block; an exception that leaves it carries the time as its attribute ``seconds``."""
    timing = Timing()
    start = time.perf_counter()
    try:
        yield timing
    except Exception as error:
        error.seconds = time.perf_counter() - start  # type: ignore[attr-defined]
        raise
    finally:
        timing.seconds = time.perf_counter() - start


def seconds_of(error: BaseException | None) -> float:
    """The time that ``timed`` left on an exception; 0 where it did not."""
    return float(getattr(error, "seconds", 0.0))
