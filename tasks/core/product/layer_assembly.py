"""The product's layers: all tiles' polygons, joined, filtered, cut back to the tiles, with every tile accounted for."""

import hashlib
import json
import re
from collections.abc import Sequence

import numpy as np
import pyproj
import shapely

from tasks.core.arrays import ObjectArray
from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.joining.cutting import cut
from tasks.core.joining.filtering import fill_small_holes, is_below
from tasks.core.joining.seam_joining import join
from tasks.core.product.assessment import not_assessed_layer, objects, observed_layer, place, tiles_layer
from tasks.core.product.layer import AnsweredTile, Column, FailedTile, Layer
from tasks.core.product.polygon_confidence import (
    CONF_MEAN,
    CONF_P10,
    AllRegions,
    least_sure_tenth,
    mean,
    unsure_holes,
    unsure_polygons,
)
from tasks.core.product.seam_cuts import seam_cuts
from tasks.core.product.tile_disagreements import disagreements
from tasks.core.product.to_check import to_check_layer

SUFFIX_LENGTH = 30


def assemble(answered: Sequence[AnsweredTile], failed: Sequence[FailedTile], min_contour_size: float) -> list[Layer]:
    """Make the layers of the product: flood_extent, flood_extent_by_tile, area_observed, not_assessed, tiles, to_check.

    Tiles are joined, then holes below the smallest size are filled where all of them was observed, then polygons below
    it are dropped. The result does not depend on the order of the tiles.

    Args:
        answered: Tiles with an answer, in any order.
        failed: Tiles without one. Those whose place is not known go into the first set, without geometry.
        min_contour_size: Smallest polygon and hole kept, in square metres on the ellipsoid; equal is kept.

    Returns:
        The six layers; where tiles lie in several CRSs, six for each, the CRS in the name. Without any answer their
        extents are empty.
    """
    answered, failed = sorted(answered, key=lambda tile: tile.id), sorted(failed, key=lambda tile: tile.id)
    first, *others = _crs_in_order(answered, failed)
    suffixes = layer_suffixes([first, *others])
    layers = []
    for crs in (first, *others):
        here = [tile for tile in answered if tile.grid.crs == crs]
        lost = [tile for tile in failed if (tile.crs if place(tile) is not None else first) == crs]
        layers += _layers_of(here, lost, min_contour_size, crs, suffixes[crs])
    return layers


def content_hash(layers: Sequence[Layer]) -> str:
    """SHA-256 over the joined extent: what it is, not how, where or when it was made.

    Of each flood_extent layer, by name: its name, CRS, and its features sorted: normalised WKB, flood_id and
    tile_count. The area follows from the geometry; its last digits depend on the machine, so it is left out. So is the
    confidence, which says nothing of what the extent is.
    """
    digest = hashlib.sha256()
    for layer in sorted(layers, key=lambda layer: layer.name):
        if layer.base != "flood_extent":
            continue
        digest.update(json.dumps([layer.name, layer.crs, len(layer)]).encode())
        wkb = shapely.to_wkb(shapely.normalize(layer.geometries), byte_order=1)
        numbers = zip(layer.columns["flood_id"].tolist(), layer.columns["tile_count"].tolist(), strict=True)
        for geometry, row in sorted(zip(wkb, numbers, strict=True)):
            digest.update(geometry + json.dumps(row).encode())
    return digest.hexdigest()


def _layers_of(
    answered: Sequence[AnsweredTile], failed: Sequence[FailedTile], min_contour_size: float, crs: str, suffix: str
) -> list[Layer]:
    """The six layers of one CRS."""
    grids = [tile.grid for tile in answered]
    observed = objects(join([tile.extent.observed for tile in answered], crs, grids))
    flood = objects(join([tile.extent.flood for tile in answered], crs, grids))
    flood = _filtered(flood, observed, min_contour_size, crs)
    pieces = cut(flood, [tile.extent.observed for tile in answered], crs)
    pieces_m2 = ellipsoidal_area_m2(pieces.geometries, crs)
    regions = AllRegions.of(answered)
    confidence = regions.within(flood, wet=True)
    extent: dict[str, Column] = {
        "flood_id": np.arange(1, len(flood) + 1),
        "area_m2": ellipsoidal_area_m2(flood, crs),
        "tile_count": np.bincount(pieces.polygon_of, minlength=len(flood)),
        CONF_MEAN: mean(confidence),
        CONF_P10: least_sure_tenth(confidence),
    }
    by_tile: dict[str, Column] = {
        "flood_id": pieces.polygon_of + 1,
        "tile": objects([answered[number].id for number in pieces.tile_of]),
        "area_m2": pieces_m2,
    }
    flood_m2 = np.asarray(np.bincount(pieces.tile_of, pieces_m2, len(answered)), np.float64)
    doubts = [
        unsure_polygons(flood, mean(confidence)),
        unsure_holes(flood, regions),
        disagreements(answered, pieces, min_contour_size, crs),
        seam_cuts(answered, flood, crs),
    ]
    return [
        Layer("flood_extent", "Polygon", crs or None, flood, extent, suffix),
        Layer("flood_extent_by_tile", "MultiPolygon", crs or None, pieces.geometries, by_tile, suffix),
        observed_layer(observed, crs, suffix),
        not_assessed_layer(answered, failed, crs, suffix),
        tiles_layer(answered, failed, flood_m2, crs, suffix),
        to_check_layer(doubts, crs, suffix),
    ]


def _filtered(flood: ObjectArray, observed: ObjectArray, min_contour_size: float, crs: str) -> ObjectArray:
    """Fill holes, drop what is too small, and put the rest in reading order: from the north, then from the west."""
    if not len(flood):
        return flood
    flood = shapely.normalize(fill_small_holes(flood, observed, min_contour_size, crs))
    flood = flood[~is_below(flood, ellipsoidal_area_m2(flood, crs), min_contour_size, crs)]
    west, _, _, north = shapely.bounds(flood).reshape(-1, 4).T
    return np.asarray(flood[np.lexsort((shapely.to_wkb(flood), west, -north))], np.object_)


def _crs_in_order(answered: Sequence[AnsweredTile], failed: Sequence[FailedTile]) -> list[str]:
    """CRSs of all tiles whose place is known, those with answers first; one without a name where there are none."""
    seen = {tile.grid.crs for tile in answered}
    unseen = {tile.crs for tile in failed if tile.crs is not None and place(tile) is not None} - seen
    return [*sorted(seen), *sorted(unseen)] or [""]


def layer_suffixes(crss: Sequence[str]) -> dict[str, str]:
    """What to add to a layer's name for each CRS: nothing where there is but one."""
    if len(crss) == 1:
        return {crss[0]: ""}
    suffixes: dict[str, str] = {}
    for crs in crss:
        name = crs if crs.upper().startswith("EPSG:") else pyproj.CRS.from_user_input(crs).name
        short = "_" + re.sub(r"[^a-z0-9]", "", name.lower())[:SUFFIX_LENGTH]
        taken = sum(other.startswith(short) for other in suffixes.values())
        suffixes[crs] = f"{short}_{taken + 1}" if short in suffixes.values() else short
    return suffixes
