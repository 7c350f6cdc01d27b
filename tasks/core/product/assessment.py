"""Which ground was observed, which was not assessed, and what a tile saw that others saw too."""

from collections.abc import Collection, Sequence

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from tasks.core.arrays import FloatArray, ObjectArray
from tasks.core.class_map import FLOOD_UNDER_CLOUD, IGNORED
from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.geo.grid import Grid
from tasks.core.geo.precision import step
from tasks.core.joining.uniting import as_multipolygons, numbers_by_owner
from tasks.core.polygons.tracing import ground
from tasks.core.product.layer import UNDER_CLOUD, AnsweredTile, Column, FailedTile, Layer
from tasks.core.product.mapped_pixel import PIXEL_M

DONE = "done"
LAST_STAGE = "extract"
IGNORED_CLASS = "ignored ground is not assessed: labels give the model's class here as 3"


def reason(flood_labels: Collection[int], class_map: Collection[int] | None) -> str:
    """Why valid ground of an answered tile may be unassessed.

    Args:
        flood_labels: Labels that count as flood.
        class_map: Labels that the model's classes are mapped to; None where they are not: then none is ignored.
    """
    is_ignored = class_map is not None and IGNORED in class_map
    is_hidden = FLOOD_UNDER_CLOUD not in flood_labels and (class_map is None or FLOOD_UNDER_CLOUD in class_map)
    return "; or ".join([UNDER_CLOUD] * is_hidden + [IGNORED_CLASS] * is_ignored)


def objects(values: Sequence[object]) -> ObjectArray:
    """(n,) array of objects, also of those that numpy would take apart."""
    array = np.empty(len(values), np.object_)
    array[:] = values
    return array


def observed_layer(observed: ObjectArray, crs: str, suffix: str) -> Layer:
    """The dissolved ground that was observed, one feature a connected part."""
    columns: dict[str, Column] = {"area_m2": ellipsoidal_area_m2(observed, crs)}
    return Layer("area_observed", "Polygon", crs or None, observed, columns, suffix)


def not_assessed_layer(answered: Sequence[AnsweredTile], failed: Sequence[FailedTile], crs: str, suffix: str) -> Layer:
    """One feature a failed tile, and one a tile with ground that its answer leaves open (``reason``).

    A tile whose place is not known has neither area nor ``observed_elsewhere``: NaN, which files hold as NULL.
    """
    rows = [(tile.id, tile.stage, tile.error, place(tile)) for tile in failed]
    rows += [
        (tile.id, LAST_STAGE, tile.unassessed, tile.extent.unassessed)
        for tile in answered
        if not tile.extent.unassessed.is_empty
    ]
    rows.sort(key=lambda row: row[:2])
    tiles, stages, errors, areas = (objects([row[term] for row in rows]) for term in range(4))
    areas_m2, seen_m2 = _known_area_m2(areas, crs), seen_by_others_m2(areas, tiles, answered, crs)
    columns: dict[str, Column] = {
        "tile": tiles,
        "stage": stages,
        "error": errors,
        "observed_elsewhere": np.minimum(1.0, seen_m2 / np.where(areas_m2 == 0, 1.0, areas_m2)),
        "area_m2": areas_m2,
    }
    return Layer("not_assessed", "MultiPolygon", crs or None, areas, columns, suffix)


def tiles_layer(
    answered: Sequence[AnsweredTile],
    failed: Sequence[FailedTile],
    flood_m2: FloatArray,
    crs: str,
    suffix: str,
) -> Layer:
    """A row for every tile, sorted by id; without geometry where its place is not known.

    No answer is not "nothing": areas of failed tiles are NaN and their ``pad_px`` masked, which files hold as NULL.
    ``flood_m2`` is of the joined and filtered extent, in each answered tile.
    """
    everyone: list[AnsweredTile | FailedTile] = [*answered, *failed]
    ids = objects([tile.id for tile in everyone])
    observed = objects([*(tile.extent.observed for tile in answered), *(None for _ in failed)])
    unknown = np.full(len(failed), np.nan)
    has_answer = np.arange(len(everyone)) < len(answered)
    columns: dict[str, Column] = {
        "tile": ids,
        "state": objects([*(DONE for _ in answered), *(tile.state for tile in failed)]),
        "stage": objects([*(LAST_STAGE for _ in answered), *(tile.stage for tile in failed)]),
        "seconds": np.array([tile.seconds for tile in everyone], np.float64),
        "error": objects([*("" for _ in answered), *(tile.error for tile in failed)]),
        "flood_m2": np.concatenate([flood_m2, unknown]),
        "observed_m2": _known_area_m2(observed, crs),
        "pad_px": np.ma.masked_array(
            np.array([*(tile.extent.flood_px_in_padding for tile in answered), *(0 for _ in failed)], np.int64),
            ~has_answer,
        ),
        "overlap_m2": np.where(has_answer, seen_by_others_m2(observed, ids, answered, crs), np.nan),
    }
    places = objects([*(footprint(tile.grid) for tile in answered), *(place(tile) for tile in failed)])
    pixels = np.array([*(tile.grid.width_px * tile.grid.height_px for tile in answered), *unknown])
    columns[PIXEL_M] = np.sqrt(_known_area_m2(places, crs) / pixels)
    order = np.argsort(ids, kind="stable")
    sorted_columns = {name: values[order] for name, values in columns.items()}
    return Layer("tiles", "MultiPolygon", crs or None, places[order], sorted_columns, suffix)


def seen_by_others_m2(areas: ObjectArray, tiles: ObjectArray, answered: Sequence[AnsweredTile], crs: str) -> FloatArray:
    """How much of each area other tiles than its own observed, in square metres on the ellipsoid.

    ``areas`` are (n,) multipolygons or None, ``tiles`` (n,) the id of the tile that each belongs to.
    """
    if not answered:
        return np.zeros(len(areas))
    names = objects([tile.id for tile in answered])
    observed = objects([tile.extent.observed for tile in answered])
    area, other = shapely.STRtree(observed).query(areas)
    foreign = names[other] != tiles[area]
    area, other = area[foreign], other[foreign]
    shared = as_multipolygons(shapely.intersection(areas[area], observed[other]), step(crs))
    united = objects([shapely.union_all(shared[pairs]) for pairs in numbers_by_owner(area, len(areas))])
    return ellipsoidal_area_m2(united, crs)


def _known_area_m2(areas: ObjectArray, crs: str) -> FloatArray:
    """Square metres on the ellipsoid; NaN where there is no geometry."""
    return np.where(shapely.is_missing(areas), np.nan, ellipsoidal_area_m2(areas, crs))


def footprint(grid: Grid) -> MultiPolygon:
    """The ground that a grid covers."""
    corners = np.array([(0, 0), (grid.width_px, 0), (grid.width_px, grid.height_px), (0, grid.height_px)], np.float64)
    return MultiPolygon([Polygon(ground(grid)(corners))])


def place(tile: FailedTile) -> MultiPolygon | None:
    """Where a failed tile lies; None where that is not known, or nothing of it is valid."""
    return None if tile.area is None or tile.area.is_empty else tile.area
