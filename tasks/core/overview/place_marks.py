"""Marks on the map where a person should look: an outline, and the place's rank beside it."""

import cv2
import numpy as np
import shapely

from tasks.core.arrays import FloatArray, ObjectArray, UInt8Array
from tasks.core.overview.map_frame import SUBPIXEL_BITS, MapFrame
from tasks.core.overview.map_page import FONT, TEXT_SIZE, Colour

# BGR. No ground of NRG imagery has this green, nor has another sign of the map.
MARK: Colour = (40, 255, 90)
MARK_INK: Colour = (0, 40, 0)
LINE_PX, RADIUS_PX = 2, 11
HIDDEN_PX = 4 * RADIUS_PX


def mark_places(picture: UInt8Array, frame: MapFrame, places: ObjectArray) -> None:
    """Outline places and number them from 1, the first on top."""
    for geometry in places:
        rings = frame.rings(np.array([geometry], np.object_))
        cv2.polylines(picture, rings, True, MARK, LINE_PX, cv2.LINE_AA, SUBPIXEL_BITS)  # noqa: FBT003 - isClosed
    for rank, geometry in reversed(list(enumerate(places, 1))):
        column, row = np.clip(_beside(frame, geometry), RADIUS_PX, np.subtract(picture.shape[1::-1], RADIUS_PX))
        _number(picture, str(rank), int(column), int(row))


def mark_sign(swatch: UInt8Array) -> None:
    """As the legend shows it."""
    swatch[:] = (50, 40, 30)
    cv2.rectangle(swatch, (1, 1), (swatch.shape[1] - 2, swatch.shape[0] - 2), MARK, LINE_PX)
    middle = (swatch.shape[1] // 2, swatch.shape[0] // 2)
    cv2.circle(swatch, middle, swatch.shape[0] // 3, MARK, cv2.FILLED, cv2.LINE_AA)


def _beside(frame: MapFrame, geometry: shapely.MultiPolygon) -> FloatArray:
    """Where a place's number goes: into it, or above it on the right where it would hide the place."""
    (left, bottom), (right, top) = frame.pixels(np.array(geometry.bounds).reshape(2, 2))
    if max(right - left, bottom - top) < HIDDEN_PX:
        return np.rint([right + RADIUS_PX, top - RADIUS_PX])
    return np.asarray(np.rint(frame.pixels(shapely.get_coordinates(shapely.point_on_surface(geometry)))[0]))


def _number(picture: UInt8Array, text: str, column: int, row: int) -> None:
    cv2.circle(picture, (column, row), RADIUS_PX, MARK_INK, cv2.FILLED, cv2.LINE_AA)
    cv2.circle(picture, (column, row), RADIUS_PX - 1, MARK, cv2.FILLED, cv2.LINE_AA)
    (width, height), _ = cv2.getTextSize(text, FONT, TEXT_SIZE, 1)
    cv2.putText(picture, text, (column - width // 2, row + height // 2), FONT, TEXT_SIZE, MARK_INK, 1, cv2.LINE_AA)
