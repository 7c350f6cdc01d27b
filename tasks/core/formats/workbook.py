"""An Office Open XML workbook of plain tables: numbers as numbers, texts as texts whatever they begin with.

A spreadsheet takes a text that begins with ``=``, ``+``, ``-`` or ``@`` for a formula once somebody touches its cell.
Such a cell is marked with the quote prefix, as if it had been typed with an apostrophe. Nothing of the time of writing
is in the file but the time that is given.

Source: ECMA-376, part 1 (SpreadsheetML; 22.9.2.19 for characters that XML does not allow); Microsoft, "Excel
specifications and limits".
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from tasks.core.formats.cells import Cell

MOST_ROWS = 1_048_576
MOST_CHARACTERS = 32_767  # of a cell, in UTF-16
LARGEST_INTEGER = 10**15  # a spreadsheet keeps 15 digits
NAME_CHARACTERS = 31
FIRST_YEAR = 1980  # of times in a zip file
LOOKED_AT, WIDEST = 100, 60  # rows, and characters of a column

PLAIN, QUOTED, HEAD = 0, 1, 2  # numbers of the formats in STYLES
LIKE_FORMULA = ("=", "+", "-", "@", "\t", "\r")
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\\x00-\x1f]")

XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
RELATION = f'<Relationship Id="rId{{}}" Type="{OFFICE}/{{}}" Target="{{}}"/>'
FONT = '<sz val="11"/><name val="Calibri"/>'
STYLES = (
    f'{XML}<styleSheet xmlns="{MAIN}"><fonts count="2"><font>{FONT}</font><font><b/>{FONT}</font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="3"><xf/><xf quotePrefix="1"/><xf fontId="1" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: columns of one length by their names."""

    name: str
    columns: Mapping[str, Sequence[Cell]]

    @property
    def rows(self) -> int:
        """Rows below the head."""
        return len(next(iter(self.columns.values()), ()))


def write_workbook(sheets: Sequence[Sheet], path: Path, made: datetime) -> None:
    """Write a workbook.

    Args:
        sheets: At least one. Names are cut to 31 characters and kept apart; each has at most ``MOST_ROWS`` rows with
            its head, and texts of at most ``MOST_CHARACTERS``.
        path: Replaced where it is there.
        made: Time of all members of the file.

    Raises:
        OSError: It cannot be written.
    """
    names = sheet_names([sheet.name for sheet in sheets])
    members = {
        "[Content_Types].xml": _content_types(len(names)),
        "_rels/.rels": _relations(RELATION.format(1, "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": _workbook(names),
        "xl/_rels/workbook.xml.rels": _workbook_relations(len(names)),
        "xl/styles.xml": STYLES,
    } | {f"xl/worksheets/sheet{number}.xml": _sheet(sheet) for number, sheet in enumerate(sheets, 1)}
    time = made.replace(year=max(made.year, FIRST_YEAR)).timetuple()[:6]
    with ZipFile(path, "w", ZIP_DEFLATED) as file:
        for name, text in members.items():
            about = ZipInfo(name, time)
            about.compress_type = ZIP_DEFLATED
            file.writestr(about, text.encode(errors="replace"))


def sheet_names(names: Sequence[str]) -> list[str]:
    """Names that a spreadsheet allows, apart without regard to case: a number stands in place of what is cut."""
    allowed: list[str] = []
    taken = {"history"}  # of Excel itself
    for name in names:
        plain = NOT_IN_NAMES.sub("_", name).strip("'") or "_"
        ends = ("", *(f"~{number}" for number in range(2, len(names) + 3)))
        candidates = (f"{plain[: NAME_CHARACTERS - len(end)]}{end}" for end in ends)
        allowed.append(next(one for one in candidates if one.casefold() not in taken))
        taken.add(allowed[-1].casefold())
    return allowed


def text_units(text: str) -> int:
    """Length of a text as a spreadsheet counts it: in units of UTF-16."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", errors="replace")) // 2


def _sheet(sheet: Sheet) -> str:
    letters = [_letters(number) for number in range(len(sheet.columns))]
    head = "".join(_cell(f"{letter}1", name, HEAD) for letter, name in zip(letters, sheet.columns, strict=True))
    rows = [f'<row r="1">{head}</row>']
    for number, values in enumerate(zip(*sheet.columns.values(), strict=True), 2):
        given = zip(letters, values, strict=True)
        row = "".join(_cell(f"{letter}{number}", value) for letter, value in given if value is not None)
        rows.append(f'<row r="{number}">{row}</row>')
    return (
        f'{XML}<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" '
        f'activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>{_widths(sheet)}'
        f"<sheetData>{''.join(rows)}</sheetData></worksheet>"
    )


def _cell(place: str, value: str | float, style: int = PLAIN) -> str:
    if not isinstance(value, str):
        if isinstance(value, float) or abs(value) < LARGEST_INTEGER:
            return f'<c r="{place}"><v>{value!r}</v></c>'
        value = str(value)
    style = QUOTED if value.startswith(LIKE_FORMULA) and style == PLAIN else style
    text = NOT_IN_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", escape(value)).replace("\r", "_x000D_")
    shown = f' s="{style}"' if style else ""
    return f'<c r="{place}" t="inlineStr"{shown}><is><t xml:space="preserve">{text}</t></is></c>'


def _widths(sheet: Sheet) -> str:
    """Columns as wide as what stands in their first rows, within reason."""
    shown = [[name, *(str(value) for value in values[:LOOKED_AT])] for name, values in sheet.columns.items()]
    wide = [min(max(map(len, texts)) + 2, WIDEST) for texts in shown]
    columns = (f'<col min="{at}" max="{at}" width="{width}" customWidth="1"/>' for at, width in enumerate(wide, 1))
    return f"<cols>{''.join(columns)}</cols>" if wide else ""


def _letters(number: int) -> str:
    """A column's name: A to Z, AA, AB and so on."""
    return (_letters(number // 26 - 1) if number >= 26 else "") + chr(ord("A") + number % 26)  # noqa: PLR2004 - letters


def _workbook(names: Sequence[str]) -> str:
    sheets = (f'<sheet name={quoteattr(name)} sheetId="{at}" r:id="rId{at}"/>' for at, name in enumerate(names, 1))
    return (
        f'{XML}<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><bookViews><workbookView/></bookViews>'
        f"<sheets>{''.join(sheets)}</sheets></workbook>"
    )


def _workbook_relations(count: int) -> str:
    sheets = (RELATION.format(at, "worksheet", f"worksheets/sheet{at}.xml") for at in range(1, count + 1))
    return _relations("".join(sheets) + RELATION.format(count + 1, "styles", "styles.xml"))


def _relations(relations: str) -> str:
    return f'{XML}<Relationships xmlns="{PACKAGE}/relationships">{relations}</Relationships>'


def _content_types(count: int) -> str:
    parts = {"workbook.xml": "sheet.main", "styles.xml": "styles"}
    parts |= {f"worksheets/sheet{at}.xml": "worksheet" for at in range(1, count + 1)}
    return (
        f'{XML}<Types xmlns="{PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        + "".join(f'<Override PartName="/xl/{name}" ContentType="{TYPE}.{kind}+xml"/>' for name, kind in parts.items())
        + "</Types>"
    )
