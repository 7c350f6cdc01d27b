"""The page around a map: title, legend, scale bar, notes. Text is ASCII: cv2's own fonts have nothing else."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import wrap

import cv2
import numpy as np

from tasks.core.arrays import UInt8Array
from tasks.core.overview.map_frame import MapFrame

Colour = tuple[int, int, int]

PAPER: Colour = (244, 244, 244)
INK: Colour = (40, 40, 40)
FONT = cv2.FONT_HERSHEY_SIMPLEX
TITLE_SIZE, TEXT_SIZE = 0.9, 0.55
LINE_PX = 26
PAD_PX = 16
SWATCH_PX = (36, 18)
BAR_PX = 8
LEAST_WIDTH_PX = 720  # beside a map that is high and narrow the notes would be a column of single words


@dataclass(frozen=True, slots=True)
class Sign:
    """A legend's entry: what it is called, and what paints it on a small picture."""

    label: str
    paint: Callable[[UInt8Array], None]


def page(
    picture: UInt8Array, frame: MapFrame, *, title: str, legend: Sequence[Sign], notes: Sequence[str]
) -> UInt8Array:
    """The map with its title above, and legend, scale bar and notes below.

    Args:
        picture: The map, uint8 (height, width, 3), BGR.
        frame: Of the map.
        title: Characters that are not ASCII are written without accents or as ``?``.
        legend: In this order, in as many lines as it takes.
        notes: One paragraph each.
    """
    width = max(LEAST_WIDTH_PX, picture.shape[1] + 2 * PAD_PX)
    right = width - PAD_PX - picture.shape[1]
    columns = max(20, int((width - 2 * PAD_PX) / _text_width("x", TEXT_SIZE)))
    lines = [line for note in notes for line in wrap(ascii_text(note), columns)]
    blocks = [
        _title_block(ascii_text(title), width),
        cv2.copyMakeBorder(picture, 0, PAD_PX, PAD_PX, right, cv2.BORDER_CONSTANT, value=PAPER),
        *_legend_rows(legend, width),
        _scale_block(frame, width),
        *(_text_block(line, width) for line in lines),
        _blank(PAD_PX, width),
    ]
    return np.vstack(blocks)


def ascii_text(text: str) -> str:
    """ASCII for any text: accents dropped, other scripts as ``?``."""
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return "".join(c if c.isprintable() else " " for c in bare.encode("ascii", "replace").decode())


def put_text(picture: UInt8Array, text: str, column: int, baseline: int, size: float = TEXT_SIZE) -> None:
    """Write in ink."""
    cv2.putText(picture, text, (column, baseline), FONT, size, INK, 1, cv2.LINE_AA)


def _text_width(text: str, size: float) -> int:
    return int(cv2.getTextSize(text, FONT, size, 1)[0][0])


def _blank(height: int, width: int) -> UInt8Array:
    return np.full((height, width, 3), PAPER, dtype=np.uint8)


def _title_block(title: str, width: int) -> UInt8Array:
    block = _blank(3 * PAD_PX, width)
    room = width - 2 * PAD_PX
    size = min(TITLE_SIZE, TITLE_SIZE * room / max(1, _text_width(title, TITLE_SIZE)))
    put_text(block, title, PAD_PX, 2 * PAD_PX, max(0.3, size))
    return block


def _text_block(line: str, width: int) -> UInt8Array:
    block = _blank(LINE_PX, width)
    put_text(block, line, PAD_PX, LINE_PX - 8)
    return block


def _legend_rows(legend: Sequence[Sign], width: int) -> list[UInt8Array]:
    rows, row, column = [], _blank(LINE_PX, width), PAD_PX
    for sign in legend:
        needed = SWATCH_PX[0] + PAD_PX // 2 + _text_width(sign.label, TEXT_SIZE)
        if column > PAD_PX and column + needed > width - PAD_PX:
            rows.append(row)
            row, column = _blank(LINE_PX, width), PAD_PX
        swatch = row[4 : 4 + SWATCH_PX[1], column : column + SWATCH_PX[0]]
        sign.paint(swatch)
        put_text(row, sign.label, column + SWATCH_PX[0] + PAD_PX // 2, LINE_PX - 8)
        column += needed + 2 * PAD_PX
    return [*rows, row]


def _scale_block(frame: MapFrame, width: int) -> UInt8Array:
    block = _blank(LINE_PX + PAD_PX, width)
    length, label = frame.scale_bar((width - 2 * PAD_PX) / 4)
    ends, top = (PAD_PX, PAD_PX + round(length)), PAD_PX // 2 + 4
    middle = (ends[0] + ends[1]) // 2
    cv2.rectangle(block, (ends[0], top), (middle, top + BAR_PX), INK, cv2.FILLED)
    cv2.rectangle(block, (ends[0], top), (ends[1], top + BAR_PX), INK, 1)
    put_text(block, label, ends[1] + PAD_PX // 2, top + BAR_PX + 2)
    arrow, foot = ends[1] + 2 * PAD_PX + _text_width(label, TEXT_SIZE), top + BAR_PX
    cv2.arrowedLine(block, (arrow, foot + 4), (arrow, foot - 14), INK, 1, cv2.LINE_AA, tipLength=0.4)
    put_text(block, "grid north", arrow + PAD_PX // 2, foot + 2)
    return block
