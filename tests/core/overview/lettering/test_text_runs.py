"""Text of any script: fonts found run by run, directions, codes for what no font has, lines that fit."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.overview.lettering import font_files
from tasks.core.overview.lettering.text_runs import runs
from tasks.core.overview.lettering.typesetting import fitted, ink, width_of, wrapped

NO_FONTS: tuple[str, ...] = ()
SCRIPTS = {
    "Arabic": "فيضان",
    "Thai": "น้ำท่วม",
    "Devanagari": "बाढ़",
    "Chinese": "洪水",
    "Greek": "Πλημμύρα",
    "Cyrillic": "наводнение",
    "Hebrew": "שיטפון",
    "Latin": "Überschwemmung",
}


def _skip_without_font(text: str) -> None:
    if any(font_files.font_with(mark, bold=False) is None for mark in text):
        pytest.skip(f"no font of this machine has {text}")


def _inked(text: str) -> np.ndarray:
    shade = ink(text, 40)[0]
    return np.asarray(shade[:, shade.any(axis=0)])


def _written(text: str) -> str:
    """What stands on the line from left to right, each run as it is seen."""
    return "".join(run.text[::-1] if run.leftwards else run.text for run in runs(text))


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_script_is_drawn_and_is_not_the_box_for_what_is_missing(name: str) -> None:
    """Its letters are there, differ from one another's pictures, and from what a font draws for want of a letter."""
    text = SCRIPTS[name]
    _skip_without_font(text)
    drawn, missing = _inked(text), _inked("\N{REPLACEMENT CHARACTER}" * len(text))
    assert drawn.sum() > 100
    assert drawn.shape != missing.shape or not np.array_equal(drawn, missing)
    others = [_inked(other) for one, other in SCRIPTS.items() if one != name]
    assert not any(drawn.shape == other.shape and np.array_equal(drawn, other) for other in others)
    assert "[U+" not in _written(text)


@pytest.mark.parametrize("name", SCRIPTS)
def test_fonts_have_what_their_tables_say(name: str) -> None:
    """Another reader of fonts finds each character in the font that was chosen for it."""
    fonts = pytest.importorskip("fontTools.ttLib")
    _skip_without_font(SCRIPTS[name])
    for run in runs(SCRIPTS[name]):
        if run.font.path is not None:
            table = fonts.TTFont(run.font.path, fontNumber=0, lazy=True).getBestCmap()
            assert {ord(mark) for mark in run.text} <= set(table)


def test_without_any_font_text_is_latin_letters_and_codes() -> None:
    """Pillow's own font draws what it has, accents fall away, and other letters are named by their code."""
    found = runs("Ünï m² 洪", paths=NO_FONTS)
    assert "".join(run.text for run in found) == "Uni m2 [U+6D2A]"
    assert {run.font.path for run in found} == {None}
    thin, thick = (ink("Flood 洪", 40, bold=bold, paths=NO_FONTS)[0].sum() for bold in (False, True))
    assert thick > thin > 1000


def test_what_no_font_has_is_named_by_its_code() -> None:
    """A character of private use is no letter, whatever a font draws for it."""
    assert _written("a \ue123 b") == "a [U+E123] b"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Flood שלום 12", "Flood 12 םולש"),
        ("שלום (2021) abc", "abc (2021) םולש"),
        ("abc שלום (2021) def", "abc )2021( םולש def"),
        ("שלום abc שלום", "םולש abc םולש"),
        ("שלום 2021-04-03", "2021-04-03 םולש"),
    ],
)
def test_directions_are_those_of_the_bidirectional_algorithm(text: str, seen: str) -> None:
    """Words read leftwards stand the other way round, numbers and Latin words in them do not (UAX 9)."""
    _skip_without_font("שלום")
    mirrored = str.maketrans("()", ")(")  # the renderer mirrors brackets of what is read leftwards
    assert _written(text) in (seen, seen.translate(mirrored))


@settings(max_examples=25, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N", "P", "Z", "M"]), max_size=30))
def test_any_text_can_be_measured_and_drawn(text: str) -> None:
    """No name makes the sheet fail, and no letter is lost: what is written is the text, or codes."""
    shade, width, _ = ink(text, 12)
    assert np.isfinite(shade).all()
    assert width >= 0
    letters = sum(unicodedata.category(mark).startswith(("L", "N")) for mark in text)
    assert letters == 0 or len(_written(text)) > 0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text("abc 洪水déf", min_size=1, max_size=20), max_size=8), st.floats(3, 20))
def test_lines_fit_and_hold_all_words(words: list[str], width: float) -> None:
    """No line is wider than asked for, but for a single mark, which without its font is written as its code.

    Together they are the text without its blanks.
    """
    text = " ".join(words)
    lines = wrapped(text, width)
    assert all(width_of(line) <= width or len(line) == 1 for line in lines)
    assert "".join(lines).replace(" ", "") == "".join(text.split())


def test_what_is_too_long_ends_in_an_ellipsis() -> None:
    """A reader sees that there was more."""
    assert fitted("Überschwemmung", 4).endswith("…")
    assert width_of(fitted("Überschwemmung", 4)) <= 4
    assert wrapped("one two three four five six", 4, at_most=2)[-1].endswith("…")
    assert fitted("short", 40) == "short"
