"""What a terminal may be given."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.text import on_one_line, safe_text

HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.text(st.characters(codec=None)))
def test_nothing_that_controls_a_terminal_is_left(text: str) -> None:
    """Neither controls nor marks of direction nor halves of characters, in whatever order; lines and tabs stay."""
    shown = safe_text(text)
    assert not [mark for mark in shown if unicodedata.category(mark) in HARMFUL and mark not in "\n\t"]
    assert "\n" not in on_one_line(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ü 洪水 \N{EN DASH} a.jp2\n\tb", "Ü 洪水 \N{EN DASH} a.jp2\n\tb"),
        ("town\x1b[2J\x1b]0;title\x07.jp2", "town[2J]0;title.jp2"),
        ("a\N{RIGHT-TO-LEFT OVERRIDE}2pj.exe", "a2pj.exe"),
        ("\x9b31mred\r\b", "31mred"),
        ("caf\udce9.jp2", "caf\N{REPLACEMENT CHARACTER}.jp2"),
        ("a\N{NO-BREAK SPACE}b\N{LINE SEPARATOR}c", "a b c"),
        ("https://user:pass\x1bword@host/x", "https://host/x"),
    ],
)
def test_text_stays_readable(text: str, shown: str) -> None:
    """Letters of all scripts stay; what hides a credential from a search is gone before the search."""
    assert safe_text(text) == shown
