"""Marks on the map where a person should look: an outline, and the place's rank beside it."""

import numpy as np
import shapely

from tasks.core.arrays import FloatArray
from tasks.core.overview.canvas import Canvas, Colour
from tasks.core.overview.map_frame import Box, MapFrame

# BGR. No ground of NRG imagery has this green, nor has another sign of the map.
MARK: Colour = (40, 255, 90)
MARK_INK: Colour = (0, 40, 0)
RADIUS_MM, RIM_MM, DIGITS_MM = 2.4, 0.25, 3.2
HIDDEN_MM = 4 * RADIUS_MM


def number_mark(canvas: Canvas, number: str, place: tuple[float, float]) -> None:
    """A number in a disc around a place, mm."""
    canvas.disc(place, RADIUS_MM, MARK_INK)
    canvas.disc(place, RADIUS_MM - RIM_MM, MARK)
    below = (place[0], place[1] + DIGITS_MM * 0.36)
    canvas.text(below, number, DIGITS_MM, bold=True, colour=MARK_INK, anchor="middle")


def mark_beside(frame: MapFrame, box: Box, geometry: shapely.MultiPolygon) -> tuple[float, float]:
    """Where a place's number goes, mm: into it, or above it on the right where it would hide the place."""
    corners = frame.on_paper(np.array(geometry.bounds).reshape(2, 2), box)
    (left, bottom), (right, top) = corners
    if max(right - left, bottom - top) < HIDDEN_MM:
        place: FloatArray = np.array([right + RADIUS_MM, top - RADIUS_MM])
    else:
        place = frame.on_paper(shapely.get_coordinates(shapely.point_on_surface(geometry)), box)[0]
    least, most = (box.left + RADIUS_MM, box.top + RADIUS_MM), (box.right - RADIUS_MM, box.bottom - RADIUS_MM)
    x, y = np.clip(place, least, most).tolist()
    return x, y
