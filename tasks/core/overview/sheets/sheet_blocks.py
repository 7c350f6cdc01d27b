"""What the panel of a sheet says: key figures, legend, exposure, sources, coordinates, what to note."""

from collections.abc import Sequence

from tasks.core.overview.canvas import Colour
from tasks.core.overview.map_painting import map_signs
from tasks.core.overview.sheets.figures import (
    Figures,
    by_suffix,
    crs_text,
    hectares,
    layer_ha,
    lost_tiles,
    notes,
    source_pairs,
    tile_states,
    unit_text,
)
from tasks.core.overview.sheets.panel import QUIET, Block, Cells, Key, Numeral, Pair, Paragraph, Row, Side
from tasks.core.overview.sheets.sheet_layout import Sheet
from tasks.core.product.layer import Layer
from tasks.core.text import enumerated

FLOOD_INK: Colour = (190, 95, 0)
LOST_INK: Colour = (150, 0, 175)
EXPOSURE_ROWS, TILES_NAMED = 8, 8
IMAGERY = "Imagery: near infrared, red and green. Vegetation is red, water dark."


def blocks(sheet: Sheet, more_notes: Sequence[str]) -> list[Block]:
    """All of them, the first thing to read first; those without rows are not drawn."""
    layers, edition = sheet.layers, sheet.edition
    groups = by_suffix(layers)
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
    text = f"{len(tiles):,} tile(s) without an answer: {enumerated(tiles, TILES_NAMED)}."
    return (Paragraph(text), Paragraph("There, no flood on the map means nothing.", bold=True))


def _coordinates(sheet: Sheet) -> tuple[Row, ...]:
    if not sheet.group:
        return ()
    return (Pair("System", crs_text(sheet.crs)), Pair("Graticule", f"in {unit_text(sheet.crs)}s"))
