"""SIGTERM and SIGHUP end a command as Ctrl-C does: what it started is stopped, what it computed is kept."""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], object] | signal.Handlers

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
    in_main_thread = threading.current_thread() is threading.main_thread()
    ours = [number for number in SIGNALS if in_main_thread and signal.getsignal(number) is signal.SIG_DFL]
    with _handled(ours, _raise):
        yield


def uninterrupted() -> AbstractContextManager[None]:
    """Let no signal cut the block short: it ends by itself within a known time."""
    return _handled((signal.SIGINT, *SIGNALS), signal.SIG_IGN)


@contextmanager
def _handled(numbers: Iterable[int], handler: Handler) -> Iterator[None]:
    former = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, before in former.items():
            signal.signal(number, before)


def _raise(number: int, _: FrameType | None) -> None:
    raise Interrupted(number)
