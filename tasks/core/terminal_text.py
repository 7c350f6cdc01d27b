"""Text as a terminal, or a log that is read in one, may be given: names of files and words of other programs are not.

A name may hold escape sequences, which recolour, overwrite or answer for the reader; marks that turn the direction of
what follows; and bytes that are no text at all.
"""

import unicodedata

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
