"""The map as pixels: the imagery, and the layers on it."""

from collections.abc import Mapping

import cv2
import numpy as np
import shapely

from tasks.core.arrays import BoolMask, ObjectArray, UInt8Array
from tasks.core.overview import signs
from tasks.core.overview.canvas import BLANK, filled, paint_area, paint_mask
from tasks.core.overview.map_frame import SUBPIXEL_BITS, MapFrame
from tasks.core.overview.signs import Sign
from tasks.core.product.layer import Layer
from tasks.core.product.to_check import TO_CHECK, TOLD

DOT_MM = 0.6


def paint_map(picture: UInt8Array, frame: MapFrame, group: Mapping[str, Layer], scale: float) -> None:
    """Paint the layers of one CRS on their imagery.

    Args:
        picture: uint8 (height, width, 3), BGR; it is painted on.
        frame: Of the picture.
        group: Layers by their base; those that are not there are not painted.
        scale: Pixels a mm.
    """
    paint_mask(picture, blank_unseen(picture, frame, group), signs.NOT_ASSESSED, scale)
    lined = picture.copy()
    paint_area(lined, frame.rings(geometries(group, "tiles")), signs.TILES, scale)
    cv2.addWeighted(lined, signs.TILES_SHARE, picture, 1 - signs.TILES_SHARE, 0, dst=picture)
    for base, sign in signs.AREAS.items():
        paint_area(picture, frame.rings(geometries(group, base)), sign.style, scale)
    for state, exposed in exposure_by_state(group).items():
        _paint_any(picture, frame, exposed, signs.EXPOSED[state], scale)
    paint_area(picture, frame.rings(geometries(group, "area_of_interest")), signs.AREA_OF_INTEREST, scale)
    for place in geometries(group, TO_CHECK)[:TOLD]:
        paint_area(picture, frame.rings(np.array([place], np.object_)), signs.PLACES, scale)


def geometries(group: Mapping[str, Layer], base: str) -> ObjectArray:
    """Of a layer, those that are known; none of a layer that is not there."""
    found = group[base].geometries if base in group else np.empty(0, np.object_)
    return np.asarray(found[~shapely.is_missing(found)], np.object_)


def blank_unseen(picture: UInt8Array, frame: MapFrame, group: Mapping[str, Layer]) -> BoolMask:
    """Blank what nobody looked at; the pixels that were looked at, and are not assessed."""
    shape = picture.shape[:2]
    lost = np.zeros(shape, np.uint8)
    # A union, not even-odd: failed tiles may overlap.
    for geometry in geometries(group, "not_assessed"):
        rings = frame.rings(np.array([geometry], np.object_))
        if rings:
            cv2.fillPoly(lost, rings, 1, shift=SUBPIXEL_BITS)
    unseen = ~filled(shape, frame.rings(geometries(group, "area_observed")))
    picture[unseen & (lost == 0)] = BLANK
    return np.asarray(unseen & (lost == 1))


def exposure_by_state(group: Mapping[str, Layer]) -> dict[str, ObjectArray]:
    """What is exposed as the map tells it apart: what touches flood; else what was not observed whole; the rest.

    Of lines each part by itself: a road is red where it is flooded.
    """
    exposed = geometries(group, "exposure")
    if not len(exposed):
        return {}
    flood, seen = geometries(group, "flood_extent"), geometries(group, "area_observed")
    is_line = shapely.get_dimensions(exposed) == 1
    whole, lines = exposed[~is_line], exposed[is_line]
    flooded = _found(whole, flood, "intersects")
    unknown = ~flooded & ~_found(whole, seen, "covered_by")
    wet, ground = shapely.union_all(flood), shapely.union_all(seen)
    states = {
        "dry": [*whole[~flooded & ~unknown], *shapely.difference(shapely.intersection(lines, ground), wet)],
        "unknown": [*whole[unknown], *shapely.difference(lines, shapely.union(ground, wet))],
        "flooded": [*whole[flooded], *shapely.intersection(lines, wet)],
    }
    found = {state: np.array([one for one in parts if not one.is_empty], np.object_) for state, parts in states.items()}
    return {state: parts for state, parts in found.items() if len(parts)}


def map_signs(group: Mapping[str, Layer]) -> list[Sign]:
    """The legend: what is on the map, and no more."""
    there = {base for base in group if len(geometries(group, base))}
    flood = signs.AREAS["flood_extent"] if "normal_water" in group else signs.WITH_PERMANENT
    others = ("normal_water", "flood_trace", "excluded")
    found = [flood, *(signs.AREAS[base] for base in others if base in there)]
    found += [signs.EXPOSED[state] for state in reversed(exposure_by_state(group))]
    found += [
        sign for base, sign in (("area_of_interest", signs.INTEREST), ("not_assessed", signs.LOST)) if base in there
    ]
    return [*found, signs.UNSEEN, *([signs.CHECKED] if TO_CHECK in there else [])]


def _found(exposed: ObjectArray, areas: ObjectArray, predicate: str) -> BoolMask:
    found = np.zeros(len(exposed), dtype=bool)
    found[shapely.STRtree(areas).query(exposed, predicate=predicate)[0]] = True
    return found


def _paint_any(picture: UInt8Array, frame: MapFrame, exposed: ObjectArray, sign: Sign, scale: float) -> None:
    """Polygons as areas, lines as lines, points as dots."""
    parts = shapely.get_parts(exposed)
    kinds = shapely.get_dimensions(parts)
    paint_area(picture, frame.rings(parts[kinds == 2]), sign.style, scale)  # noqa: PLR2004 - areas
    colour, thick = sign.style.fill or BLANK, max(1, round(2 * sign.style.line_mm * scale))
    lines = frame.fixed(parts[kinds == 1])
    cv2.polylines(picture, lines, False, colour, thick, cv2.LINE_AA, SUBPIXEL_BITS)  # noqa: FBT003 - isClosed
    for ((column, row),) in frame.fixed(parts[kinds == 0]):
        size = round(DOT_MM * scale * (1 << SUBPIXEL_BITS))
        cv2.circle(picture, (int(column), int(row)), size, colour, cv2.FILLED, cv2.LINE_AA, SUBPIXEL_BITS)
