"""What each polygon of the extent says of itself: the event, how and from which frame it was found, when, by what.

Field names have at most ten characters, so that every format holds them; ``docs/data-model.md`` has the table, with the
fields of Copernicus EMS and UNOSAT that they equal.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import shapely

from tasks.core.arrays import FloatArray, IntArray, ObjectArray
from tasks.core.geo.areas import M2_PER_HECTARE
from tasks.core.geo.lengths import lengths_m
from tasks.core.geo.precision import step
from tasks.core.product.assessment import objects
from tasks.core.product.edition import Edition, Source
from tasks.core.product.layer import Column, Layer
from tasks.core.product.mapped_pixel import PIXEL_M
from tasks.core.product.sources import relation_table, source_table

NOTATION = "Flooded area"
ANY_FLOOD = "Flood"
TOUCH_STEPS = 2  # of the rounding: what was cut at an edge may miss it by as much
SEVERAL_DATES = "frames of several dates saw it"
# In the order of the files; what assembling has found out stands between what is said here.
FIELDS = (
    "flood_id", "event_id", "event_type", "obj_desc", "det_method", "notation", "src_id", "src_name", "src_date",
    "src_time", "gsd_m", "map_res_m", "area_m2", "area_ha", "perim_m", "tile_count", "conf_mean", "conf_p10",
    "edge_flag", "cloud_frac", "valid_stat", "model_id", "run_id", "proc_time", "release", "notes",
)  # fmt: skip


def described(layers: Sequence[Layer], edition: Edition) -> list[Layer]:
    """The layers, with the extent's full attributes, and the tables ``flood_source`` (a CRS each) and ``source``.

    Args:
        layers: As ``layer_assembly.assemble`` gives them.
        edition: Whose product this is; its sources are all tiles of the layers.
    """
    by_name = {(layer.base, layer.suffix): layer for layer in layers}
    extended = []
    for layer in layers:
        extended.append(layer)
        if layer.base == "flood_extent":
            pieces, tiles, observed = (
                by_name[base, layer.suffix] for base in ("flood_extent_by_tile", "tiles", "area_observed")
            )
            extended[-1] = _extent(layer, pieces, tiles, observed, edition)
        if layer.base == "flood_extent_by_tile":
            extended.append(relation_table(layer, edition.sources))
    return [*extended, source_table(edition.sources)]


def _extent(extent: Layer, pieces: Layer, tiles: Layer, observed: Layer, edition: Edition) -> Layer:
    found = dict(extent.columns)
    principal = _principal(extent, pieces)
    sources = {one.tile: one for one in edition.sources}
    named = [None if tile is None else sources[tile] for tile in principal]
    known: dict[str, Column] = {
        **_of_edition(len(extent), edition),
        **_of_sources(named),
        "map_res_m": _pixels_m(principal, tiles),
        "area_ha": np.asarray(found["area_m2"], np.float64) / M2_PER_HECTARE,
        "perim_m": lengths_m(extent.geometries, str(extent.crs)),
        "edge_flag": _at_edge(extent, observed),
        "notes": _notes(extent, pieces, sources),
    }
    columns = {**found, **known}
    order = [*(name for name in FIELDS if name in columns), *(name for name in columns if name not in FIELDS)]
    return replace(extent, columns={name: columns[name] for name in order})


def _of_edition(rows: int, edition: Edition) -> dict[str, Column]:
    """What is the same of every polygon."""
    texts = {
        "event_id": edition.event.id,
        "event_type": edition.event.type,
        "obj_desc": edition.event.subtype or ANY_FLOOD,
        "det_method": edition.det_method,
        "notation": NOTATION,
        "valid_stat": edition.valid_stat,
        "model_id": edition.model_id,
        "run_id": edition.run_id,
        "proc_time": f"{edition.made:%Y-%m-%dT%H:%M:%SZ}",
    }
    columns: dict[str, Column] = {name: objects([text] * rows) for name, text in texts.items()}
    return {**columns, "release": np.full(rows, edition.release, np.int64)}


def _of_sources(named: Sequence[Source | None]) -> dict[str, Column]:
    """What is said of the frame that saw most of each polygon; NULL where no frame did."""
    times = [None if one is None else one.captured for one in named]
    ids = np.array([0 if one is None else one.src_id for one in named], np.int64)
    return {
        "src_id": np.ma.masked_array(ids, ids == 0),
        "src_name": objects([None if one is None else one.tile for one in named]),
        "src_date": objects([None if time is None else time.date for time in times]),
        "src_time": objects([None if time is None else time.time for time in times]),
        "gsd_m": np.array([np.nan if one is None or one.gsd_m is None else one.gsd_m for one in named], np.float64),
    }


def _rows_of(extent: Layer, pieces: Layer) -> IntArray:
    """(m,) the row of the polygon that each piece is of."""
    ids = np.asarray(extent.columns["flood_id"], np.int64)
    order = np.argsort(ids)
    return np.asarray(order[np.searchsorted(ids, pieces.columns["flood_id"], sorter=order)], np.int64)


def _principal(extent: Layer, pieces: Layer) -> ObjectArray:
    """(n,) the tile that saw most of each polygon, the first of equals; None where none did."""
    tiles: ObjectArray = np.full(len(extent), None, np.object_)
    owner = _rows_of(extent, pieces)
    areas = np.asarray(pieces.columns["area_m2"], np.float64)
    order = np.lexsort((-np.arange(len(owner)), areas))  # of several values the last one stays
    tiles[owner[order]] = pieces.columns["tile"][order]
    return tiles


def _pixels_m(principal: ObjectArray, tiles: Layer) -> FloatArray:
    pixel_of = dict(zip(tiles.columns["tile"].tolist(), tiles.columns[PIXEL_M].tolist(), strict=True))
    return np.array([pixel_of.get(tile, np.nan) for tile in principal], np.float64)


def _at_edge(extent: Layer, observed: Layer) -> IntArray:
    """1 where a polygon reaches the edge of what was observed, beyond which it may go on; else 0."""
    flags = np.zeros(len(extent), np.int64)
    if len(extent) and len(observed):
        edges = shapely.get_parts(shapely.boundary(observed.geometries))
        distance = TOUCH_STEPS * step(str(extent.crs))
        touching, _ = shapely.STRtree(edges).query(extent.geometries, predicate="dwithin", distance=distance)
        flags[touching] = 1
    return flags


def _notes(extent: Layer, pieces: Layer, sources: dict[str, Source]) -> ObjectArray:
    """What was noted before, and where frames of several dates saw a polygon, which."""
    dates: list[set[str]] = [set() for _ in range(len(extent))]
    for row, tile in zip(_rows_of(extent, pieces).tolist(), pieces.columns["tile"].tolist(), strict=True):
        captured = sources[tile].captured
        if captured is not None:
            dates[row].add(captured.date)
    noted = extent.columns.get("notes", objects([None] * len(extent)))
    several = [f"{SEVERAL_DATES}: {min(one)} to {max(one)}" if len(one) > 1 else None for one in dates]
    return objects(["; ".join(filter(None, texts)) or None for texts in zip(noted, several, strict=True)])
