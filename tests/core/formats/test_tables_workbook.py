"""The workbook, read back by openpyxl."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from odd_layers import empty, objects, polygons, sources

from tasks.core.formats import tables_workbook
from tasks.core.formats.workbook import Sheet, sheet_names, write_workbook
from tasks.core.product.layer import table

openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed")

MADE = datetime(2026, 3, 9, 23, 59, 58, 7_000, UTC)


def test_a_sheet_a_layer_with_its_values(tmp_path: Path) -> None:
    """Numbers are numbers, what is not known is an empty cell, a text is a text whatever it begins with."""
    assert tables_workbook.write([polygons(), sources(), empty()], tmp_path, MADE) == ()
    book = openpyxl.load_workbook(tmp_path / "tables.xlsx")
    assert book.sheetnames == ["flood_extent", "source", "not_assessed"]
    rows = [list(row) for row in book["flood_extent"].iter_rows(values_only=True)]
    assert rows[0] == ["flood_id", "area_m2", "notes"]
    # A spreadsheet keeps 15 digits: a longer integer is a text, so that it stays whole.
    assert [row[0] for row in rows[1:]] == [str(2**53 + 1), -5, 0, None, 9]
    assert [row[1] for row in rows[1:]] == [1e12 / 3, None, -0.25, 0.0, 1e-9]
    assert [row[2] for row in rows[1:5]] == ["=1+1", "Ü 洪 <&> \"'", None, " -2 "]
    cell = book["flood_extent"]["C2"]
    assert (cell.data_type, cell.quotePrefix) == ("s", True)
    assert [list(row) for row in book["not_assessed"].iter_rows(values_only=True)] == [["tile", "n"]]


def test_characters_that_xml_does_not_allow_are_kept(tmp_path: Path) -> None:
    """They are written as the standard escapes them, and a text that looks like an escape is one no more."""
    write_workbook([Sheet("a", {"t": ["a\x07b_x0041_\r\nc", "\ufffe"]})], tmp_path / "a.xlsx", MADE)
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["a"]
    read = [openpyxl.utils.escape.unescape(sheet[place].value) for place in ("A2", "A3")]
    assert read == ["a\x07b_x0041_\r\nc", "\ufffe"]


def test_what_a_spreadsheet_cannot_hold_is_named(tmp_path: Path) -> None:
    """A text longer than a cell and a layer longer than a sheet are left out with the layer that has them."""
    long = table("source", {"n": np.arange(2), "uri": objects(["😀" * 16_384, "a"])})
    warnings = tables_workbook.write([long, table("tiles", {"n": np.arange(1_048_576)})], tmp_path, MADE)
    assert [warning.split(":")[0] for warning in warnings] == [
        "tables.xlsx has no field uri of the layer source",
        "tables.xlsx has no layer tiles",
    ]
    assert openpyxl.load_workbook(tmp_path / "tables.xlsx").sheetnames == ["source"]


def test_sheet_names_fit_and_stay_apart() -> None:
    """At most 31 characters, none that a spreadsheet forbids, apart without regard to case."""
    names = sheet_names(
        [
            "flood_extent_by_tile_epsg7855_and_more",
            "flood_extent_by_tile_epsg7855_AND_less",
            "a/b",
            "a:b",
            "'",
            "History",
        ]
    )
    assert names[:2] == ["flood_extent_by_tile_epsg7855_a", "flood_extent_by_tile_epsg7855~2"]
    assert names[2:] == ["a_b", "a_b~2", "_", "History~2"]
    assert max(map(len, names)) <= 31


def test_columns_beyond_z_have_two_letters(tmp_path: Path) -> None:
    """The 27th column is AA, the 703rd AAA."""
    write_workbook([Sheet("a", {f"c{number}": [number] for number in range(703)})], tmp_path / "a.xlsx", MADE)
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["a"]
    assert [sheet[place].value for place in ("A2", "Z2", "AA2", "ZZ2", "AAA2")] == [0, 25, 26, 701, 702]
