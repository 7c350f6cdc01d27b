"""The sheet around the map: its title above, the panel beside or below, who made it how at the foot."""

from collections.abc import Iterator, Sequence

import numpy as np
import shapely

from tasks.core.overview import map_edge
from tasks.core.overview.canvas import BLANK, INK, PAPER, Canvas, Colour, Style
from tasks.core.overview.lettering.typesetting import fitted, width_of, wrapped
from tasks.core.overview.map_frame import Box, MapFrame
from tasks.core.overview.map_painting import geometries
from tasks.core.overview.place_marks import mark_beside, number_mark
from tasks.core.overview.sheets.figures import captured_text, crs_text, made_text
from tasks.core.overview.sheets.panel import QUIET, draw_panel
from tasks.core.overview.sheets.sheet_blocks import LOST_INK, blocks
from tasks.core.overview.sheets.sheet_layout import BAND_MM, FOOTER, GAP, MARGIN, STRIP, Sheet
from tasks.core.product.edition import Edition
from tasks.core.product.to_check import TO_CHECK, TOLD

BAND: Colour = (74, 44, 20)
BAND_TEXT, BAND_QUIET, BAND_LINE = (255, 255, 255), (228, 214, 200), (255, 150, 20)
TITLE_MM, SUBTITLE_MM, FOOT_MM = 8.4, 4.0, 2.6
RIGHT_SHARE, TIME_MM = 0.3, 4.4  # of the sheet's width, for the time of capture
LOST_MM, LOST_NAMED = 2.8, 30
EMPTY = "No tile could be placed: there is nothing to draw."
DOT = "  \N{MIDDLE DOT}  "


def draw_sheet(canvas: Canvas, sheet: Sheet, frame: MapFrame | None, more_notes: Sequence[str] = ()) -> None:
    """Draw all but the map itself, which is there already; ``frame`` is the map's, None where there is none."""
    layout = sheet.layout
    _header(canvas, sheet)
    if frame is None:
        box = layout.map
        canvas.area([box.outline], Style(fill=BLANK, line=INK, line_mm=map_edge.NEAT_MM))
        middle = (box.left + box.width / 2, box.top + box.height / 2)
        canvas.text(middle, EMPTY, 5, bold=True, anchor="middle")
    else:
        map_edge.draw_edge(canvas, layout.map, frame, sheet.crs)
        _on_map(canvas, sheet, frame)
        _strip(canvas, sheet, frame)
    draw_panel(canvas, layout.panel, layout.columns, blocks(sheet, more_notes))
    _footer(canvas, sheet)


def _header(canvas: Canvas, sheet: Sheet) -> None:
    edition, width = sheet.edition, sheet.layout.width
    band = Box(0, 0, width, BAND_MM)
    canvas.area([band.outline], Style(fill=BAND))
    canvas.area([Box(0, band.bottom, width, 1.1).outline], Style(fill=BAND_LINE))
    right = _header_right(edition, width)
    side = RIGHT_SHARE * width
    room = width - 2 * MARGIN - side - GAP
    kinds = ["Flood extent", edition.event.subtype, edition.event.id]
    kind = fitted(DOT.join(filter(None, kinds)), room / SUBTITLE_MM * 0.98)
    canvas.text((MARGIN, 9.0), kind, SUBTITLE_MM, colour=BAND_QUIET)
    lines, size = _title_lines(edition.title, room)
    for number, line in enumerate(lines):
        baseline = 21.5 if len(lines) == 1 else 17.0 + number * size * 1.35
        canvas.text((MARGIN, baseline), line, size, bold=True, colour=BAND_TEXT)
    for text, baseline, letters, bold in right:
        line = fitted(text, side / letters * 0.98, bold=bold)
        colour = BAND_TEXT if bold else BAND_QUIET
        canvas.text((width - MARGIN, baseline), line, letters, bold=bold, colour=colour, anchor="right")


def _header_right(edition: Edition, width: float) -> list[tuple[str, float, float, bool]]:
    """Text, baseline, size, and whether it is bold."""
    lines = wrapped(captured_text(edition), RIGHT_SHARE * width / TIME_MM * 0.98, bold=True, at_most=2)
    found = [("Imagery taken" if edition.captured else "", 9.0, SUBTITLE_MM, False)]
    found += [(line, 15.0 + 5.2 * number, TIME_MM, True) for number, line in enumerate(lines)]
    reason = f": {edition.release_reason}" if edition.release_reason else ""
    return [*found, (f"Release {edition.release}{reason}", 26.0, 3.4, False)]


def _title_lines(title: str, room: float) -> tuple[list[str], float]:
    """One line as large as it fits down to three quarters, else two smaller ones."""
    for size in (TITLE_MM, 0.87 * TITLE_MM, 0.75 * TITLE_MM):
        lines = wrapped(title, room / size * 0.98, bold=True)
        if len(lines) <= 1:
            return lines, size
    size = 0.66 * TITLE_MM
    return wrapped(title, room / size * 0.98, bold=True, at_most=2), size


def _on_map(canvas: Canvas, sheet: Sheet, frame: MapFrame) -> None:
    """The names of failed tiles, and the numbers of places to check, the first on top."""
    box = sheet.layout.map
    for name, place, width in _lost_names(sheet, frame):
        half = width / 2 + 0.8
        plate = Box(place[0] - half, place[1] - LOST_MM * 0.95, 2 * half, LOST_MM * 1.35)
        canvas.area([plate.outline], Style(fill=PAPER, share=0.85))
        canvas.text(place, name, LOST_MM, colour=LOST_INK, anchor="middle")
    places = geometries(sheet.group, TO_CHECK)[:TOLD]
    for rank, place in reversed(list(enumerate(places, 1))):
        number_mark(canvas, str(rank), mark_beside(frame, box, place))


def _lost_names(sheet: Sheet, frame: MapFrame) -> Iterator[tuple[str, tuple[float, float], float]]:
    """Name, place and width, mm, of tiles without an answer, where they are large enough to be named."""
    tiles = sheet.group["tiles"]
    if "state" not in tiles.columns:
        return
    lost = np.flatnonzero((tiles.columns["state"] != "done") & ~shapely.is_missing(tiles.geometries))
    for number in lost[:LOST_NAMED]:
        corners = np.array(tiles.geometries[number].bounds).reshape(2, 2)
        (left, bottom), (right, top) = frame.on_paper(corners, sheet.layout.map)
        name = str(tiles.columns["tile"][number]).rpartition("/")[2]
        width = width_of(name) * LOST_MM
        if width + 3 < right - left and bottom - top > 2 * LOST_MM:
            yield name, ((left + right) / 2, (top + bottom) / 2), width


def _strip(canvas: Canvas, sheet: Sheet, frame: MapFrame) -> None:
    """Below the map: scale bar, scale, CRS, corners, north."""
    box = sheet.layout.map
    mm_per_px, top = box.width / frame.width_px, box.bottom + map_edge.EDGE_MM
    length = map_edge.draw_scale_bar(canvas, (box.left + 2, top + 5.6), frame, mm_per_px, box.width * 0.25)
    angle = map_edge.true_north_degrees(frame, sheet.crs)
    map_edge.draw_arrow(canvas, (box.right - 3.5, top + STRIP - 1.5), angle)
    (west, south), (east, north) = map_edge.corner_names(frame, sheet.crs)
    ground = frame.metres_per_px / mm_per_px * 1000
    lines = [
        DOT.join((f"1 : {_rounded(ground):,} on A3", crs_text(sheet.crs), map_edge.north_text(angle, sheet.crs))),
        f"Corners: lower left {south} {west}{DOT}upper right {north} {east}",
    ]
    left = box.left + length + 14
    for number, line in enumerate(lines):
        size = map_edge.LABEL_MM * 1.1
        text = fitted(line, (box.right - 10 - left) / size, bold=number == 0)
        canvas.text((left, top + 4.6 + 4.6 * number), text, size, bold=number == 0)


def _rounded(scale: float) -> int:
    """A scale to three digits."""
    digits = max(0, len(str(int(scale))) - 3)
    return int(round(scale, -digits))


def _footer(canvas: Canvas, sheet: Sheet) -> None:
    edition, layout = sheet.edition, sheet.layout
    top = layout.height - MARGIN - FOOTER + 3.2
    canvas.line(np.array([(MARGIN, top), (layout.width - MARGIN, top)]), QUIET, 0.2)
    made = f"Product {edition.name}, release {edition.release}, made {made_text(edition)}"
    method = f"{edition.det_method}, {edition.valid_stat}"
    files = "Outlines and every tile: flood_extent.gpkg, report.md"
    lines = [DOT.join((made, method, files)), f"Run {edition.run_id}{DOT}Model {edition.model_id}"]
    for number, line in enumerate(lines):
        text = fitted(line, (layout.width - 2 * MARGIN) / FOOT_MM * 0.98)
        canvas.text((MARGIN, top + 3.6 + number * 3.6), text, FOOT_MM, colour=QUIET)
