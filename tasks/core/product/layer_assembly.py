"""The product's layers: all tiles' polygons, joined, filtered, cut back to the tiles, with every tile accounted for."""

import hashlib
import json
import re
from collections.abc import Sequence

import numpy as np
import pyproj
import shapely

from tasks.core.arrays import FloatArray, IntArray, ObjectArray
from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.given_areas.given_areas import NOTHING_GIVEN, GivenAreas
from tasks.core.given_areas.mask import reading_order
from tasks.core.joining.cutting import Pieces, cut
from tasks.core.joining.filtering import fill_small_holes, is_below
from tasks.core.joining.seam_joining import join
from tasks.core.product.area_of_interest import answered_in, area_of_interest_layers, failed_in, places_in
from tasks.core.product.assessment import not_assessed_layer, objects, observed_layer, place, tiles_layer
from tasks.core.product.clouded import CLOUD_FRAC, cloud_fraction
from tasks.core.product.given_ground import GivenGround
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
# Of the layers of a CRS.
ORDER = (
    "flood_extent",
    "flood_extent_by_tile",
    "normal_water",
    "flood_trace",
    "area_observed",
    "not_assessed",
    "area_of_interest",
    "excluded",
    "tiles",
    "to_check",
)


def assemble(
    answered: Sequence[AnsweredTile],
    failed: Sequence[FailedTile],
    min_contour_size: float,
    given: GivenAreas = NOTHING_GIVEN,
) -> list[Layer]:
    """Make the layers of the product: flood_extent, flood_extent_by_tile, area_observed, not_assessed, tiles, to_check.

    Tiles are joined, then holes below the smallest size are filled where all of them was observed, then polygons below
    it are dropped: that is the water. What of it is on excluded ground, and then what is normal water, is no flood.
    Last, all but the layer tiles is clipped to the area of interest: what that and excluded ground cut off stays,
    however small. The result does not depend on the order of the tiles.

    Args:
        answered: Tiles with an answer, in any order.
        failed: Tiles without one. Those whose place is not known go into the first set, without geometry.
        min_contour_size: Smallest polygon and hole kept, in square metres on the ellipsoid; equal is kept.
        given: Areas that people gave.

    Returns:
        The six layers, and behind flood_extent_by_tile those of what was given: normal_water and flood_trace; behind
        not_assessed area_of_interest; then excluded. Where tiles lie in several CRSs, all of them for each, the CRS in
        the name. Without any answer their extents are empty.

    Raises:
        UnusableArgument: An area that was given has no place in the CRS of the tiles.
    """
    answered, failed = sorted(answered, key=lambda tile: tile.id), sorted(failed, key=lambda tile: tile.id)
    first, *others = _crs_in_order(answered, failed)
    suffixes = layer_suffixes([first, *others])
    layers = []
    for crs in (first, *others):
        here = [tile for tile in answered if tile.grid.crs == crs]
        lost = [tile for tile in failed if (tile.crs if place(tile) is not None else first) == crs]
        layers += _layers_of(here, lost, min_contour_size, given, crs, suffixes[crs])
    if given.area_of_interest is not None:
        layers += area_of_interest_layers(given.area_of_interest, layers, suffixes)
    return sorted(layers, key=lambda layer: ([*suffixes.values()].index(layer.suffix), ORDER.index(layer.base)))


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
    answered: Sequence[AnsweredTile],
    failed: Sequence[FailedTile],
    min_contour_size: float,
    given: GivenAreas,
    crs: str,
    suffix: str,
) -> list[Layer]:
    """The layers of one CRS, but for the area of interest."""
    grids = [tile.grid for tile in answered]
    observed = objects(join([tile.extent.observed for tile in answered], crs, grids))
    water = objects(join([tile.extent.flood for tile in answered], crs, grids))
    water = _filtered(water, observed, min_contour_size, crs)
    ground = GivenGround.of(given, crs, observed, grids, min_contour_size)
    classes = ground.classify(water)
    flood = classes.flood.polygons
    pieces = cut(flood, [tile.extent.observed for tile in answered], crs)
    pieces_m2 = ellipsoidal_area_m2(pieces.geometries, crs)
    regions = AllRegions.of(answered)
    confidence = regions.within(water, wet=True)[classes.flood.owner]
    doubts = [
        unsure_polygons(flood, mean(confidence)),
        unsure_holes(water, regions),
        disagreements(answered, pieces, min_contour_size, crs),
        seam_cuts(answered, water, crs),
    ]
    seen, lost = answered, failed
    if ground.area is not None:
        doubts = [places_in(places, ground.area) for places in doubts]
        seen, lost = answered_in(answered, ground.area), failed_in(failed, ground.area)
    flood_m2 = np.asarray(np.bincount(pieces.tile_of, pieces_m2, len(answered)), np.float64)
    return [
        _flood_layer(flood, pieces, confidence, cloud_fraction(flood, seen), crs, suffix),
        _by_tile_layer(pieces, pieces_m2, answered, crs, suffix),
        *ground.layers(classes, observed, water, suffix),
        observed_layer(ground.within(observed), crs, suffix),
        not_assessed_layer(seen, lost, crs, suffix),
        tiles_layer(seen, failed, flood_m2, crs, suffix),
        to_check_layer(doubts, crs, suffix),
    ]


def _flood_layer(
    flood: ObjectArray, pieces: Pieces, confidence: IntArray, clouded: FloatArray, crs: str, suffix: str
) -> Layer:
    """The extent; ``confidence`` (n, LEVELS) is that of the water that each polygon is a part of."""
    columns: dict[str, Column] = {
        "flood_id": np.arange(1, len(flood) + 1),
        "area_m2": ellipsoidal_area_m2(flood, crs),
        "tile_count": np.bincount(pieces.polygon_of, minlength=len(flood)),
        CONF_MEAN: mean(confidence),
        CONF_P10: least_sure_tenth(confidence),
        CLOUD_FRAC: clouded,
    }
    return Layer("flood_extent", "Polygon", crs or None, flood, columns, suffix)


def _by_tile_layer(
    pieces: Pieces, areas_m2: FloatArray, answered: Sequence[AnsweredTile], crs: str, suffix: str
) -> Layer:
    columns: dict[str, Column] = {
        "flood_id": pieces.polygon_of + 1,
        "tile": objects([answered[number].id for number in pieces.tile_of]),
        "area_m2": areas_m2,
    }
    return Layer("flood_extent_by_tile", "MultiPolygon", crs or None, pieces.geometries, columns, suffix)


def _filtered(flood: ObjectArray, observed: ObjectArray, min_contour_size: float, crs: str) -> ObjectArray:
    """Fill holes, drop what is too small, and put the rest in reading order: from the north, then from the west."""
    if not len(flood):
        return flood
    flood = shapely.normalize(fill_small_holes(flood, observed, min_contour_size, crs))
    flood = flood[~is_below(flood, ellipsoidal_area_m2(flood, crs), min_contour_size, crs)]
    return np.asarray(flood[reading_order(flood)], np.object_)


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
