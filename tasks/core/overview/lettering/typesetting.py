"""Lines of text as pictures, and how wide they are."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from tasks.core.arrays import FloatArray
from tasks.core.overview.lettering.text_runs import ELLIPSIS, Run, clusters, one_line, runs

MEASURED_PX = 64.0
THICKENING = 1 / 40  # of the letters' size: how much wider strokes make bold of upright


@lru_cache(maxsize=8192)
def width_of(text: str, *, bold: bool = False) -> float:
    """Width of a line, in sizes of its letters."""
    return sum(advances(text, bold=bold))


@lru_cache(maxsize=8192)
def advances(text: str, *, bold: bool = False) -> tuple[float, ...]:
    """Widths of a line's runs, in sizes of its letters."""
    return tuple(_length(run, MEASURED_PX) / MEASURED_PX for run in runs(text, bold=bold))


def wrapped(text: str, width: float, *, bold: bool = False, at_most: int | None = None) -> list[str]:
    """Lines no wider than ``width`` sizes of their letters; the last of too many ends in an ellipsis."""
    lines = list(_lines(one_line(text), width, bold=bold))
    if at_most is None or len(lines) <= at_most:
        return lines
    return [*lines[: at_most - 1], fitted(" ".join(lines[at_most - 1 :]), width, bold=bold)]


def fitted(text: str, width: float, *, bold: bool = False) -> str:
    """As much of a line as is no wider; an ellipsis says that there is more."""
    if width_of(text, bold=bold) <= width:
        return text
    parts = clusters(one_line(text))
    low, high = 0, len(parts)
    while low < high:
        middle = (low + high + 1) // 2
        fits = width_of("".join(parts[:middle]).rstrip() + ELLIPSIS, bold=bold) <= width
        low, high = (middle, high) if fits else (low, middle - 1)
    return "".join(parts[:low]).rstrip() + ELLIPSIS


def ink(
    text: str, size_px: float, *, bold: bool = False, paths: tuple[str, ...] | None = None
) -> tuple[FloatArray, float, float]:
    """A line as a picture: how much ink is on each pixel (0 to 1), its width, and where its baseline is, pixels.

    ``paths`` are the fonts that there are; by default those of this machine.
    """
    pieces = runs(text, bold=bold, paths=paths)
    widths = [_length(run, size_px) for run in pieces]
    pad = round(size_px)
    canvas = Image.new("L", (round(sum(widths)) + 2 * pad, round(3 * size_px)))
    pen, left, baseline = ImageDraw.Draw(canvas), float(pad), 2 * size_px
    for run, width in zip(pieces, widths, strict=True):
        font, stroke = _font(run.font.path, size_px), size_px * THICKENING if run.font.is_thickened else 0
        pen.text((left, round(baseline)), run.text, 255, font, "ls", stroke_width=stroke, direction=_direction(run))
        left += width
    return np.asarray(canvas, np.float64) / 255, sum(widths), float(round(baseline))


def _lines(text: str, width: float, *, bold: bool) -> Iterator[str]:
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if width_of(longer, bold=bold) <= width:
            line = longer
            continue
        if line:
            yield line
        *full, line = _cut(word, width, bold=bold)
        yield from full
    if line:
        yield line


def _cut(word: str, width: float, *, bold: bool) -> list[str]:
    """A word in pieces no wider: scripts without blanks, paths."""
    if width_of(word, bold=bold) <= width:
        return [word]
    pieces = [""]
    for cluster in clusters(word):
        if pieces[-1] and width_of(pieces[-1] + cluster, bold=bold) > width:
            pieces.append("")
        pieces[-1] += cluster
    return pieces


def _length(run: Run, size_px: float) -> float:
    extra = 2 * size_px * THICKENING * len(run.text) / 4 if run.font.is_thickened else 0.0
    return _font(run.font.path, size_px).getlength(run.text, direction=_direction(run)) + extra


def _direction(run: Run) -> str | None:
    if run.font.path is None or not _has_shaping():  # Pillow's own font knows Latin letters alone, without shaping
        return None
    return "rtl" if run.leftwards else "ltr"


@lru_cache(maxsize=1)
def _has_shaping() -> bool:
    return bool(features.check("raqm"))


@lru_cache(maxsize=256)
def _font(path: str | None, size_px: float) -> ImageFont.FreeTypeFont:
    if path is not None:
        return ImageFont.truetype(path, size_px)
    own = ImageFont.load_default(size_px)
    if not isinstance(own, ImageFont.FreeTypeFont):
        raise TypeError("Pillow is built without FreeType: install its wheel")
    return own
