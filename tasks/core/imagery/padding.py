"""Padding without an alpha band: one flat colour that no imagery fills.

Black is what most programs fill with; orthophotos have white collars, and others grey or magenta ones; metadata may
declare a NoData value. All of them are flat, which imagery is not, and but for declared NoData they touch the border.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from tasks.core.arrays import BoolMask, FloatArray, Int32Array, UInt8Array
from tasks.core.jpeg2000.no_data import Colour

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)
TOLERANCE = 16  # near the colour: ringing of lossy compression beside the imagery
FLAT = 2  # largest deviation in a neighbourhood without texture; compressed padding has 0 or 1, dark water more
NEIGHBOURHOOD_PX = 5
SURROUNDINGS_PX = 15
FLAT_SHARE = 0.6  # of the surroundings: the noise of black water leaves flat specks, padding is flat nearly everywhere
RINGING_PX = 6  # how far compression blurs the edge of the imagery into the padding
NEIGHBOURS = np.ones((3, 3), np.uint8)
LARGE_SHARE = 0.01  # of the tile: from here on it matters
EXACT_SHARE = 0.8  # of a flat area has exactly one colour: smooth ground drifts, compressed padding hardly
DECLARED_EXACT_SHARE = 0.5  # of declared NoData: strong compression wavers between two, ripples on black water more
DARK_INFRARED = 64  # water has less near infrared than this, or less than it has green
EDGE_SHARE = 0.5  # of what surrounds an area must be far from its colour: no plateau of a smooth slope
BORDER_COLOURS = 4  # that are tried at most
LOOKS = 4  # at full resolution, at most, for each colour
DETAIL_SHARE = 0.95  # of the pixels at full resolution that must be flat too

Look = Callable[[int, int, float], UInt8Array | None]
"""(column, row, reach) in pixels of the tile -> the same ground at full resolution; None where it cannot be had."""


@dataclass(frozen=True, slots=True)
class FlatArea:
    """Ground of one flat colour.

    Attributes:
        colour: Near infrared, red, green.
        mask: bool (height, width), True where it is.
        declared: Whether metadata declare that colour as NoData.
    """

    colour: Colour
    mask: BoolMask
    declared: bool = False


class FlatAreas(NamedTuple):
    """What of a tile is flat: padding, and what nothing shows to be padding."""

    padding: list[FlatArea]
    imagery: list[FlatArea]


def seek_padding(nrg: UInt8Array, nodata: Colour | None = None, look: Look | None = None) -> FlatAreas:
    """All padding of a tile: declared NoData, black, and any other colour that is flat, exact and much of the tile.

    A colour that is neither declared nor black nor white must leave textured imagery beside it: of a tile that is flat
    throughout, nothing says that it is padding. Nor may it be water's: strong compression makes a calm lake as flat as
    padding, and a lost flood is worse than flood that a person can see to be none.

    Args:
        nrg: uint8 (height, width, 3).
        nodata: The colour that metadata declare as NoData.
        look: Shows full resolution; None where the tile has it. Averages of noise are flat, noise is not.
    """
    padding: list[FlatArea] = []
    if nodata is not None:
        mask = find_padding(nrg, nodata, look, anywhere=True, exact_share=DECLARED_EXACT_SHARE)
        padding.append(FlatArea(nodata, mask, declared=True))
    if nodata != BLACK:
        padding.append(FlatArea(BLACK, find_padding(nrg, BLACK, look)))
    coloured, doubtful = _other_colours(nrg, [area.colour for area in padding], look)
    if coloured:
        seen = ~np.any([area.mask for area in padding + coloured], axis=0)
        if (textured(nrg) & seen).mean() <= LARGE_SHARE:
            doubtful += [area for area in coloured if area.colour != WHITE]
            coloured = [area for area in coloured if area.colour == WHITE]
    return FlatAreas([area for area in padding + coloured if area.mask.any()], doubtful)


def _other_colours(nrg: UInt8Array, known: list[Colour], look: Look | None) -> tuple[list[FlatArea], list[FlatArea]]:
    """Large flat areas of the border's colours: what may be padding, and what may be water as well."""
    padding: list[FlatArea] = []
    doubtful: list[FlatArea] = []
    for colour in _border_colours(nrg, known):
        area = FlatArea(colour, find_padding(nrg, colour, look, exact_share=EXACT_SHARE))
        if area.mask.mean() > LARGE_SHARE and _has_edge(nrg, area):
            (doubtful if _may_be_water(colour) else padding).append(area)
    return padding, doubtful


def _has_edge(nrg: UInt8Array, area: FlatArea) -> bool:
    """Whether an area ends abruptly: what surrounds it is far from its colour, or nothing does."""
    wider = cv2.dilate(area.mask.astype(np.uint8), NEIGHBOURS, iterations=RINGING_PX).astype(bool)
    surroundings = nrg[wider & ~area.mask]
    far = np.abs(surroundings.astype(np.int16) - np.array(area.colour, np.int16)).max(axis=1) > TOLERANCE
    return not far.size or float(far.mean()) >= EDGE_SHARE


def _may_be_water(colour: Colour) -> bool:
    """Whether water can have it: no grey, nor anything of nothing but 0 and 255."""
    near_infrared, _, green = colour
    is_drawn = len(set(colour)) == 1 or set(colour) <= {0, 255}
    return not is_drawn and (near_infrared < DARK_INFRARED or near_infrared < green)


def find_padding(
    nrg: UInt8Array,
    colour: Colour = BLACK,
    look: Look | None = None,
    *,
    anywhere: bool = False,
    exact_share: float = 0,
) -> BoolMask:
    """Pixels that no imagery fills: of one colour, free of texture, and connected to the tile's border.

    "Any band is zero" would delete water, whose near infrared is about 0; "near black" alone would delete a dark lake
    at the border, which has the sensor's noise or a little light where padding has neither. So: flat areas of the
    colour that touch the border, then their edge, where compression blurred the imagery into them, as far as it is near
    the colour.

    Args:
        nrg: uint8 (height, width, 3).
        colour: What the padding is filled with.
        look: As in `seek_padding`.
        anywhere: Whether areas count that do not touch the border.
        exact_share: Share of an area, its edge left out, that must have exactly one colour.

    Returns:
        bool (height, width), True where padding.
    """
    deviation = cv2.absdiff(nrg, np.full_like(nrg, colour)) if any(colour) else nrg
    farthest = deviation.max(axis=2)
    window = np.ones((NEIGHBOURHOOD_PX, NEIGHBOURHOOD_PX), np.uint8)
    flat = (cv2.dilate(farthest, window) <= FLAT).astype(np.uint8)
    density = cv2.boxFilter(flat, cv2.CV_32F, (SURROUNDINGS_PX, SURROUNDINGS_PX), borderType=cv2.BORDER_REPLICATE)
    dense = flat & (density >= FLAT_SHARE).astype(np.uint8)
    exact = _most_frequent(nrg, dense.astype(bool)) if exact_share else dense.astype(bool)
    padding = _areas(dense, exact, anywhere=anywhere, exact_share=exact_share)
    if look is not None:
        padding = _flat_in_detail(padding, colour, look)
    grown = (padding > 0).astype(np.uint8)
    near = (farthest <= TOLERANCE).astype(np.uint8)
    for _ in range(NEIGHBOURHOOD_PX // 2 + RINGING_PX if grown.any() else 0):
        grown = cv2.dilate(grown, NEIGHBOURS) & near
    return grown.astype(bool)


def _most_frequent(nrg: UInt8Array, area: BoolMask) -> BoolMask:
    """Where the most frequent colour of an area is: strong compression may have moved it from what was filled."""
    codes = nrg.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    values, counts = np.unique(codes[area], return_counts=True)
    return codes == values[counts.argmax()] if values.size else area


def textured(nrg: UInt8Array) -> BoolMask:
    """Pixels (height, width) that differ from their neighbours more than compressed padding does."""
    gradient = cv2.morphologyEx(nrg, cv2.MORPH_GRADIENT, NEIGHBOURS)
    return np.asarray(gradient.max(axis=2) > 2 * FLAT, bool)


def touching_border(components: Int32Array) -> Int32Array:
    """Which labels of connected components, 0 left out, lie at the border."""
    edges = (components[0], components[-1], components[:, 0], components[:, -1])
    labels = np.unique(np.concatenate(edges))
    return labels[labels > 0]


def _areas(mask: UInt8Array, exact: BoolMask, *, anywhere: bool, exact_share: float) -> Int32Array:
    """Connected parts of a mask (1 where flat) that are more than specks, labelled from 1, the largest first."""
    count, labelled, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    components = np.asarray(labelled, np.int32)
    labels = np.arange(1, count) if anywhere else touching_border(components)
    sizes = statistics[:, cv2.CC_STAT_AREA]
    labels = labels[sizes[labels] >= min(SURROUNDINGS_PX**2, mask.size)]
    if exact_share and labels.size:
        labels = labels[_exact_shares(components, exact, count)[labels] >= exact_share]
    rank = np.zeros(count, np.int32)
    rank[labels[np.argsort(-sizes[labels], kind="stable")]] = np.arange(1, len(labels) + 1)
    return rank[components]


def _exact_shares(components: Int32Array, exact: BoolMask, count: int) -> FloatArray:
    """The share of each component that is exact: of its middle where it has one, of all of it where it is thin."""
    mask = (components > 0).astype(np.uint8)
    middle = cv2.erode(mask, NEIGHBOURS, iterations=RINGING_PX, borderValue=1).astype(bool)
    shares = []
    for part in (middle, mask.astype(bool)):
        pixels = np.bincount(components[part], minlength=count)
        shares.append(np.bincount(components[part & exact], minlength=count) / np.maximum(pixels, 1))
    has_middle = np.bincount(components[middle], minlength=count) > 0
    return np.where(has_middle, shares[0], shares[1])


def _flat_in_detail(areas: Int32Array, colour: Colour, look: Look) -> Int32Array:
    """The labelled areas that have their colour at full resolution too, in the middle of them.

    Only large ones are looked at, for each look costs as much as a part of the decode; where one of them has texture,
    the small ones are not believed either.
    """
    sizes = np.bincount(areas.ravel(), minlength=1)[1:]
    large = np.arange(1, min(LOOKS, int((sizes > LARGE_SHARE * areas.size).sum())) + 1)
    flat = [label for label in large if _is_flat_in_detail(areas == label, colour, look)]
    return areas if len(flat) == len(large) else np.where(np.isin(areas, flat), areas, 0)


def _is_flat_in_detail(area: BoolMask, colour: Colour, look: Look) -> bool:
    depth = cv2.distanceTransform(np.pad(area.astype(np.uint8), 1), cv2.DIST_L2, cv2.DIST_MASK_3)[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    detail = look(int(column), int(row), float(depth.max()) / 2)
    if detail is None:
        return True
    deviation = np.abs(detail.astype(np.int16) - np.array(colour, np.int16)).max(axis=2)
    return float((deviation <= FLAT).mean()) >= DETAIL_SHARE


def _border_colours(nrg: UInt8Array, known: list[Colour]) -> list[Colour]:
    """Colours that much of the border has, the most frequent first, none of them near a known one."""
    border = np.concatenate([nrg[0], nrg[-1], nrg[:, 0], nrg[:, -1]])
    colours, counts = np.unique(border, axis=0, return_counts=True)
    frequent = np.argsort(-counts, kind="stable")[: (counts > LARGE_SHARE * len(border)).sum()]
    chosen: list[Colour] = []
    for near_infrared, red, green in colours[frequent].tolist():
        colour = (near_infrared, red, green)
        if all(max(abs(a - b) for a, b in zip(colour, other, strict=True)) > FLAT for other in (*known, *chosen)):
            chosen.append(colour)
    return chosen[:BORDER_COLOURS]
