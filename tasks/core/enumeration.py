"""Names in a sentence: a few of them, and how many more there are."""

from collections.abc import Iterable

from tasks.core.terminal_text import on_one_line

NAMED_AT_MOST = 3


def enumerated(names: Iterable[str], at_most: int = NAMED_AT_MOST) -> str:
    """The first names on one line: ``a.jp2, b.jp2, c.jp2 and 4 more``."""
    known = [on_one_line(name) for name in names]
    more = len(known) - at_most
    return ", ".join(known[:at_most]) + (f" and {more:,} more" if more > 0 else "")
