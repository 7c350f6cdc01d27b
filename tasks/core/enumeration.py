"""Names in a sentence: a few of them, and how many more there are."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from tasks.core.terminal_text import on_one_line

NAMED_AT_MOST = 3

T = TypeVar("T")


def enumerated(items: Iterable[T], at_most: int = NAMED_AT_MOST, name_of: Callable[[T], str] = str) -> str:
    """The first names on one line: ``a.jp2, b.jp2, c.jp2 and 4 more``; of the others not even the names are made."""
    known = list(items)
    more = len(known) - at_most
    named = ", ".join(on_one_line(name_of(item)) for item in known[:at_most])
    return named + (f" and {more:,} more" if more > 0 else "")
