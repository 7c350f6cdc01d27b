"""A picture of a campaign's blocks, each in the colour of its state."""

from collections.abc import Sequence

import cv2
import numpy as np

from tasks.core.arrays import UInt8Array
from tasks.core.overview.canvas import BLANK, INK, PAPER, Colour

Bounds = tuple[float, float, float, float]
# Blue, green, red; told apart in grey, too.
COLOURS: dict[str, Colour] = {
    "waiting": BLANK,
    "running": (0, 200, 255),
    "done": (150, 120, 20),
    "failed": (0, 60, 200),
}
LONGER_SIDE_PX, MARGIN_PX, GAP_PX = 800, 8, 1


def block_map(blocks: Sequence[tuple[Bounds, str]]) -> UInt8Array:
    """Draw blocks where they are, north up.

    Args:
        blocks: West, south, east, north in one CRS, and the state of each: ``waiting``, ``running``, ``done``,
            ``failed``.

    Returns:
        uint8 (height, width, 3), BGR; its longer side is 800 px and two margins.
    """
    bounds = np.array([bounds for bounds, _ in blocks], np.float64).reshape(-1, 4)
    (west, south), (east, north) = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
    scale = LONGER_SIDE_PX / max(east - west, north - south)
    size = [max(1, round(extent * scale)) + 2 * MARGIN_PX for extent in (north - south, east - west)]
    picture = np.full((*size, 3), PAPER, np.uint8)
    for (left, bottom, right, top), (_, state) in zip(bounds, blocks, strict=True):
        corners = [((left - west) * scale, (north - top) * scale), ((right - west) * scale, (north - bottom) * scale)]
        first, last = ((round(x) + MARGIN_PX, round(y) + MARGIN_PX) for x, y in corners)
        end = max(first[0], last[0] - GAP_PX), max(first[1], last[1] - GAP_PX)
        cv2.rectangle(picture, first, end, COLOURS[state], cv2.FILLED)
        cv2.rectangle(picture, first, end, INK, 1)
    return picture
