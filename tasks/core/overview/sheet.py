"""The sheet around the map: A3, its title above, the panel beside or below, who made it how at the foot."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from tasks.core.overview import map_edge
from tasks.core.overview.canvas import INK, PAPER, Canvas, Colour, Style
from tasks.core.overview.figures import (
    Figures,
    Group,
    by_suffix,
    captured_text,
    crs_text,
    hectares,
    layer_ha,
    lost_tiles,
    made_text,
    notes,
    placed,
    source_pairs,
    tile_states,
    unit_text,
)
from tasks.core.overview.map_frame import Bounds, Box, MapFrame
from tasks.core.overview.map_painting import geometries, map_signs
from tasks.core.overview.panel import QUIET, Block, Cells, Key, Numeral, Pair, Paragraph, Row, Side, draw_panel
from tasks.core.overview.place_marks import mark_beside, number_mark
from tasks.core.overview.typesetting import fitted, width_of, wrapped
from tasks.core.product.edition import Edition
from tasks.core.product.layer import Layer
from tasks.core.product.to_check import TO_CHECK, TOLD
from tasks.core.text import enumerated

LONG_MM, SHORT_MM = 420.0, 297.0  # A3, ISO 216
MARGIN, BAND_MM, FOOTER, GAP, STRIP = 8.0, 29.0, 9.5, 5.0, 12.0
SIDE_PANEL, FOOT_PANEL = 92.0, 84.0
# A sheet that lies and has its panel beside the map suits a projector: another must show more to be taken.
PREFERENCE = (1.15, 1.0, 1.05, 1.0)
BAND: Colour = (74, 44, 20)
BAND_TEXT, BAND_QUIET, BAND_LINE = (255, 255, 255), (228, 214, 200), (255, 150, 20)
TITLE_MM, SUBTITLE_MM, FOOT_MM = 8.4, 4.0, 2.6
FLOOD_INK: Colour = (190, 95, 0)
LOST_INK: Colour = (150, 0, 175)
LOST_MM, LOST_NAMED = 2.8, 30
EXPOSURE_ROWS = 8
EMPTY = "No tile could be placed: there is nothing to draw."
IMAGERY = "Imagery: near infrared, red and green. Vegetation is red, water dark."


@dataclass(frozen=True, slots=True)
class Layout:
    """Where on the paper what is, mm."""

    width: float
    height: float
    map: Box
    panel: Box
    columns: int

    @classmethod
    def candidates(cls) -> list["Layout"]:
        """Lying and standing, each with its panel beside the map and below it."""
        return [
            cls._of(LONG_MM, SHORT_MM, beside=True),
            cls._of(LONG_MM, SHORT_MM, beside=False),
            cls._of(SHORT_MM, LONG_MM, beside=True),
            cls._of(SHORT_MM, LONG_MM, beside=False),
        ]

    @classmethod
    def _of(cls, width: float, height: float, *, beside: bool) -> "Layout":
        edge, top = map_edge.EDGE_MM, BAND_MM + GAP
        body = Box(MARGIN, top, width - 2 * MARGIN, height - top - FOOTER - MARGIN)
        across, down = (SIDE_PANEL + GAP, 0.0) if beside else (0.0, FOOT_PANEL + GAP)
        map_box = Box(
            body.left + edge, body.top + edge, body.width - across - 2 * edge, body.height - down - 2 * edge - STRIP
        )
        if beside:
            return cls(width, height, map_box, Box(body.right - SIDE_PANEL, body.top, SIDE_PANEL, body.height), 1)
        panel = Box(body.left, body.bottom - FOOT_PANEL, body.width, FOOT_PANEL)
        return cls(width, height, map_box, panel, 4 if width > height else 3)


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """What a sheet shows.

    Attributes:
        layers: All of the product's.
        group: Those of the CRS that is drawn; empty where no tile could be placed.
        suffix: Of that CRS.
        edition: Whose product it is.
        figures: Its key figures.
        layout: Where what is.
    """

    layers: Sequence[Layer]
    group: Group
    suffix: str
    edition: Edition
    figures: Figures
    layout: Layout

    @classmethod
    def of(cls, layers: Sequence[Layer], edition: Edition, figures: Figures) -> "Sheet":
        """The sheet of a product: of the CRS with most tiles, in the layout that shows most of them."""
        groups = by_suffix(layers)
        suffix = max(groups, key=lambda one: placed(groups[one]), default="")
        if not groups or not placed(groups[suffix]):
            return cls(layers, {}, suffix, edition, figures, Layout.candidates()[0])
        group = groups[suffix]
        pairs = zip(Layout.candidates(), PREFERENCE, strict=True)
        layout, _ = max(pairs, key=lambda pair: pair[1] / frame_of(group, pair[0], 1.0).metres_per_px)
        return cls(layers, group, suffix, edition, figures, layout)

    @property
    def crs(self) -> str:
        """Of what is drawn; empty where nothing is."""
        return str(self.group["tiles"].crs) if self.group else ""

    def frame(self, scale: float) -> MapFrame:
        """The frame of the map, with ``scale`` pixels a mm."""
        return frame_of(self.group, self.layout, scale)


def frame_of(group: Group, layout: Layout, scale: float) -> MapFrame:
    """The frame of a map of these tiles, and of the area of interest."""
    box = layout.map
    places = np.concatenate([geometries(group, "tiles"), geometries(group, "area_of_interest")])
    west, south, east, north = (float(value) for value in shapely.total_bounds(places))
    bounds: Bounds = (west, south, east, north)
    size = max(1, round(box.width * scale)), max(1, round(box.height * scale))
    return MapFrame.filling(bounds, str(group["tiles"].crs), *size)


def draw_sheet(canvas: Canvas, sheet: Sheet, frame: MapFrame | None, more_notes: Sequence[str] = ()) -> None:
    """Draw all but the map itself, which is there already; ``frame`` is the map's, None where there is none."""
    layout = sheet.layout
    _header(canvas, sheet)
    if frame is None:
        box = layout.map
        canvas.area([box.outline], Style(fill=(240, 240, 240), line=INK, line_mm=map_edge.NEAT_MM))
        middle = (box.left + box.width / 2, box.top + box.height / 2)
        canvas.text(middle, EMPTY, 5, bold=True, anchor="middle")
    else:
        _on_map(canvas, sheet, frame)
        map_edge.draw_edge(canvas, layout.map, frame, sheet.crs)
        _strip(canvas, sheet, frame)
    draw_panel(canvas, layout.panel, layout.columns, _blocks(sheet, more_notes))
    _footer(canvas, sheet)


def _header(canvas: Canvas, sheet: Sheet) -> None:
    edition, width = sheet.edition, sheet.layout.width
    band = Box(0, 0, width, BAND_MM)
    canvas.area([band.outline], Style(fill=BAND))
    canvas.area([Box(0, band.bottom, width, 1.1).outline], Style(fill=BAND_LINE))
    right = _header_right(edition)
    side = 0.3 * width
    room = width - 2 * MARGIN - side - GAP
    kinds = ["Flood extent", edition.event.subtype, edition.event.id]
    kind = fitted("  \N{MIDDLE DOT}  ".join(filter(None, kinds)), room / SUBTITLE_MM * 0.98)
    canvas.text((MARGIN, 9.0), kind, SUBTITLE_MM, colour=BAND_QUIET)
    lines, size = _title_lines(edition.title, room)
    for number, line in enumerate(lines):
        baseline = 21.5 if len(lines) == 1 else 17.0 + number * size * 1.35
        canvas.text((MARGIN, baseline), line, size, bold=True, colour=BAND_TEXT)
    for text, baseline, letters, bold in right:
        line = fitted(text, side / letters * 0.98, bold=bold)
        colour = BAND_TEXT if bold else BAND_QUIET
        canvas.text((width - MARGIN, baseline), line, letters, bold=bold, colour=colour, anchor="right")


def _header_right(edition: Edition) -> list[tuple[str, float, float, bool]]:
    """Text, baseline, size, and whether it is bold."""
    lines = wrapped(captured_text(edition), 0.3 * 297 / 4.4, bold=True, at_most=2)
    found = [("Imagery taken" if edition.captured else "", 9.0, SUBTITLE_MM, False)]
    found += [(line, 15.0 + 5.2 * number, 4.4, True) for number, line in enumerate(lines)]
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
        f"1 : {_rounded(ground):,} on A3  \N{MIDDLE DOT}  {crs_text(sheet.crs)}  \N{MIDDLE DOT}  {map_edge.north_text(angle, sheet.crs)}",
        f"Corners: lower left {south} {west}  \N{MIDDLE DOT}  upper right {north} {east}",
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
    lines = [
        f"Product {edition.name}, release {edition.release}, made {made_text(edition)}. {edition.det_method}, "
        f"{edition.valid_stat}. Flood outlines, figures and every tile's state: flood_extent.gpkg, report.md.",
        f"Run {edition.run_id}  \N{MIDDLE DOT}  Model {edition.model_id}",
    ]
    for number, line in enumerate(lines):
        text = fitted(line, (layout.width - 2 * MARGIN) / FOOT_MM * 0.98)
        canvas.text((MARGIN, top + 3.6 + number * 3.6), text, FOOT_MM, colour=QUIET)


def _blocks(sheet: Sheet, more_notes: Sequence[str]) -> list[Block]:
    layers, edition = sheet.layers, sheet.edition
    groups: Mapping[str, Group] = by_suffix(layers)
    legend: list[Row] = [Key(sign) for sign in map_signs(sheet.group)] if sheet.group else []
    legend += [Paragraph(IMAGERY, QUIET)] if sheet.group else []
    said = [*notes(layers, groups, sheet.suffix, edition), *more_notes]
    return [
        Block("Key figures", _key_figures(sheet)),
        Block("Legend", tuple(legend)),
        Block("Exposure", _exposure(sheet.figures)),
        Block("Not assessed", _lost(layers)),
        Block("Sources", tuple(Pair(name, value) for name, value in source_pairs(layers, edition))),
        Block("Coordinates", _coordinates(sheet)),
        Block("Please note", tuple(Paragraph(text) for text in said)),
    ]


def _key_figures(sheet: Sheet) -> tuple[Row, ...]:
    figures, states = sheet.figures, tile_states(sheet.layers)
    water, trace = (layer_ha(sheet.layers, base) for base in ("normal_water", "flood_trace"))
    flooded = "flooded" if water is not None else "flooded, permanent water included"
    total = sum(states.values())
    answered = Numeral(f"{states.get('done', 0):,}", f"of {total:,}", "tiles answered")
    rows: list[Row] = [
        Numeral(hectares(figures.flooded_ha), "ha", flooded, FLOOD_INK),
        Side(Numeral(hectares(figures.observed_ha), "ha", "observed"), answered),
        Numeral(hectares(figures.not_assessed_ha), "ha", "not assessed", LOST_INK),
    ]
    if water is not None:
        first = Numeral(hectares(water), "ha", "normal water")
        rows.append(first if trace is None else Side(first, Numeral(hectares(trace), "ha", "flood trace")))
    return tuple(rows)


def _exposure(figures: Figures) -> tuple[Row, ...]:
    if not figures.exposure:
        return ()
    shown = figures.exposure[:EXPOSURE_ROWS]
    more = len(figures.exposure) - len(shown)
    rows: list[Row] = [Cells(("", "flooded", "not assessed", "of"), is_head=True)]
    rows += [Cells((one.label, one.flooded, one.not_assessed, one.total)) for one in shown]
    return (*rows, *([Paragraph(f"and {more} more", QUIET)] if more else []))


def _lost(layers: Sequence[Layer]) -> tuple[Row, ...]:
    tiles = lost_tiles(layers)
    if not tiles:
        return ()
    text = f"{len(tiles):,} tile(s) without an answer: {enumerated(tiles, 8)}."
    return (Paragraph(text), Paragraph("There, no flood on the map means nothing.", bold=True))


def _coordinates(sheet: Sheet) -> tuple[Row, ...]:
    if not sheet.group:
        return ()
    return (Pair("System", crs_text(sheet.crs)), Pair("Graticule", f"in {unit_text(sheet.crs)}s"))
