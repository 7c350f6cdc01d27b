"""SIGTERM and SIGHUP end a command as Ctrl-C does: what it started is stopped, what it computed is kept."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGHUP)
SHELL_BASE = 128


class Interrupted(KeyboardInterrupt):
    """A signal asked this process to end.

    Attributes:
        status: The exit status by which a shell knows the signal.
    """

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__()
        self.status = SHELL_BASE + number


@contextmanager
def interruptible() -> Iterator[None]:
    """Let the signals raise ``Interrupted`` in the block; one that this process was told to ignore stays ignored."""
    former = {number: signal.getsignal(number) for number in SIGNALS}
    ours = [number for number in SIGNALS if former[number] is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        ours = []
    for number in ours:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, former[number])


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let no signal cut the block short: it ends by itself within a known time."""
    former = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, *SIGNALS)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _raise(number: int, _: FrameType | None) -> None:
    raise Interrupted(number)
