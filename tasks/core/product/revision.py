"""The next release of a product: an analyst's corrected polygons in the place of its extent.

All else that the product says stays: what was observed, what was not assessed, and what became of each tile. Ground
that the analyst calls flood is no normal water and no trace any more, so that the classes still add up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely

from tasks.core.arrays import BoolMask, FloatArray, IntArray, ObjectArray
from tasks.core.geo.areas import M2_PER_HECTARE, ellipsoidal_area_m2
from tasks.core.geo.precision import round_coordinates, step
from tasks.core.joining.cutting import Pieces, cut
from tasks.core.joining.uniting import as_multipolygons, unite, valid_polygons
from tasks.core.product.assessment import DONE, objects
from tasks.core.product.layer import Column, Layer

EDITED, KEPT = "edited", "as in release {release}"
DISJOINT = ("normal_water", "flood_trace", "excluded")  # what is flood is none of these
OF_A_CRS = (
    "flood_extent", "flood_extent_by_tile", *DISJOINT, "area_observed", "not_assessed", "area_of_interest", "tiles",
    "to_check",
)  # fmt: skip
# Of a polygon that was edited nobody knows them: they are those of what a model has labelled.
OF_THE_MODEL = ("conf_mean", "conf_p10", "cloud_frac")


@dataclass(frozen=True, slots=True, eq=False)
class Revision:
    """A product's layers with a corrected extent.

    Attributes:
        layers: All of them, the extent without its attributes (``attributes.described`` adds them).
        warnings: What an analyst should know of the polygons, a sentence each.
    """

    layers: list[Layer]
    warnings: tuple[str, ...]


def revised(layers: Sequence[Layer], edited: Mapping[str, ObjectArray], release: int) -> Revision:
    """Put corrected polygons in the place of the extent.

    Args:
        layers: Of the release before.
        edited: (n,) polygons and multipolygons by CRS, in its units; a CRS that is missing stays as it is.
        release: Number of the release before.

    Returns:
        The layers: the extent repaired, dissolved, on the lattice; a polygon keeps the id of the one that it shares
        most ground with, and gets a new one where there is none.
    """
    found: list[Layer] = []
    warnings: list[str] = []
    for suffix in [layer.suffix for layer in layers if layer.base == "flood_extent"]:
        group = {layer.base: layer for layer in layers if layer.suffix == suffix and layer.base in OF_A_CRS}
        crs = str(group["flood_extent"].crs)
        if crs in edited:
            group, said = _revised(group, edited[crs], crs, release)
            warnings += said
        found += group.values()
    return Revision(found, tuple(warnings))


def _revised(
    group: Mapping[str, Layer], polygons: ObjectArray, crs: str, release: int
) -> tuple[dict[str, Layer], list[str]]:
    flood, warnings = _cleaned(polygons, crs)
    area = group.get("area_of_interest")
    if area is not None:
        flood, outside_m2 = _clipped(flood, area.geometries, crs)
        if outside_m2 > 1:
            warnings.append(f"{outside_m2 / M2_PER_HECTARE:,.2f} ha beyond the area of interest were cut off")
    observed = group["area_observed"].geometries
    unseen_m2 = _outside_m2(flood, observed, crs)
    if unseen_m2 > 1:
        warnings.append(f"{unseen_m2 / M2_PER_HECTARE:,.2f} ha of flood lie on ground that no frame shows")
    before = group["flood_extent"]
    same, ids = _identity(flood, before)
    pieces = cut(flood, _seen(group["tiles"], observed), crs)
    pieces_m2 = ellipsoidal_area_m2(pieces.geometries, crs)
    extent = _extent(flood, before, same, ids, np.bincount(pieces.polygon_of, minlength=len(flood)), release)
    changed: dict[str, Layer] = {
        "flood_extent": extent,
        "flood_extent_by_tile": _by_tile(group["tiles"], pieces, pieces_m2, ids, before.suffix),
        "tiles": _with_flood(group["tiles"], pieces, pieces_m2),
        **{base: _without(group[base], flood, crs) for base in DISJOINT if base in group},
    }
    return {**group, **changed}, warnings


def _cleaned(polygons: ObjectArray, crs: str) -> tuple[ObjectArray, list[str]]:
    """Valid polygons that overlap nowhere, on the lattice, in reading order."""
    parts = shapely.get_parts(polygons[~shapely.is_missing(polygons)])
    parts = shapely.transform(parts, lambda points: round_coordinates(points, crs))
    broken = ~shapely.is_valid(parts)
    warnings = []
    if broken.any():
        x, y = shapely.get_coordinates(shapely.centroid(parts[broken][:1]))[0]
        why = shapely.is_valid_reason(parts[broken][0]).partition("[")[0].lower()
        where = f"the first at {x:.1f}, {y:.1f} ({why})"
        warnings.append(f"{int(broken.sum())} polygons were invalid and were repaired, {where}")
    found = valid_polygons(parts)
    before_m2 = float(ellipsoidal_area_m2(found, crs).sum())
    united = _polygons(unite(found, np.arange(len(found))), crs)
    shared_m2 = before_m2 - float(ellipsoidal_area_m2(united, crs).sum())
    if shared_m2 > 1:
        warnings.append(f"polygons overlapped: {shared_m2:,.0f} m² that were there twice count once")
    return _in_order(united), warnings


def _polygons(geometries: ObjectArray, crs: str) -> ObjectArray:
    """The solid polygons in geometries."""
    return np.asarray(shapely.get_parts(as_multipolygons(geometries, step(crs))), np.object_)


def _in_order(polygons: ObjectArray) -> ObjectArray:
    """From the north, then from the west."""
    polygons = shapely.normalize(polygons)
    west, _, _, north = shapely.bounds(polygons).reshape(-1, 4).T
    return np.asarray(polygons[np.lexsort((shapely.to_wkb(polygons), west, -north))], np.object_)


def _clipped(flood: ObjectArray, area: ObjectArray, crs: str) -> tuple[ObjectArray, float]:
    """What lies in the area of interest, and how much does not, m²."""
    inside = _polygons(shapely.intersection(flood, shapely.union_all(area), grid_size=step(crs)), crs)
    beyond_m2 = float(ellipsoidal_area_m2(flood, crs).sum() - ellipsoidal_area_m2(inside, crs).sum())
    return _in_order(inside), beyond_m2


def _outside_m2(flood: ObjectArray, observed: ObjectArray, crs: str) -> float:
    beyond = as_multipolygons(shapely.difference(flood, shapely.union_all(observed)), step(crs))
    return float(ellipsoidal_area_m2(beyond, crs).sum())


def _identity(flood: ObjectArray, before: Layer) -> tuple[BoolMask, IntArray]:
    """Whether each polygon is one of the release before, and its id.

    Of several that share ground with one of before, that with most of it keeps its id; the others get new ones.
    """
    ids, known = np.zeros(len(flood), np.int64), np.asarray(before.columns["flood_id"], np.int64)
    new, old = shapely.STRtree(before.geometries).query(flood, predicate="intersects")
    shared = shapely.area(shapely.intersection(flood[new], before.geometries[old]))
    taken: set[int] = set()
    for pair in np.argsort(-shared, kind="stable"):
        row, flood_id = int(new[pair]), int(known[old[pair]])
        if shared[pair] > 0 and not ids[row] and flood_id not in taken:
            ids[row] = flood_id
            taken.add(flood_id)
    fresh = ids == 0
    ids[fresh] = np.arange(1, fresh.sum() + 1) + (known.max() if len(known) else 0)
    same = np.zeros(len(flood), np.bool_)
    same[new[shapely.equals(flood[new], before.geometries[old])]] = True
    return same, ids


def _extent(
    flood: ObjectArray, before: Layer, same: BoolMask, ids: IntArray, tile_count: IntArray, release: int
) -> Layer:
    """The extent, with what the model said of the polygons that are as they were."""
    row_of = {int(flood_id): row for row, flood_id in enumerate(before.columns["flood_id"].tolist())}
    rows = np.array([row_of.get(int(flood_id), 0) for flood_id in ids], np.intp)
    columns: dict[str, Column] = {
        "flood_id": ids,
        "area_m2": ellipsoidal_area_m2(flood, str(before.crs)),
        "tile_count": tile_count,
        "notes": objects([KEPT.format(release=release) if one else EDITED for one in same]),
    }
    for name in OF_THE_MODEL:
        if name in before.columns and len(before):
            columns[name] = np.where(same, np.asarray(before.columns[name], np.float64)[rows], np.nan)
    return replace(before, geometries=flood, columns=columns, geometry_type="Polygon")


def _answered(tiles: Layer) -> IntArray:
    return np.flatnonzero(tiles.columns["state"] == DONE)


def _seen(tiles: Layer, observed: ObjectArray) -> list[shapely.MultiPolygon]:
    """What each answered tile observed: of its footprint what any did."""
    footprints = tiles.geometries[_answered(tiles)]
    return list(as_multipolygons(shapely.intersection(footprints, shapely.union_all(observed))))


def _by_tile(tiles: Layer, pieces: Pieces, areas_m2: FloatArray, ids: IntArray, suffix: str) -> Layer:
    names = tiles.columns["tile"][_answered(tiles)]
    columns: dict[str, Column] = {
        "flood_id": ids[pieces.polygon_of],
        "tile": objects(names[pieces.tile_of].tolist()),
        "area_m2": areas_m2,
    }
    return Layer("flood_extent_by_tile", "MultiPolygon", tiles.crs, pieces.geometries, columns, suffix)


def _with_flood(tiles: Layer, pieces: Pieces, areas_m2: FloatArray) -> Layer:
    """The tiles with the flood that is in each now."""
    flood_m2 = np.full(len(tiles), np.nan)
    answered = _answered(tiles)
    flood_m2[answered] = np.bincount(pieces.tile_of, areas_m2, len(answered))
    return replace(tiles, columns={**tiles.columns, "flood_m2": flood_m2})


def _without(layer: Layer, flood: ObjectArray, crs: str) -> Layer:
    """A layer of polygons without the ground that is flood, each part a row of its own."""
    if not len(layer) or not len(flood):
        return layer
    rest = shapely.difference(layer.geometries, shapely.union_all(flood), grid_size=step(crs))
    parts, owner = shapely.get_parts(as_multipolygons(rest, step(crs)), return_index=True)
    columns: dict[str, Column] = {name: values[owner] for name, values in layer.columns.items()}
    return replace(layer, geometries=parts, columns={**columns, "area_m2": ellipsoidal_area_m2(parts, crs)})
