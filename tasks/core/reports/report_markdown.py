"""``report.md``: the run's record for people."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tasks.core.formats.layer_titles import CLOUD, WATER
from tasks.core.geo.areas import M2_PER_HECTARE
from tasks.core.product.mapped_pixel import pixel_text
from tasks.core.reports import places_text
from tasks.core.reports.run_json import RunRecord, TileRow, seconds_by_stage

TEXT_CHARACTERS = 500
TILE_HEADS = ("tile", "state", "stage", "seconds", "flooded ha", "observed ha", "padding px", "error")
NO_FIGURE = "\N{EN DASH}"  # of a tile without an answer: 0 would say that it was looked at
NO_ENDPOINT = "None was needed: every prediction was remembered, or no tile could be prepared."
AGAIN = (
    "When the frames are mended, `flood-extent run DATASET --only-failed PRODUCT`, with this product's folder, does "
    "just these tiles again and completes the product; in the dashboard, a run with `only_failed_of` does."
)
FILES = (
    "`SHA256SUMS` has the SHA-256 of the product's files: `sha256sum --check SHA256SUMS`, in its folder, compares "
    "them. `run.json` has the content hash of the extent, which is the same whenever the extent is."
)
WATER_CLASSES = {"normal_water_ha": "Normal water", "flood_trace_ha": "Flood trace (normally water, dry now)"}
SPECIAL = re.compile(r"([\\`*_{}\[\]|#~!])")
ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def markdown(record: RunRecord) -> str:
    """The report: first what was found and what was not looked at, then every tile, then how it was made."""
    seconds = ((stage, f"{sum_:,.1f}") for stage, sum_ in seconds_by_stage(record["tiles"]).items())
    endpoint = record["endpoint"]
    sections = [
        [f"# Flood extent of {plain(record['dataset'])}", "", _headline(record)],
        ["## Summary", "", *_summary(record)],
        *([["## Review", "", *table(("", ""), record["review"].items())]] if record["review"] else []),
        ["## Not assessed", "", *_not_assessed(record)],
        ["## To check", "", *_to_check(record)],
        ["## Warnings", "", *_warnings(record)],
        ["## Tiles", "", *table(TILE_HEADS, (_tile_cells(tile) for tile in record["tiles"]))],
        ["## Seconds by stage", "", *table(("stage", "seconds over all tiles"), seconds)],
        ["## Settings", "", *table(("setting", "value"), record["parameters"].items())],
        *([["## Calibration", "", *_calibration(record["calibration"])]] if record["calibration"] else []),
        ["## Endpoint", "", *(table(("", ""), endpoint.items()) if endpoint else [NO_ENDPOINT])],
        ["## Versions", "", *table(("software", "version"), record["versions"].items())],
        ["## Files", "", FILES],
    ]
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def plain(value: object) -> str:
    """Text that markdown shows as it is, on one line: it comes from file names and other programs' errors."""
    return SPECIAL.sub(r"\\\1", one_line(str(value), TEXT_CHARACTERS)).translate(ENTITIES)


def one_line(text: str, characters: int) -> str:
    """Text of at most so many characters, with blanks for what cannot be printed."""
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= characters else line[: characters - 1] + "…"


def _headline(record: RunRecord) -> str:
    counts, area = record["counts"], record["totals"]
    dropped = f", {counts['dropped']:,} dropped in review" if counts["dropped"] else ""
    return (
        f"**{_ha(area['flooded_ha'])} flooded** of {_ha(area['observed_ha'])} observed. {counts['done']:,} of "
        f"{counts['tiles']:,} tiles were answered, {counts['failed']:,} failed{dropped}. "
        f"State: {plain(record['state'])}."
    )


def _summary(record: RunRecord) -> list[str]:
    counts, area = record["counts"], dict[str, Any](record["totals"])
    rows = [
        ("Flooded", _ha(area["flooded_ha"])),
        ("Observed", _ha(area["observed_ha"])),
        ("Not assessed", _ha(area["not_assessed_ha"])),
        *((title, _ha(area[key])) for key, title in WATER_CLASSES.items() if area[key] is not None),
        ("Mapped pixel", pixel_text(record["mapped_pixel_m"]) or "none"),
        ("Tiles answered", f"{counts['done']:,} of {counts['tiles']:,}"),
        ("Tiles failed", f"{counts['failed']:,}"),
        ("Started (UTC)", record["started"]),
        ("Finished (UTC)", record["finished"]),
        ("Flow run", record["flow_run_id"]),
    ]
    return [*table(("", ""), rows), "", f"No flood and no answer are different things. {' '.join(_weaknesses(record))}"]


def _weaknesses(record: RunRecord) -> list[str]:
    water = () if record["totals"]["normal_water_ha"] is not None else (WATER,)
    return [CLOUD, *water, *map(plain, (record["edition"] or {}).get("weaknesses", ()))]


def _not_assessed(record: RunRecord) -> list[str]:
    failed = [tile for tile in record["tiles"] if tile["state"] != "done"]
    area = record["totals"]["not_assessed_ha"]
    if not failed and not area:
        return ["Nothing: every tile was answered."]
    unplaced = record["counts"]["unplaced"]
    lines = [f"{_ha(area)} that no tile observed: there, no flood on the map means nothing."]
    if unplaced:
        have = "tile has" if unplaced == 1 else "tiles have"
        lines.append(f"{unplaced:,} unanswered {have} no known place: that ground is in no figure and on no map.")
    if record["counts"]["failed"]:
        lines.append(AGAIN)
    rows = [(tile["tile"], tile["stage"], tile["error"]) for tile in failed]
    return [*lines, "", *table(("tile", "left in", "why"), rows)] if rows else lines


def _to_check(record: RunRecord) -> list[str]:
    places = record["to_check"]
    if not places["count"]:
        return [places_text.NOTHING]
    rows = (row.values() for row in places_text.rows(places))
    return [
        f"{plain(places_text.number(places))}; {plain(places_text.LAYER)}.",
        "",
        *table(places_text.HEADS, map(tuple, rows)),
    ]


def _warnings(record: RunRecord) -> list[str]:
    lines = [f"- {plain(warning)}" for warning in record["warnings"]]
    lines += [f"- {plain(tile['tile'])}: {plain(text)}" for tile in record["tiles"] for text in tile["warnings"]]
    return lines or ["None."]


def _calibration(thresholds: Iterable[Mapping[str, object]]) -> list[str]:
    keys = ("tiles", "nir", "water", "land", "problem")
    rows = [[NO_FIGURE if one[key] is None else one[key] for key in keys] for one in thresholds]
    return table(("tiles", "water has near infrared below", "median of water", "of land", "problem"), rows)


def _tile_cells(tile: TileRow) -> tuple[object, ...]:
    cached = f" (remembered: {', '.join(tile['cached'])})" if tile["cached"] else ""
    return (
        tile["tile"],
        tile["state"],
        tile["stage"] + cached,
        f"{tile['seconds']:.2f}",
        _hectares(tile["flood_m2"]),
        _hectares(tile["observed_m2"]),
        NO_FIGURE if tile["pad_px"] is None else f"{tile['pad_px']:,}",
        tile["error"] or "",
    )


def _hectares(area_m2: float | None) -> str:
    return NO_FIGURE if area_m2 is None else f"{area_m2 / M2_PER_HECTARE:,.2f}"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """A table's lines in markdown, or a word where it has no rows."""
    lines = ["| " + " | ".join(plain(cell) for cell in row) + " |" for row in rows]
    if not lines:
        return ["None."]
    return ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads), *lines]


def _ha(hectares: float) -> str:
    return f"{hectares:,.2f} ha"
