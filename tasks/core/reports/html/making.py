"""The end of the page: frames, exposure, warnings, how the product was made, its files, its rights."""

from collections.abc import Iterable, Sequence
from typing import Any

from tasks.core.formats.product_files import FORMATS
from tasks.core.product.edition import Edition, Source
from tasks.core.product.layer import Layer
from tasks.core.reports.html.elements import (
    Cell,
    figure,
    folded,
    head,
    items,
    link,
    pairs,
    paragraph,
    section,
    table,
    text,
)
from tasks.core.reports.html.signs import title
from tasks.core.reports.html.summary import moment
from tasks.core.reports.report_markdown import NO_ENDPOINT
from tasks.core.reports.run_json import RunRecord, seconds_by_stage
from tasks.core.reports.run_page import FILES
from tasks.core.reports.sums import SUMS

TABLE_ROWS = 2_000
SOURCE_HEADS = ("frame", "taken", "known to the", "from", "pixel on the ground, m", "sensor", "phase", "state")
# The frames have a table of their own; the others are about single polygons.
OTHER_TABLES = ("source", "flood_source")

WRITTEN_LATER = {**FILES, SUMS: "the SHA-256 of each file; sha256sum --check compares them"}
CALIBRATION_HEADS = ("tiles", "water has near infrared below", "median of water", "of land", "problem")


def sources(edition: Edition) -> str:
    """The frames, with when they were taken and how that is known."""
    rows = [_source_cells(source) for source in edition.sources[:TABLE_ROWS]]
    hidden = len(edition.sources) - len(rows)
    more = paragraph(f"{hidden:,} more are in the table source of the GeoPackage.") if hidden > 0 else ""
    return section("sources", "Sources", more, table(SOURCE_HEADS, rows, caption="Frames that the product was made of"))


def _source_cells(source: Source) -> tuple[Cell | object, ...]:
    time = source.captured
    when = ("not known", "", "") if time is None else (moment(time), time.precision.value, time.origin.value)
    sensor = source.sensor or "not known"
    return Cell(source.tile, kind="name"), *when, figure(source.gsd_m), sensor, source.phase.value, source.state


def other_tables(layers: Sequence[Layer]) -> str:
    """Tables of the product that the page does not show otherwise, such as exposure by class."""
    shown = [layer for layer in layers if layer.is_table and layer.base not in OTHER_TABLES and len(layer)]
    return "".join(section(layer.name, title(layer) + _where(layer), _layer_table(layer)) for layer in shown)


def _where(layer: Layer) -> str:
    return f" ({layer.suffix.strip('_')})" if layer.suffix else ""


def _layer_table(layer: Layer) -> str:
    columns = [values[:TABLE_ROWS].tolist() for values in layer.columns.values()]
    rows = (tuple(_any_cell(value) for value in row) for row in zip(*columns, strict=True))
    more = paragraph(f"{len(layer) - TABLE_ROWS:,} more are in the GeoPackage.") if len(layer) > TABLE_ROWS else ""
    return more + table([head(name) for name in layer.columns], rows, caption=title(layer))


def _any_cell(value: Any) -> Cell:
    if isinstance(value, str):
        return Cell(value)
    return figure(value, 0 if isinstance(value, int) else 2)


def warnings(record: RunRecord) -> str:
    """Of the product, then of its tiles."""
    lines = [*record["warnings"], *(f"{row['tile']}: {one}" for row in record["tiles"] for one in row["warnings"])]
    more = [f"{len(lines) - TABLE_ROWS:,} more are in run.json."] if len(lines) > TABLE_ROWS else []
    return section("warnings", "Warnings", items([*lines[:TABLE_ROWS], *more]) or paragraph("None."))


def making(record: RunRecord, edition: Edition) -> str:
    """How the product was made: the run, the model, its settings, versions, the endpoint's life and cost."""
    run = [
        ("Dataset", edition.dataset),
        ("Method", edition.det_method),
        ("Model", record["model_identity"] or edition.model_id),
        ("Started (UTC)", record["started"]),
        ("Finished (UTC)", record["finished"]),
        ("Flow run", record["flow_run_id"]),
        *((f"Seconds over all tiles, {stage}", f"{sum_:,.1f}") for stage, sum_ in _seconds(record)),
    ]
    endpoint = record["endpoint"]
    return section(
        "making",
        "How it was made",
        pairs(run, caption="Run"),
        pairs(endpoint.items(), caption="Endpoint, its life and cost") if endpoint else paragraph(NO_ENDPOINT),
        _calibration(record),
        folded("Review", pairs(record["review"].items(), caption="Review")) if record["review"] else "",
        folded("Settings", pairs(record["parameters"].items(), caption="Settings")),
        folded("Versions", pairs(record["versions"].items(), caption="Versions of software")),
    )


def _seconds(record: RunRecord) -> Iterable[tuple[str, float]]:
    return seconds_by_stage(record["tiles"]).items()


def _calibration(record: RunRecord) -> str:
    thresholds = record["calibration"]
    if not thresholds:
        return ""
    keys = ("tiles", "nir", "water", "land")
    rows = [(*(figure(one[key], 0) for key in keys), one["problem"] or "none") for one in thresholds]
    return table(CALIBRATION_HEADS, rows, caption="Calibration: the thresholds that the model was told")


def files(record: RunRecord, edition: Edition) -> str:
    """Links to the other files of the product, those that people open first."""
    names = [*dict.fromkeys([*record["files"], *WRITTEN_LATER, f"{edition.name}.zip"])]
    main = [pair for format_ in FORMATS.values() for pair in format_.main_files(names)]
    main += [*WRITTEN_LATER.items(), (f"{edition.name}.zip", "all of it, to pass on")]
    shown = {name for name, _ in main}
    others = [name for name in names if name not in shown and "/" not in name]
    tiles = sum(name.startswith("tiles/") for name in names)
    rows = [f"{link(name)}: {text(about)}" for name, about in main]
    rows += [f"{link('tiles/')}: {tiles:,} files of single tiles"] if tiles else []
    listed = "".join(f"<li>{row}</li>" for row in rows)
    rest = folded(f"{len(others):,} other files", f"<ul>{''.join(f'<li>{link(name)}</li>' for name in others)}</ul>")
    return section("files", "Files of this product", f"<ul>{listed}</ul>", rest if others else "")


def rights(edition: Edition) -> str:
    """Under what it may be handed on, and whom to name."""
    rows = [("Licence", edition.licence or "not stated"), ("Attribution", edition.attribution or "not stated")]
    made = edition.made.strftime("%Y-%m-%d %H:%M UTC")
    rows += [("Made", made), ("Product", f"{edition.name}, release {edition.release}")]
    note = "The map on this page is drawn by Leaflet (BSD-2-Clause), whose licence is in the page's source."
    return section("rights", "Rights", pairs(rows, caption="Rights"), paragraph(note))
