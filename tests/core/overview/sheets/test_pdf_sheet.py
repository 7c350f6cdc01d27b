"""The sheet as a PDF: text that can be found, embedded fonts, vectors where they belong, bounded size."""

import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from shapely import LineString, MultiPolygon, Point, Polygon, box

from tasks.core.overview import signs
from tasks.core.overview.sheets.figures import Figures
from tasks.core.overview.sheets.pdf_canvas import _stripes
from tasks.core.overview.sheets.pdf_sheet import draw_pdf
from tasks.core.overview.sheets.sheet_layout import Sheet
from tasks.core.product.edition import Edition, Event
from tasks.core.product.layer import Column, Layer

pytest.importorskip("matplotlib", reason="the extra map is not installed")

CRS = "EPSG:7855"
EDITION = Edition("test", "/d", Event("E-1", "River Überflutung"), (), "run", "model", datetime(2021, 4, 3, tzinfo=UTC))
FIGURES = Figures(1234.56, 2.0, 3.0)
FLOOD = Polygon(
    box(501_000, 6_001_000, 502_000, 6_002_000).exterior, [box(501_400, 6_001_400, 501_600, 6_001_600).exterior]
)


def _layers(flood: Sequence[object]) -> list[Layer]:
    def layer(base: str, geometries: Sequence[object], **columns: Column) -> Layer:
        array = np.empty(len(geometries), np.object_)
        array[:] = geometries
        return Layer(base, "MultiPolygon", CRS, array, columns)

    seen, lost = (
        MultiPolygon([box(500_000, 6_000_000, 503_000, 6_003_000)]),
        box(503_000, 6_000_000, 504_000, 6_003_000),
    )
    texts = [np.array(values, np.object_) for values in (("a.jp2", "b.jp2"), ("done", "failed"))]
    return [
        layer("flood_extent", flood),
        layer("area_observed", [seen]),
        layer("not_assessed", [lost]),
        layer("tiles", [seen, MultiPolygon([lost])], tile=texts[0], state=texts[1]),
    ]


@pytest.fixture(scope="module")
def pdf() -> bytes:
    return draw_pdf(_layers([FLOOD]), [], edition=EDITION, figures=FIGURES)


def test_it_is_an_a3_page_with_embedded_truetype_fonts_and_a_title(pdf: bytes) -> None:
    """What a printer and a catalogue need is in it."""
    title = "River Überflutung".encode("utf-16-be")
    assert pdf.startswith(b"%PDF-")
    assert b"/CIDFontType2" in pdf
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert title in pdf or b"River" in pdf
    assert b"D:20210403000000Z" in pdf
    assert b"/MediaBox [ 0 0 1190.551181" in pdf


def test_the_same_input_gives_the_same_bytes(pdf: bytes) -> None:
    """It is part of a product that can be compared by hash."""
    assert draw_pdf(_layers([FLOOD]), [], edition=EDITION, figures=FIGURES) == pdf


def test_its_text_can_be_found(pdf: bytes, tmp_path: Path) -> None:
    """Title, figures and CRS are text, not shapes."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    (tmp_path / "sheet.pdf").write_bytes(pdf)
    shown = subprocess.run(["pdftotext", "sheet.pdf", "-"], cwd=tmp_path, check=True, capture_output=True, text=True)
    for expected in ("River Überflutung", "1,234.56", "EPSG:7855", "b.jp2"):
        assert expected in shown.stdout


def test_flood_is_where_it_lies_and_its_hole_is_not(pdf: bytes, tmp_path: Path) -> None:
    """Rendered by another program, the tint is inside, white paper in the hole, stripes on the failed tile."""
    program = shutil.which("gdal_translate")
    if program is None or b"PDF" not in subprocess.run([program, "--formats"], check=True, capture_output=True).stdout:
        pytest.skip("no gdal_translate that reads PDF is installed")
    (tmp_path / "sheet.pdf").write_bytes(pdf)
    command = [program, "-q", "-of", "PNG", "--config", "GDAL_PDF_DPI", "96", "sheet.pdf", "sheet.png"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    picture = cv2.imread(str(tmp_path / "sheet.png"))
    sheet = Sheet.of(_layers([FLOOD]), EDITION, FIGURES)
    frame, scale = sheet.frame(4.0), picture.shape[1] / sheet.layout.width

    def at(x: float, y: float, reach: int = 0) -> np.ndarray:
        ((column, row),) = frame.on_paper(np.array([(x, y)]), sheet.layout.map) * scale
        part = picture[int(row) - reach : int(row) + reach + 1, int(column) - reach : int(column) + reach + 1]
        return np.asarray(part.reshape(-1, 3).astype(int))

    tint = 255 * (1 - signs.FLOOD.share) + np.array(signs.FLOOD.fill) * signs.FLOOD.share
    assert np.abs(at(501_200, 6_001_200) - tint).max() < 8
    assert np.abs(at(501_500, 6_001_500) - 255).max() < 8
    stripes = np.abs(at(503_600, 6_001_300, 6) - signs.NOT_ASSESSED.hatch).max(axis=1)
    assert stripes.min() < 40
    assert stripes.max() > 60


def test_a_product_without_a_failed_tile_or_without_any_has_a_pdf() -> None:
    """What there is nothing of costs nothing."""
    for layers in ([one for one in _layers([]) if one.base != "not_assessed"], []):
        assert draw_pdf(layers, [], edition=EDITION, figures=FIGURES).startswith(b"%PDF-")


def test_stripes_leave_out_holes_and_are_on_islands_in_them() -> None:
    """Of three squares in each other the stripes are on the outer and on the inner one."""
    rings = [np.array(box(low, low, 100 - low, 100 - low).exterior.coords) for low in (0, 20, 40)]
    lines = [LineString(stripe) for stripe in _stripes(rings)]
    seen = [any(line.intersects(Point(place, place).buffer(3)) for line in lines) for place in (10, 30, 50, 70, 90)]
    assert seen == [True, False, True, False, True]


def test_a_scene_of_very_many_vertices_makes_a_small_pdf() -> None:
    """Outlines finer than paper shows are thinned: 60,000 vertices end in less than a quarter of a megabyte."""
    angles = np.linspace(0, 2 * np.pi, 60_001)[:-1]
    radius = 1000 + 0.5 * np.sin(angles * 2000)
    fine = Polygon(np.column_stack([501_500 + radius * np.cos(angles), 6_001_500 + radius * np.sin(angles)]))
    assert len(draw_pdf(_layers([fine]), [], edition=EDITION, figures=FIGURES)) < 250_000
