"""The frames of a product, and which of them each polygon was seen in."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.geo.grid import Grid
from tasks.core.product.assessment import footprint, objects
from tasks.core.product.edition import CaptureTime, Origin, Phase, Source
from tasks.core.product.layer import Column, Layer, table

SOURCE, FLOOD_SOURCE = "source", "flood_source"


def ground_sample_m(grid: Grid) -> float:
    """Side of a grid's pixels on the ground, metres on the ellipsoid."""
    (area_m2,) = ellipsoidal_area_m2(objects([footprint(grid)]), grid.crs)
    return float(np.sqrt(area_m2 / (grid.width_px * grid.height_px)))


def source_table(sources: Sequence[Source]) -> Layer:
    """The table ``source``; what is not known is NULL."""
    times = [one.captured for one in sources]
    columns: dict[str, Column] = {
        "src_id": np.array([one.src_id for one in sources], np.int64),
        "src_name": objects([one.tile for one in sources]),
        "src_uri": objects([one.uri for one in sources]),
        "src_hash": objects([one.content_hash or None for one in sources]),
        "src_date": objects([None if time is None else time.date for time in times]),
        "src_time": objects([None if time is None else time.time for time in times]),
        "date_prec": objects([None if time is None else time.precision.value for time in times]),
        "date_from": objects([None if time is None else time.origin.value for time in times]),
        "gsd_m": np.array([np.nan if one.gsd_m is None else one.gsd_m for one in sources], np.float64),
        "sensor": objects([one.sensor for one in sources]),
        "eventphase": objects([one.phase.value for one in sources]),
        "state": objects([one.state for one in sources]),
    }
    return table(SOURCE, columns)


def relation_table(by_tile: Layer, sources: Sequence[Source]) -> Layer:
    """The table ``flood_source``, from the layer ``flood_extent_by_tile``: a row a polygon and frame that saw of it."""
    src_ids = {one.tile: one.src_id for one in sources}
    columns: dict[str, Column] = {
        "flood_id": by_tile.columns["flood_id"],
        "src_id": np.array([src_ids[str(tile)] for tile in by_tile.columns["tile"]], np.int64),
        "area_m2": by_tile.columns["area_m2"],
    }
    return table(FLOOD_SOURCE, columns, by_tile.suffix)


def sources_in(source: Layer) -> tuple[Source, ...]:
    """The sources that a table ``source`` holds, as ``source_table`` has written it.

    Raises:
        ValueError: It holds something else.
    """
    names = list(source.columns)
    rows = zip(*(values.tolist() for values in source.columns.values()), strict=True)
    return tuple(_read(dict(zip(names, row, strict=True))) for row in rows)


def _read(row: dict[str, Any]) -> Source:
    date, time, origin = (row[name] for name in ("src_date", "src_time", "date_from"))
    text = date if time is None else f"{date}T{time}"
    captured = None if text is None else CaptureTime.in_text(str(text), Origin(origin))
    gsd_m = float(row["gsd_m"])
    return Source(
        int(row["src_id"]),
        str(row["src_name"]),
        str(row["src_uri"]),
        row["src_hash"] or "",
        captured,
        None if np.isnan(gsd_m) else gsd_m,
        row["sensor"],
        Phase(row["eventphase"]),
        str(row["state"]),
    )
