"""Text of any script as runs: each in one font and one direction, from the left to the right of the line.

Directions follow the Unicode Bidirectional Algorithm (Unicode Standard Annex 9) without its embeddings and isolates,
whose marks names of places do not carry. Shaping within a run is the renderer's.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from tasks.core.overview.lettering.font_files import FontFile, font_with, main_font
from tasks.core.redaction import redact
from tasks.core.text import safe_text

Paths = tuple[str, ...] | None

JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
STRONG = {"L": "L", "R": "R", "AL": "R"}
NUMBERS = ("EN", "AN")
BETWEEN_NUMBERS = ("CS", "ES", "ET")
PLAIN = {"\N{PRIME}": "'", "\N{DOUBLE PRIME}": '"', "\N{EN DASH}": "-", "\N{EM DASH}": "-"}
BRACKETS = {"(": ")", "[": "]", "{": "}"}
FOLLOWING = ("Mn", "Mc", "Me", "Cf")
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of a line.

    Attributes:
        text: In the order in which it is read.
        font: Has all of its characters.
        leftwards: Whether it is read from the right to the left.
    """

    text: str
    font: FontFile
    leftwards: bool


@lru_cache(maxsize=4096)
def runs(text: str, *, bold: bool = False, paths: Paths = None) -> tuple[Run, ...]:
    """The runs of a line, the leftmost first; what no font has is there by its code, ``[U+1F30A]``.

    ``paths`` are the fonts that there are; by default those of this machine.
    """
    drawable = "".join(_drawable(mark, bold=bold, paths=paths) for mark in one_line(text))
    ordered: list[Run] = []
    for piece, leftwards in _directions(drawable):
        ordered += list(_by_font(piece, leftwards=leftwards, bold=bold, paths=paths))[:: -1 if leftwards else 1]
    return tuple(ordered)


def one_line(text: str) -> str:
    """Text without what only controls, but with the joiners that some scripts are written with."""
    marks = str(redact(unicodedata.normalize("NFC", text)))
    return " ".join("".join(mark if _is_kept(mark) else safe_text(mark) for mark in marks).split())


def _is_kept(mark: str) -> bool:
    """Whether a mark is text, be it one that nobody can draw: of private use, or younger than this Python."""
    return mark in JOINERS or mark.isprintable() or unicodedata.category(mark) in ("Co", "Cn")


def clusters(text: str) -> list[str]:
    """Characters with the marks that go on them: where a word may be cut."""
    found: list[str] = []
    for mark in text:
        if found and unicodedata.category(mark) in FOLLOWING:
            found[-1] += mark
        else:
            found.append(mark)
    return found


def _drawable(mark: str, *, bold: bool, paths: Paths) -> str:
    """The character, its plain letter, or its code."""
    is_private = unicodedata.category(mark) == "Co"  # each font means something else by it
    if mark in JOINERS or mark == " " or (font_with(mark, bold=bold, paths=paths) is not None and not is_private):
        return mark
    plain = PLAIN.get(mark) or "".join(
        part for part in unicodedata.normalize("NFKD", mark) if not unicodedata.combining(part)
    )
    return plain if plain.isascii() and plain.isprintable() and plain else f"[U+{ord(mark):04X}]"


def _by_font(text: str, *, leftwards: bool, bold: bool, paths: Paths) -> Iterator[Run]:
    fonts: list[FontFile] = []
    for mark in text:
        fonts.append(_font(mark, fonts[-1] if fonts else None, bold=bold, paths=paths))
    for font, group in groupby(zip(fonts, text, strict=True), key=lambda pair: pair[0]):
        yield Run("".join(mark for _, mark in group), font, leftwards)


def _font(mark: str, previous: FontFile | None, *, bold: bool, paths: Paths) -> FontFile:
    follows = unicodedata.category(mark) in FOLLOWING or mark == " "
    if previous is not None and (follows or mark in JOINERS):
        return previous
    return font_with(mark, bold=bold, paths=paths) or main_font(bold=bold, paths=paths)


def _directions(text: str) -> list[tuple[str, bool]]:
    """Pieces of one direction, the leftmost first, and whether each is read leftwards."""
    levels = _levels(text)
    pieces = [(level, "".join(mark for _, mark in group)) for level, group in _by_level(levels, text)]
    for level in range(max(levels, default=0), 0, -1):
        pieces = _reversed_from(level, pieces)
    return [(piece, level % 2 == 1) for level, piece in pieces]


def _by_level(levels: Sequence[int], text: str) -> Iterator[tuple[int, Iterator[tuple[int, str]]]]:
    return groupby(zip(levels, text, strict=True), key=lambda pair: pair[0])


def _reversed_from(level: int, pieces: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Rule L2: what is of this level or higher stands the other way round."""
    ordered: list[tuple[int, str]] = []
    for is_inner, group in groupby(pieces, key=lambda piece: piece[0] >= level):
        ordered += list(group)[:: -1 if is_inner else 1]
    return ordered


def _levels(text: str) -> list[int]:
    kinds = [unicodedata.bidirectional(mark) for mark in text]
    base = next((STRONG[kind] for kind in kinds if kind in STRONG), "L")
    resolved = _neutral(_bracketed(text, _weak(kinds, base), base), base)
    levels = {"L": 2 if base == "R" else 0, "R": 1, "N": 2}
    return [levels[kind] for kind in resolved]


def _weak(kinds: list[str], base: str) -> list[str]:
    """Rules W1 to W7: L, R, N (a number among letters read leftwards) or empty for what takes its sides' direction."""
    resolved: list[str] = []
    strong = base
    for place, kind in enumerate(kinds):
        strong = STRONG.get(kind, strong)
        number = "L" if strong == "L" and kind != "AN" else "N"
        if kind in STRONG:
            resolved.append(strong)
        elif kind in ("NSM", "BN"):
            resolved.append(resolved[-1] if resolved else base)
        elif kind in NUMBERS or _joins(kinds, place):
            resolved.append(number)
        else:
            resolved.append("")
    return resolved


def _joins(kinds: list[str], place: int) -> bool:
    """Whether a mark joins two numbers to one, as in 2021-04-03."""
    sides = kinds[place - 1 : place] + kinds[place + 1 : place + 2] if place else []
    return kinds[place] in BETWEEN_NUMBERS and len(sides) == 2 and all(side in NUMBERS for side in sides)  # noqa: PLR2004


def _bracketed(text: str, kinds: Sequence[str], base: str) -> list[str]:
    """Rule N0: a pair of brackets has the direction of what is in it if that is the line's, else that from before."""
    resolved, opened = list(kinds), list[int]()
    for place, mark in enumerate(text):
        if mark in BRACKETS:
            opened.append(place)
        elif mark in BRACKETS.values() and opened and BRACKETS[text[opened[-1]]] == mark:
            first = opened.pop()
            inside = {_side(kind) for kind in resolved[first:place] if kind}
            before = next((_side(kind) for kind in reversed(resolved[:first]) if kind), base)
            if inside:
                resolved[first] = resolved[place] = base if base in inside else before
    return resolved


def _side(kind: str) -> str:
    """The direction that a number counts as."""
    return "R" if kind == "N" else kind


def _neutral(kinds: Sequence[str], base: str) -> list[str]:
    """Rules N1 and N2: what stands between two of one direction has it, all else the line's."""
    resolved, before = [], base
    groups = [(kind, len(list(group))) for kind, group in groupby(kinds)]
    for place, (kind, count) in enumerate(groups):
        after = groups[place + 1][0] if place + 1 < len(groups) else base
        sides = {_side(before), _side(after)}
        resolved += [kind or (sides.pop() if len(sides) == 1 else base)] * count
        before = kind or before
    return resolved
