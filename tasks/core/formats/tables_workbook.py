"""The product's attributes as XLSX workbook: a sheet a layer, without geometries."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from tasks.core.formats.cells import Cell, cells
from tasks.core.formats.format import Format
from tasks.core.formats.vector_files import in_our_words
from tasks.core.formats.workbook import MOST_CHARACTERS, MOST_ROWS, Sheet, text_units, write_workbook
from tasks.core.product.layer import Layer

WORKBOOK = "tables.xlsx"


def write(layers: Sequence[Layer], folder: Path, made: datetime) -> tuple[str, ...]:
    """Write ``tables.xlsx``; a warning for each layer or field that a spreadsheet has no room for."""
    sheets = [Sheet(layer.name, {name: cells(values) for name, values in layer.columns.items()}) for layer in layers]
    fitting, warnings = [], []
    for sheet in sheets:
        if sheet.rows >= MOST_ROWS:
            warnings.append(
                _warning(sheet, "", f"{sheet.rows:,} rows, and a spreadsheet has {MOST_ROWS:,} with its head")
            )
            continue
        too_long = {
            name: most for name, values in sheet.columns.items() if (most := _longest(values)) > MOST_CHARACTERS
        }
        for name, most in too_long.items():
            reason = f"a text of {most:,} characters, and a cell holds {MOST_CHARACTERS:,}"
            warnings.append(_warning(sheet, f" field {name} of the", reason))
        fitting.append(Sheet(sheet.name, {name: one for name, one in sheet.columns.items() if name not in too_long}))
    with in_our_words(folder / WORKBOOK):
        write_workbook(fitting, folder / WORKBOOK, made)
    return tuple(warnings)


def _longest(values: Sequence[Cell]) -> int:
    return max((text_units(value) for value in values if isinstance(value, str)), default=0)


def _warning(sheet: Sheet, field: str, reason: str) -> str:
    return f"{WORKBOOK} has no{field} layer {sheet.name}: {reason}. Use the layer {sheet.name} of flood_extent.gpkg"


def _main_files(files: Sequence[str]) -> Iterator[tuple[str, str]]:
    if WORKBOOK in files:
        yield WORKBOOK, "the attributes of all layers, for spreadsheets"


FORMAT = Format(write, _main_files)
