"""The terminal as this program writes to it: text made safe, and no fault of a run when nobody can read it."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, TextIO, cast

from rich.console import Console
from rich.text import Text

from flows.command_line.options import as_options
from tasks.core.text import safe_text


class Unfailing:
    """A stream that may break, fill up, or lack letters: it then takes no more, or shows others instead."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be written."""
        encoding = self._stream.encoding or "utf-8"
        self._attempt(lambda: self._stream.write(text.encode(encoding, errors="replace").decode(encoding)))
        return len(text)

    def flush(self) -> None:
        """Send what is written on its way."""
        self._attempt(self._stream.flush)

    def _attempt(self, act: Callable[[], object]) -> None:
        """Do it; where the stream breaks, all that follows goes nowhere: its buffer would end the process badly."""
        with suppress(OSError, ValueError):  # ValueError: a stream that is closed
            try:
                act()
            except OSError:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)
                self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class SafeConsole(Console):
    """A console that makes all text safe, and names options: whoever prints need not think of it."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Text as it is shown."""
        return super().render_str(as_options(safe_text(text)), **options)


def make_console() -> Console:
    """A console on standard output."""
    return SafeConsole(file=None if sys.stdout is None else cast("IO[str]", Unfailing(sys.stdout)))


def replace_missing_letters() -> None:
    """Let letters that the terminal lacks be shown as others, wherever they are printed."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # none, or not a stream of text
            cast("Any", stream).reconfigure(errors="replace")


def print_error(line: str) -> None:
    """Write a line, made safe and with options named as such, to standard error."""
    if sys.stderr is not None:
        stream = Unfailing(sys.stderr)
        stream.write(f"{as_options(safe_text(line))}\n")
        stream.flush()
