"""``run.json`` of a release that a person has made of another."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from tasks.core.product.edition import Edition
from tasks.core.product.layer import Layer
from tasks.core.product.layer_assembly import content_hash
from tasks.core.redaction import redact
from tasks.core.reports.run_json import RunRecord, TileRow, edition_facts, software_versions, totals


def release_record(
    before: RunRecord,
    layers: Sequence[Layer],
    edition: Edition,
    warnings: Sequence[str],
    bounds: tuple[float, float, float, float] | None,
) -> RunRecord:
    """The record of the release before, with what this one changes: extent, figures, edition, times, warnings.

    What became of the tiles, the settings and the endpoint stay: they are those of the run.
    """
    flooded = {
        str(tile): flood_m2
        for layer in layers
        if layer.base == "tiles"
        for tile, flood_m2 in zip(layer.columns["tile"].tolist(), layer.columns["flood_m2"].tolist(), strict=True)
    }
    record: dict[str, Any] = {
        **before,
        "edition": edition_facts(edition),
        "started": edition.made.astimezone(UTC).isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "totals": totals(layers),
        "bounds": bounds,
        "warnings": [*before["warnings"], *warnings],
        "tiles": [_with_flood(row, flooded) for row in before["tiles"]],
        "versions": software_versions(),
        "content_hash": content_hash(layers),
        "files": {},
        "record_hash": "",
    }
    return cast("RunRecord", redact(record))


def _with_flood(row: TileRow, flooded: dict[str, float]) -> TileRow:
    flood_m2 = flooded.get(row["tile"], math.nan)
    return {**row, "flood_m2": None if math.isnan(flood_m2) else round(flood_m2, 2)}
