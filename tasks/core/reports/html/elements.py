"""Elements of the page. Whatever comes from outside is text here, never markup: names of files, errors of others."""

import html
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from tasks.core.text import on_one_line

TEXT_CHARACTERS = 600
CACHED = 50_000
FIGURE = "figure"  # kind of a cell that holds a number of our own
NO_FIGURE = "\N{EN DASH}"  # of a tile without an answer: 0 would say that it was looked at
# By the ending of a column's name; what is squared comes before what is not.
UNITS = {"_m2": "m²", "_ha": "ha", "_px": "px", "_km": "km", "_pct": "%", "_m": "m"}
M2_PER_HECTARE = 10_000


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: What it shows.
        sort: What its column is sorted by instead of the text; NaN where there is no figure, which is sorted last.
        zoom: What a click on it shows on the map, as ``map_data`` calls a feature; None for nothing.
        kind: Class by which the style sheet knows it; empty for none. ``FIGURE`` promises that the text is a number's.
    """

    text: str
    sort: float | None = None
    zoom: str | None = None
    kind: str = ""


@lru_cache(maxsize=CACHED)
def one_line(value: str) -> str:
    """Text that can be shown, on one line: without controls, and without credentials. The same words come again."""
    return on_one_line(value)


def text(value: object) -> str:
    """Any value as text of the page, on one line."""
    line = one_line(str(value))
    return html.escape(line if len(line) <= TEXT_CHARACTERS else f"{line[: TEXT_CHARACTERS - 1]}…")


def paragraph(*sentences: object) -> str:
    """Sentences as text."""
    return f"<p>{' '.join(text(one) for one in sentences)}</p>"


def items(lines: Iterable[object]) -> str:
    """A list; empty where it would be."""
    rows = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f"<ul>{rows}</ul>" if rows else ""


def section(name: str, title: str, *contents: str) -> str:
    """A part of the page with its heading; ``name`` is its id."""
    return f'<section id="{text(name)}"><h2>{text(title)}</h2>\n{"".join(contents)}</section>\n'


def folded(title: str, *contents: str) -> str:
    """What only some readers want: folded until a click."""
    return f"<details><summary>{text(title)}</summary>\n{''.join(contents)}</details>\n"


def link(path: str) -> str:
    """A link to a file beside the page."""
    # With "./" in front a name with a colon is no scheme.
    return f'<a href="./{html.escape(quote(path, errors="surrogateescape"))}">{text(path)}</a>'


def table(heads: Sequence[str], rows: Iterable[Sequence[Cell | object]], *, caption: str, name: str = "") -> str:
    """A table that can be sorted; a word where it has no rows.

    Args:
        heads: Of the columns, in words.
        rows: Cells, or values that are shown as text.
        caption: What it is a table of.
        name: Its id; empty for none.
    """
    body = "\n".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in rows)
    if not body:
        return paragraph("None.")
    head = "".join(f'<th scope="col">{text(one)}</th>' for one in heads)
    id_ = f' id="{name}"' if name else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(caption)}"><table{id_} class="sortable">'
        f"<caption>{text(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>\n"
    )


def pairs(rows: Iterable[tuple[str, object]], *, caption: str) -> str:
    """A table of names and values; a word where it has no rows."""
    body = "\n".join(f'<tr><th scope="row">{text(name)}</th><td>{text(value)}</td></tr>' for name, value in rows)
    if not body:
        return paragraph("None.")
    return f'<table class="pairs"><caption>{text(caption)}</caption>\n{body}\n</table>\n'


def _cell(cell: Cell | object) -> str:
    if not isinstance(cell, Cell):
        return f"<td>{text(cell)}</td>"
    kind = f' class="{cell.kind}"' if cell.kind else ""
    sort = "" if cell.sort is None else f' data-sort="{cell.sort!r}"' if math.isfinite(cell.sort) else ' data-sort=""'
    shown = cell.text if cell.kind == FIGURE else text(cell.text)
    if cell.zoom is not None:
        shown = f'<a href="#map" data-zoom="{text(cell.zoom)}">{shown}</a>'
    return f"<td{kind}{sort}>{shown}</td>"


def figure(value: float | None, digits: int = 2) -> Cell:
    """A number that is sorted as one; a dash where it is not known."""
    if value is None or not math.isfinite(value):
        return Cell(NO_FIGURE, math.nan, kind=FIGURE)
    return Cell(f"{value:,.{digits}f}", float(value), kind=FIGURE)


def hectares(area_m2: float | None) -> Cell:
    """An area in hectares."""
    return figure(None if area_m2 is None else area_m2 / M2_PER_HECTARE)


def head(column: str) -> str:
    """A column's name for people: ``area_m2`` is ``area, m²``."""
    unit = next((one for one in UNITS if column.endswith(one)), "")
    words = re.sub(r"_+", " ", column.removesuffix(unit)).strip()
    return f"{words}, {UNITS[unit]}" if unit and words else column
