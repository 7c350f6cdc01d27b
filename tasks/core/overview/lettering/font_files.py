"""Fonts of this machine, and which characters each has: none is carried along, and none may be there at all.

The table ``cmap`` of a font says which characters it has (OpenType specification 1.9.1, "cmap - Character to Glyph
Index Mapping Table"; its formats 4 and 12 are those in use).
"""

import importlib.util
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ImageFont

from tasks.core.arrays import IntArray

FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "C:/Windows/Fonts",
)
ENDINGS = (".ttf", ".otf", ".ttc")
# What most of a sheet is set in, the first that is there: upright and bold, by file name.
FAMILIES = (
    ("NotoSans-Regular.ttf", "NotoSans-Bold.ttf"),
    ("LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"),
    ("Arial.ttf", "Arial Bold.ttf"),
    ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
)
# Of fonts that have a character the plainest is taken: the one whose name has fewest of these.
ODD = (
    *("serif", "mono", "italic", "oblique", "bold", "thin", "light", "black", "medium", "condensed", "narrow"),
    *("display", "looped", "unjoined", "kufi", "nastaliq", "supplement", "math", "emoji", "lastresort"),
)
UNICODE_TABLES = {(3, 10): 3, (0, 6): 3, (0, 4): 3, (3, 1): 2, (0, 3): 2, (0, 2): 1, (0, 1): 1, (0, 0): 1}
FORMAT_SEGMENTS, FORMAT_GROUPS = 4, 12
LAST_CHARACTER = 0x10FFFF


@dataclass(frozen=True, slots=True)
class FontFile:
    """A font, and whether bold text must be thickened as it has no bold sibling; without path it is Pillow's own."""

    path: str | None
    is_thickened: bool = False


@lru_cache(maxsize=1)
def found() -> tuple[str, ...]:
    """Paths of all fonts, the plainest first."""
    package = importlib.util.find_spec("matplotlib")
    places = [Path(place).expanduser() for place in FOLDERS]
    places += [Path(package.origin).parent / "mpl-data/fonts/ttf"] if package is not None and package.origin else []
    files = {str(path) for place in places if place.is_dir() for path in place.rglob("*") if _is_font(path)}
    return tuple(sorted(files, key=lambda path: (_oddity(path), Path(path).name, path)))


@lru_cache(maxsize=8)
def main_font(*, bold: bool, paths: tuple[str, ...] | None = None) -> FontFile:
    """What is tried first for every character; ``paths`` are the fonts that there are, by default those found."""
    by_name = {Path(path).name: path for path in reversed(found() if paths is None else paths)}
    for names in FAMILIES:
        if all(name in by_name for name in names) and has(by_name[names[bold]], "a"):
            return FontFile(by_name[names[bold]])
    return FontFile(None, is_thickened=bold)


@lru_cache(maxsize=4096)
def font_with(character: str, *, bold: bool, paths: tuple[str, ...] | None = None) -> FontFile | None:
    """The font for a character; None where no font has it."""
    first = main_font(bold=bold, paths=paths)
    if has(first.path, character):
        return first
    path = next((path for path in (found() if paths is None else paths) if has(path, character)), None)
    if path is not None:
        sibling = _bold_sibling(path)
        return FontFile(sibling) if bold and has(sibling, character) else FontFile(path, is_thickened=bold)
    return FontFile(None, is_thickened=bold) if has(None, character) else None


def has(path: str | None, character: str) -> bool:
    """Whether a font has a glyph for a character."""
    codes, code = _codes(path), ord(character)
    place = int(np.searchsorted(codes, code))
    return place < len(codes) and int(codes[place]) == code


def _bold_sibling(path: str) -> str:
    """Where the bold face of an upright font is, if there is one."""
    stem, dot, ending = path.rpartition(".")
    return f"{stem.removesuffix('-Regular')}-Bold{dot}{ending}"


def _is_font(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and path.is_file()


def _oddity(path: str) -> int:
    name = Path(path).name.lower()
    return sum(word in name for word in ODD)


@lru_cache(maxsize=1024)
def _codes(path: str | None) -> IntArray:
    """All characters of a font, in order; none where the file is not there, is broken, or holds bitmaps alone."""
    try:
        if path is None:
            return _read(BytesIO(_own_font()))
        with Path(path).open("rb") as file:
            return _read(file)
    except (OSError, ValueError, IndexError, struct.error):
        return np.empty(0, np.int64)


def _own_font() -> bytes:
    font = ImageFont.load_default(10)
    return font.font_bytes if isinstance(font, ImageFont.FreeTypeFont) else b""


@lru_cache(maxsize=256)
def is_postscript(path: str) -> bool:
    """Whether a font's outlines are PostScript's, which a PDF cannot embed as a TrueType font."""
    with Path(path).open("rb") as file:
        return not {b"CFF ", b"CFF2"}.isdisjoint(_tables(file))


def _tables(file: BinaryIO) -> dict[bytes, tuple[int, int]]:
    """Offset and size of a font's tables."""
    start = 0
    if file.read(4) == b"ttcf":  # a collection: its first face
        file.seek(12)
        (start,) = struct.unpack(">I", file.read(4))
    file.seek(start + 4)
    (tables,) = struct.unpack(">H", file.read(2))
    file.seek(start + 12)
    rows = struct.iter_unpack(">4sIII", file.read(16 * tables))
    return {tag: (offset, size) for tag, _, offset, size in rows}


def _read(file: BinaryIO) -> IntArray:
    places = _tables(file)
    if not {b"glyf", b"CFF ", b"CFF2"} & set(places):
        return np.empty(0, np.int64)
    offset, size = places.get(b"cmap", (0, 0))
    file.seek(offset)
    return _of_cmap(file.read(size))


def _of_cmap(cmap: bytes) -> IntArray:
    (count,) = struct.unpack_from(">H", cmap, 2)
    found = struct.iter_unpack(">HHI", cmap[4 : 4 + 8 * count])
    ranked = sorted((UNICODE_TABLES.get((platform, kind), 0), offset) for platform, kind, offset in found)
    if not ranked or not ranked[-1][0]:
        return np.empty(0, np.int64)
    table = cmap[ranked[-1][1] :]
    (form,) = struct.unpack_from(">H", table)
    ranges = {FORMAT_SEGMENTS: _segments, FORMAT_GROUPS: _groups}.get(form)
    return np.unique(np.concatenate([np.empty(0, np.int64), *(ranges(table) if ranges else ())]))


def _groups(table: bytes) -> Iterator[IntArray]:
    (count,) = struct.unpack_from(">I", table, 12)
    for first, last, glyph in struct.iter_unpack(">III", table[16 : 16 + 12 * count]):
        if last <= LAST_CHARACTER:
            yield np.arange(first + (glyph == 0), last + 1)


def _segments(table: bytes) -> Iterator[IntArray]:
    """Of each segment the characters whose glyph is not 0, which stands for all that are missing."""
    (size, _, twice) = struct.unpack_from(">HHH", table, 2)
    words = np.frombuffer(table[: size // 2 * 2], ">u2").astype(np.int64)
    count, begin = twice // 2, 7
    lasts, firsts, deltas = words[begin:], words[begin + count + 1 :], words[begin + 2 * count + 1 :]
    offsets = words[begin + 3 * count + 1 :]
    for segment in range(count):
        codes = np.arange(firsts[segment], lasts[segment] + 1)
        glyphs = codes
        if offsets[segment]:
            # Counted in bytes from where the offset itself stands.
            glyphs = offsets[np.minimum(segment + offsets[segment] // 2 + codes - firsts[segment], len(offsets) - 1)]
            codes = codes[glyphs != 0]
            glyphs = glyphs[glyphs != 0]
        yield codes[(glyphs + deltas[segment]) % 0x10000 != 0]
