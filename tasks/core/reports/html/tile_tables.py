"""The page's tables of tiles and of places to check."""

import re
from collections.abc import Mapping, Sequence

from tasks.core.product.layer import Layer
from tasks.core.product.to_check import TO_CHECK
from tasks.core.reports.html.elements import FIGURE, Cell, figure, hectares, paragraph, section, table, text
from tasks.core.reports.html.map_data import feature_name, place_ranks, placed_rows
from tasks.core.reports.html.signs import TILES
from tasks.core.reports.places_text import NOTHING
from tasks.core.reports.report_markdown import AGAIN
from tasks.core.reports.run_json import RunRecord, TileRow
from tasks.core.tiles.ledger import DROPPED

# A browser lays out as many in half a second, and they print on some 60 sheets. The map has all tiles.
TABLE_ROWS = 2_000
NAMED = 50
STATES = ("failed", DROPPED, "done")
TILE_HEADS = (
    "tile", "state", "what was wrong, and what to do", "flooded, ha", "observed, ha", "left in stage", "seconds",
    "padding, px",
)  # fmt: skip
PLACE_HEADS = ("rank", "what is doubted", "doubt, 0 to 1", "area, m²", "CRS")
ORDER = "Largest area times doubt first; the first ten have their numbers on the map. A click on a number leads there."
LEFT_OUT = (
    "{:,} of {:,} tiles are not in this table, those with the least flood: they are on the map, and run.json has all."
)


def tile_section(record: RunRecord, layers: Sequence[Layer]) -> str:
    """All tiles: failed ones first, then dropped ones, then those with most flood."""
    rows = record["tiles"]
    ordered = sorted(rows, key=lambda row: (_rank(row), -(row["flood_m2"] or 0.0), row["tile"]))
    places = _places(layers)
    cells = (_tile_cells(row, places) for row in ordered[:TABLE_ROWS])
    hidden = len(rows) - TABLE_ROWS
    more = paragraph(LEFT_OUT.format(hidden, len(rows))) if hidden > 0 else ""
    shown = table(TILE_HEADS, cells, caption="Every tile, those without an answer first", name="tile-table")
    return section("tiles", "Tiles", more, shown)


def _rank(row: TileRow) -> int:
    return STATES.index(row["state"]) if row["state"] in STATES else 0


def _places(layers: Sequence[Layer]) -> dict[str, str]:
    """Of tiles that are on the map, by their ids, what a link to them says."""
    return {str(layer.columns["tile"][row]): feature_name(layer, row) for layer, row in placed_rows(layers, TILES)}


def _tile_cells(row: TileRow, places: Mapping[str, str]) -> tuple[Cell | object, ...]:
    return (
        Cell(row["tile"], zoom=places.get(row["tile"]), kind="name"),
        Cell(row["state"], float(_rank(row)), kind=row["state"] if row["state"] in STATES else ""),
        Cell(without_place(row["error"] or "", row["tile"]), kind="long"),
        hectares(row["flood_m2"]),
        hectares(row["observed_m2"]),
        row["stage"],
        figure(row["seconds"], 1),
        figure(row["pad_px"], 0),
    )


def without_place(error: str, tile: str) -> str:
    """An error without the image's address in front of it: the tile stands beside it."""
    place, found, rest = error.partition(f"{tile}: ")
    return rest if found and not re.search(r"\s", place) else error


def failure_notice(record: RunRecord, layers: Sequence[Layer]) -> str:
    """Tiles without an answer by name, each with what was wrong; empty where there are none."""
    lost = [row for row in record["tiles"] if row["state"] != "done"]
    if not lost:
        return ""
    places = _places(layers)
    lines = "".join(f"<li>{_named(row, places)}</li>" for row in lost[:NAMED])
    more = paragraph(f"{len(lost) - NAMED:,} more are in the table of tiles.") if len(lost) > NAMED else ""
    count = f"{len(lost):,} of {len(record['tiles']):,} tiles {'has' if len(lost) == 1 else 'have'} no answer"
    unplaced = record["counts"]["unplaced"]
    blind = f"Of {unplaced:,} the place is not known: that ground is in no figure and on no map." if unplaced else ""
    about = paragraph("There, no flood on the map means nothing.", *([blind] if blind else []))
    again = paragraph(AGAIN.replace("`", "")) if record["counts"]["failed"] else ""
    return (
        f'<div class="notice" role="note"><h2>{text(count)}</h2>{about}'
        f'<ul class="failures">{lines}</ul>{more}{again}</div>\n'
    )


def _named(row: TileRow, places: Mapping[str, str]) -> str:
    zoom = places.get(row["tile"])
    name = f"<b>{text(row['tile'])}</b>"
    link = name if zoom is None else f'<a href="#map" data-zoom="{text(zoom)}">{name}</a>'
    return f"{link} ({text(row['state'])}): {text(without_place(row['error'] or '', row['tile']))}"


def place_section(layers: Sequence[Layer]) -> str:
    """The places most worth a person's look, those of all CRSs in one order."""
    there = {(layer.name, row): layer for layer, row in placed_rows(layers, TO_CHECK)}
    ranks = sorted((rank, key) for key, rank in place_ranks(layers).items() if key in there)
    if not ranks:
        return section("to-check", "Places to check", paragraph(NOTHING))
    rows = (_place_cells(rank, there[key], key[1]) for rank, key in ranks)
    left_out = sum(layer.left_out for layer in layers if layer.base == TO_CHECK)
    more = [f"{left_out:,} more, of less weight, are not shown."] if left_out else []
    about = paragraph(ORDER, *more)
    return section("to-check", "Places to check", about, table(PLACE_HEADS, rows, caption="Places to check, in order"))


def _place_cells(rank: int, layer: Layer, row: int) -> tuple[Cell | object, ...]:
    columns = layer.columns
    return (
        Cell(str(rank), float(rank), zoom=feature_name(layer, row), kind=FIGURE),
        Cell(str(columns["reason"][row]), kind="long"),
        figure(float(columns["doubt"][row])),
        figure(float(columns["area_m2"][row]), 0),
        Cell(str(layer.crs) if len(str(layer.crs)) < NAMED else "see the layer"),
    )
