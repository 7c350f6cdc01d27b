"""A picture of ground by classes: each in a colour of its own, on what was looked at."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from shapely.geometry.base import BaseGeometry

from tasks.core.overview.canvas import PAPER, Style, paint_area
from tasks.core.overview.map_frame import MapFrame
from tasks.core.overview.map_page import PIXELS_A_MM, Colour, page
from tasks.core.overview.signs import Sign

LONG_SIDE_PX = 1400
OBSERVED: Colour = (225, 225, 225)

Classes = Mapping[str, tuple[BaseGeometry, Colour]]
"""Ground and colour (BGR) of each class, by the name that the legend has for it."""


def draw_classes(ground: BaseGeometry, classes: Classes, crs: str, title: str, notes: Sequence[str]) -> bytes:
    """Draw classes of ground, as PNG.

    Args:
        ground: What was looked at; the picture is around it.
        classes: In the order in which they are painted.
        crs: Of all of them.
        title: Above the picture.
        notes: Below it.
    """
    bounds = ground.bounds if not ground.is_empty else (0.0, 0.0, 1.0, 1.0)
    frame = MapFrame.around(bounds, crs, LONG_SIDE_PX)
    picture = np.full((frame.height_px, frame.width_px, 3), PAPER, np.uint8)
    for area, colour in ((ground, OBSERVED), *classes.values()):
        paint_area(picture, frame.rings(np.array([area], np.object_)), Style(fill=colour), PIXELS_A_MM)
    legend = [Sign(name, Style(fill=colour)) for name, (_, colour) in classes.items()]
    return cv2.imencode(".png", page(picture, frame, crs, title=title, legend=legend, notes=notes))[1].tobytes()
