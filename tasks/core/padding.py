"""Padding without an alpha band: black that the imagery does not fill."""

import cv2
import numpy as np
from numpy.typing import NDArray

TOLERANCE = 16  # near black: ringing of lossy compression beside the imagery
FLAT = 2  # brightest sample of a neighbourhood without texture; compressed padding is 0 or 1, dark water is not
NEIGHBOURHOOD_PX = 5
SURROUNDINGS_PX = 15
FLAT_SHARE = 0.6  # of the surroundings: the noise of black water leaves flat specks, padding is flat nearly everywhere
RINGING_PX = 6  # how far compression blurs the edge of the imagery into the padding
NEIGHBOURS = np.ones((3, 3), np.uint8)


def find_padding(nrg: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels that no imagery fills: black, free of texture, and connected to the tile's border.

    "Any band is zero" would delete water, whose near infrared is about 0; "near black" alone would delete a dark lake
    at the border, which has the sensor's noise or a little light where padding has neither. So: flat black areas that
    touch the border, then their edge, where compression blurred the imagery into them, as far as it is near black.

    Args:
        nrg: uint8 (height, width, 3).

    Returns:
        bool (height, width), True where padding.
    """
    brightest = nrg.max(axis=2)
    window = np.ones((NEIGHBOURHOOD_PX, NEIGHBOURHOOD_PX), np.uint8)
    flat = (cv2.dilate(brightest, window) <= FLAT).astype(np.uint8)
    density = cv2.boxFilter(flat, cv2.CV_32F, (SURROUNDINGS_PX, SURROUNDINGS_PX), borderType=cv2.BORDER_REPLICATE)
    padding = _touching_border(flat & (density >= FLAT_SHARE).astype(np.uint8)).astype(np.uint8)
    near_black = (brightest <= TOLERANCE).astype(np.uint8)
    for _ in range(NEIGHBOURHOOD_PX // 2 + RINGING_PX if padding.any() else 0):
        padding = cv2.dilate(padding, NEIGHBOURS) & near_black
    return padding.astype(bool)


def _touching_border(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Connected parts of a mask that touch the border and are more than specks."""
    _, components, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    edges = (components[0], components[-1], components[:, 0], components[:, -1])
    at_border = np.unique(np.concatenate(edges))
    large = statistics[at_border, cv2.CC_STAT_AREA] >= min(SURROUNDINGS_PX**2, mask.size)
    return np.isin(components, at_border[large & (at_border > 0)])
