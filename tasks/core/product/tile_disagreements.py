"""Ground that two tiles saw and answered for differently."""

from collections.abc import Sequence

import cv2
import numpy as np
import shapely
from shapely import MultiPolygon

from tasks.core.arrays import BoolMask, ObjectArray
from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.joining.cutting import Pieces
from tasks.core.joining.uniting import numbers_by_owner
from tasks.core.polygons.burning import burn
from tasks.core.polygons.tracing import mask_polygons, to_crs
from tasks.core.product.assessment import objects
from tasks.core.product.layer import AnsweredTile
from tasks.core.product.places import Places, heaviest, pixel_side

# Two grids draw one outline up to a pixel apart, and a georeference may be off by as much again.
MISREGISTRATION_PX = 2
FINE = 100  # parts of a pixel; where equal measures round apart, only time is lost
DIFFERS = "{tile}: no flood here, but in a tile that overlaps it"


def disagreements(answered: Sequence[AnsweredTile], pieces: Pieces, min_area_m2: float, crs: str) -> Places:
    """Where a tile says dry and another that saw the same ground says flood.

    Of the joined extent, cut to a tile, it is what is not the tile's own flood. That is also true of holes that were
    filled; these, like all that would be too small to map, are below ``min_area_m2``. What is nowhere wider than two
    mapped pixels is misregistration.

    Args:
        answered: All tiles of the CRS.
        pieces: The joined and filtered extent, cut to each tile's observed ground.
        min_area_m2: Smallest polygon and hole of the product.
        crs: Of all of them.
    """
    pieces_of = numbers_by_owner(pieces.tile_of, len(answered))
    found = [
        (part, tile)
        for number, shared in _overlaps(answered).items()
        for tile in [answered[number]]
        for part in shapely.get_parts(_differing(tile, shared, pieces.geometries[pieces_of[number]]))
    ]
    parts = objects([part for part, _ in found])
    area_m2 = ellipsoidal_area_m2(parts, crs)
    large = np.flatnonzero(area_m2 >= min_area_m2)
    chosen = large[heaviest(area_m2[large])]
    reasons = [DIFFERS.format(tile=found[number][1].id) for number in chosen]
    return Places(parts[chosen], np.ones(len(chosen)), reasons, len(large) - len(chosen))


def _overlaps(answered: Sequence[AnsweredTile]) -> dict[int, object]:
    """Ground that others saw too, by the number of the tile; only where that is more than a misregistered edge."""
    observed = objects([tile.extent.observed for tile in answered])
    sides = np.array([pixel_side(tile.grid) for tile in answered])
    first, second = shapely.STRtree(observed).query(observed)
    bounds = shapely.bounds(observed).reshape(-1, 4)
    low, high = (join(bounds[first, part], bounds[second, part]) for join, part in _CORNERS)
    wide = (high - low > MISREGISTRATION_PX * sides[first, None]).all(axis=1) & (first != second)
    first, second = first[wide], second[wide]
    shared = shapely.intersection(observed[first], observed[second])
    pairs_of = numbers_by_owner(first, len(answered))
    return {number: shapely.union_all(shared[pairs]) for number, pairs in enumerate(pairs_of) if len(pairs)}


_CORNERS = ((np.maximum, np.s_[:2]), (np.minimum, np.s_[2:]))


def _differing(tile: AnsweredTile, shared: object, pieces: ObjectArray) -> MultiPolygon:
    """What of the pieces lies in shared ground, is not the tile's flood, and is not as thin as misregistration."""
    wet, own = shapely.get_parts(pieces), shapely.get_parts(tile.extent.flood)
    wet = wet[~_among(wet, own, pixel_side(tile.grid))]
    if not shapely.intersects(shared, wet).any():
        return MultiPolygon()
    # As masks: overlaying polygons takes several times as long as joining them where many differ a little.
    excess = burn(wet, tile.grid) & burn(objects([shared]), tile.grid) & ~burn(own, tile.grid)
    kernel = np.ones((MISREGISTRATION_PX + 1,) * 2, np.uint8)
    inner = cv2.erode(excess.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return to_crs(mask_polygons(cv2.dilate(inner, kernel) > 0), tile.grid)


def _among(wet: ObjectArray, own: ObjectArray, pixel: float) -> BoolMask:
    """Whether polygons are among the tile's own, most often all: such a one has its bounds and its area.

    None of its own reaches beyond the polygon that it has become a part of, so that no more needs to be compared.
    """
    measures = [np.column_stack([shapely.bounds(areas).reshape(-1, 4), shapely.area(areas)]) for areas in (own, wet)]
    rounded = np.rint(np.concatenate(measures) / ([pixel / FINE] * 4 + [pixel**2 / FINE]))
    kinds = np.unique(rounded, axis=0, return_inverse=True)[1].ravel()
    return np.isin(kinds[len(own) :], kinds[: len(own)])
