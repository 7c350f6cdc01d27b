"""Text for people: names in a sentence, messages without this machine's folders, and what a terminal may be given.

A name may hold escape sequences, which recolour, overwrite or answer for the reader; marks that turn the direction of
what follows; and bytes that are no text at all.

A product is handed on, to people who have nothing to do with these folders and should not learn of them.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from tasks.core.redaction import redact

KEPT = frozenset("\n\t")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def safe_text(text: object) -> str:
    """Text without control characters, and without credentials; lines stay lines."""
    return str(redact("".join(mark if mark.isprintable() or mark in KEPT else _instead(mark) for mark in str(text))))


def on_one_line(text: object) -> str:
    """The same on one line: a line break in a name would look like another message."""
    return " ".join(safe_text(text).split())


def _instead(mark: str) -> str:
    """Something to see for what is no text, a blank for other separators, nothing for what only controls."""
    category = unicodedata.category(mark)
    if category == "Cs":
        return REPLACEMENT
    return " " if category.startswith("Z") else ""


NAMED_AT_MOST = 3

T = TypeVar("T")


def enumerated(items: Iterable[T], at_most: int = NAMED_AT_MOST, name_of: Callable[[T], str] = str) -> str:
    """The first names on one line: ``a.jp2, b.jp2, c.jp2 and 4 more``; of the others not even the names are made."""
    known = list(items)
    more = len(known) - at_most
    named = ", ".join(on_one_line(name_of(item)) for item in known[:at_most])
    return named + (f" and {more:,} more" if more > 0 else "")


# The folders of an absolute local path; in "s3://bucket/key" and in the name of a log group of AWS there are none.
FOLDERS = re.compile(r"""(?<![\w/:.~-])/(?!aws/)(?:[^\s/:;,'"()]+/)+""")


def counted(number: int, noun: str) -> str:
    """``1 tile``, ``1,200 tiles``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def without_folders(text: str, places: Sequence[str]) -> str:
    """The text with files named by their names alone, or by their paths below a place that is known.

    Args:
        text: A message; it may name files of this machine.
        places: Local folders, absolute: their names may hold what cannot be told from the text around them.
    """
    for place in sorted(filter(None, places), key=len, reverse=True):
        if place.startswith("/"):
            text = text.replace(f"{place.rstrip('/')}/", "")
    return FOLDERS.sub("", text)
