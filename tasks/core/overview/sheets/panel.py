"""The panel of a sheet: blocks of rows under headings, in one or more columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tasks.core.overview.canvas import INK, Canvas, Colour, Style
from tasks.core.overview.lettering.typesetting import fitted, width_of, wrapped
from tasks.core.overview.map_frame import Box
from tasks.core.overview.place_marks import number_mark
from tasks.core.overview.signs import Sign

BODY, HEADING, NUMERAL = 3.1, 3.3, 6.6
UNIT_SHARE, UNIT_GAP = 0.6, 0.2  # of a numeral's size
LEADING = 1.32  # of the letters' size
ACCENT: Colour = (120, 62, 16)
QUIET: Colour = (105, 100, 95)
RULE: Colour = (200, 196, 190)
SWATCH = Box(0, 0, 8.0, 4.4)
DARK_GROUND = Style(fill=(62, 52, 70))
ZOOMS = (1.4, 1.3, 1.2, 1.1, 1.0, 0.93, 0.86, 0.8, 0.74, 0.68)
GAP, GUTTER = 3.4, 6.0
ENDING = "More in report.md."


class Row(Protocol):
    """A part of a block."""

    def height(self, width: float, zoom: float) -> float:
        """How high it is, mm."""

    def draw(self, canvas: Canvas, place: tuple[float, float], width: float, zoom: float) -> None:
        """Draw it; ``place`` is its upper left corner."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Text in as many lines as it takes, but no more than ``at_most``."""

    text: str
    colour: Colour = INK
    bold: bool = False
    at_most: int = 8

    def height(self, width: float, zoom: float) -> float:
        """Of its lines."""
        return len(self._lines(width, zoom)) * BODY * LEADING * zoom + 0.8 * zoom

    def draw(self, canvas: Canvas, place: tuple[float, float], width: float, zoom: float) -> None:
        """Line by line."""
        size = BODY * zoom
        for number, line in enumerate(self._lines(width, zoom)):
            baseline = place[1] + size * (LEADING * number + 1)
            canvas.text((place[0], baseline), line, size, bold=self.bold, colour=self.colour)

    def _lines(self, width: float, zoom: float) -> list[str]:
        return wrapped(self.text, width / (BODY * zoom) * 0.98, bold=self.bold, at_most=self.at_most)


@dataclass(frozen=True, slots=True)
class Numeral:
    """A large number with its unit, and what it is of below."""

    value: str
    unit: str
    label: str
    colour: Colour = INK

    def height(self, width: float, zoom: float) -> float:
        """Of number and label."""
        del width
        return (NUMERAL * 1.12 + BODY * LEADING + 0.8) * zoom

    def draw(self, canvas: Canvas, place: tuple[float, float], width: float, zoom: float) -> None:
        """The unit is beside the number."""
        (left, top), foot = place, NUMERAL * zoom
        value_width, unit_width = width_of(self.value, bold=True), width_of(self.unit) * UNIT_SHARE
        size = min(foot, width / (value_width + unit_width + UNIT_GAP) * 0.96)
        canvas.text((left, top + foot), self.value, size, bold=True, colour=self.colour)
        beside = left + (value_width + UNIT_GAP) * size
        canvas.text((beside, top + foot), self.unit, size * UNIT_SHARE, colour=self.colour)
        label = fitted(self.label, width / (BODY * zoom) * 0.98)
        canvas.text((left, top + foot + BODY * LEADING * zoom), label, BODY * zoom, colour=QUIET)


@dataclass(frozen=True, slots=True)
class Side:
    """Two rows beside each other."""

    first: Row
    second: Row

    def height(self, width: float, zoom: float) -> float:
        """Of the higher one."""
        return max(row.height(width / 2, zoom) for row in (self.first, self.second))

    def draw(self, canvas: Canvas, place: tuple[float, float], width: float, zoom: float) -> None:
        """Half of the width each."""
        self.first.draw(canvas, place, width / 2 - 1, zoom)
        self.second.draw(canvas, (place[0] + width / 2, place[1]), width / 2 - 1, zoom)


@dataclass(frozen=True, slots=True)
class Pair:
    """A name and its value."""

    name: str
    value: str
    share: float = 0.36

    def height(self, width: float, zoom: float) -> float:
        """Of the value's lines."""
        return self._value().height(width * (1 - self.share), zoom)

    def draw(self, canvas: Canvas, place: tuple[float, float], width: float, zoom: float) -> None:
        """The value in a column of its own."""
        left = width * self.share
        name = fitted(self.name, (left - 1) / (BODY * zoom))
        canvas.text((place[0], place[1] + BODY * zoom), name, BODY * zoom, colour=QUIET)
        self._value().draw(canvas, (place[0] + left, place[1]), width - left, zoom)

    def _value(self) -> Paragraph:
        return Paragraph(self.value, at_most=4)


@dataclass(frozen=True, slots=True)
class Cells:
    """A row of a table: the first cell on the left, the others against their columns' right edges."""

    cells: tuple[str, ...]
    is_head: bool = False

    def height(self, width: float, zoom: float) -> float:
        """Of one line."""
        del width
        return BODY * LEADING * zoom + 0.8 * zoom

    def draw(self, canvas: Canvas, place: tuple[float, float], width: float, zoom: float) -> None:
        """Columns share what the first leaves."""
        size, (left, top) = BODY * zoom, place
        colour, column = QUIET if self.is_head else INK, width * 0.66 / (len(self.cells) - 1)
        label = fitted(self.cells[0], width * 0.34 / size * 0.96)
        canvas.text((left, top + size), label, size, colour=colour)
        for number, cell in enumerate(self.cells[1:], 1):
            right = left + width * 0.34 + number * column
            text = fitted(cell, column / size * 0.96)
            canvas.text((right, top + size), text, size, bold=not self.is_head, colour=colour, anchor="right")
        if self.is_head:
            canvas.line(np.array([(left, top + size * 1.35), (left + width, top + size * 1.35)]), RULE, 0.2)


@dataclass(frozen=True, slots=True)
class Key:
    """A sign of the legend with its label."""

    sign: Sign

    def height(self, width: float, zoom: float) -> float:
        """Of swatch or label."""
        return max((SWATCH.height + 1.2) * zoom, self._label().height(width - (SWATCH.width + 2) * zoom, zoom))

    def draw(self, canvas: Canvas, place: tuple[float, float], width: float, zoom: float) -> None:
        """As on the map, on ground as dark as water."""
        left, top = place
        swatch = Box(left, top, SWATCH.width * zoom, SWATCH.height * zoom)
        draw_swatch(canvas, swatch, self.sign)
        beside = (SWATCH.width + 2) * zoom
        self._label().draw(canvas, (left + beside, top + 0.4 * zoom), width - beside, zoom)

    def _label(self) -> Paragraph:
        return Paragraph(self.sign.label, at_most=2)


@dataclass(frozen=True, slots=True)
class Block:
    """Rows under a heading; without rows it is left out."""

    heading: str
    rows: tuple[Row, ...]


def draw_swatch(canvas: Canvas, box: Box, sign: Sign) -> None:
    """Paint a small piece of map."""
    canvas.area([box.outline], DARK_GROUND)
    canvas.area([box.outline], sign.style)
    if sign.number:
        number_mark(canvas, sign.number, (box.left + box.width / 2, box.top + box.height / 2))


def draw_panel(canvas: Canvas, box: Box, columns: int, blocks: Sequence[Block]) -> None:
    """Draw blocks in columns, as large as they fit; what does not even fit small is left out, and that is said."""
    full = [block for block in blocks if block.rows]
    width = (box.width - GUTTER * (columns - 1)) / columns
    zoom = next((zoom for zoom in ZOOMS if _fits(full, width, box.height, columns, zoom)), ZOOMS[-1])
    rows = list(_placed(full, width, box.height, columns, zoom))
    for column, top, row in rows:
        if column < columns:
            row.draw(canvas, (box.left + column * (width + GUTTER), box.top + top), width, zoom)
    if any(column >= columns for column, _, _ in rows):
        canvas.text((box.right, box.bottom + 0.4), ENDING, BODY * zoom, bold=True, anchor="right")


@dataclass(frozen=True, slots=True)
class _Heading:
    text: str

    def height(self, width: float, zoom: float) -> float:
        del width
        return HEADING * 1.75 * zoom

    def draw(self, canvas: Canvas, place: tuple[float, float], width: float, zoom: float) -> None:
        left, top = place
        canvas.text((left, top + HEADING * zoom), self.text.upper(), HEADING * zoom, bold=True, colour=ACCENT)
        below = top + HEADING * 1.38 * zoom
        canvas.line(np.array([(left, below), (left + width, below)]), RULE, 0.25)


def _fits(blocks: Sequence[Block], width: float, height: float, columns: int, zoom: float) -> bool:
    return all(column < columns for column, _, _ in _placed(blocks, width, height, columns, zoom))


def _placed(
    blocks: Sequence[Block], width: float, height: float, columns: int, zoom: float
) -> Iterator[tuple[int, float, Row]]:
    """Column, distance from its top, and row; a block is broken only where it is higher than what a column holds."""
    column, top = 0, 0.0
    for block in blocks:
        rows: list[Row] = [_Heading(block.heading), *block.rows]
        heights = [row.height(width, zoom) for row in rows]
        starts_anew = top > 0 and top + (sum(heights) if columns > 1 else sum(heights[:2])) > height
        column, top = (column + 1, 0.0) if starts_anew else (column, top)
        for row, high in zip(rows, heights, strict=True):
            if top + high > height and top > 0:
                column, top = column + 1, 0.0
            yield column, top, row
            top += high
        top += GAP * zoom
