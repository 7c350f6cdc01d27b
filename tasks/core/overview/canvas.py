"""What a sheet is drawn on: paper measured in millimetres, its origin the upper left corner, y downwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import cv2
import numpy as np

from tasks.core.arrays import BoolMask, FloatArray, Int32Array, UInt8Array
from tasks.core.overview.lettering.typesetting import ink
from tasks.core.overview.map_frame import SUBPIXEL_BITS, Box

Colour = tuple[int, int, int]
"""Blue, green, red."""

Anchor = Literal["left", "middle", "right"]

PAPER: Colour = (255, 255, 255)
BLANK: Colour = (232, 232, 232)  # ground that nobody looked at
INK: Colour = (45, 38, 32)
HATCH_STEP_MM, HATCH_LINE_MM = 2.0, 0.5


@dataclass(frozen=True, slots=True)
class Style:
    """How an area is painted.

    Attributes:
        fill: Colour of its ground; None: what is below stays.
        share: How much of the fill there is, the rest is what was below.
        line: Colour of its outline; None: without.
        line_mm: How wide that is; 0 is the thinnest that can be seen.
        casing: Colour of a wider line below the outline, for outlines that cross ground of any colour; None: without.
        hatch: Colour of slanting stripes on it; None: without.
    """

    fill: Colour | None = None
    share: float = 1.0
    line: Colour | None = None
    line_mm: float = 0.0
    casing: Colour | None = None
    hatch: Colour | None = None


class Canvas(Protocol):
    """What a sheet needs of the paper."""

    def text(
        self,
        place: tuple[float, float],
        text: str,
        size: float,
        *,
        bold: bool = False,
        colour: Colour = INK,
        anchor: Anchor = "left",
        upwards: bool = False,
    ) -> None:
        """Write a line; ``place`` is on its baseline, ``size`` mm is the height of a line of its letters."""

    def line(self, points: FloatArray, colour: Colour, width: float) -> None:
        """Draw a line through points (n, 2)."""

    def area(self, rings: Sequence[FloatArray], style: Style) -> None:
        """Paint what is inside the rings, each (n, 2), holes left out (even-odd)."""

    def disc(self, place: tuple[float, float], radius: float, colour: Colour) -> None:
        """Paint a disc."""


class PixelCanvas:
    """A picture as paper.

    Attributes:
        picture: uint8 (height, width, 3), BGR.
        scale: Pixels a mm.
    """

    def __init__(self, picture: UInt8Array, scale: float) -> None:
        self.picture, self.scale = picture, scale

    @classmethod
    def blank(cls, width_mm: float, height_mm: float, scale: float, paper: Colour = PAPER) -> "PixelCanvas":
        """Empty paper."""
        shape = (max(1, round(height_mm * scale)), max(1, round(width_mm * scale)), 3)
        return cls(np.full(shape, paper, np.uint8), scale)

    def text(
        self,
        place: tuple[float, float],
        text: str,
        size: float,
        *,
        bold: bool = False,
        colour: Colour = INK,
        anchor: Anchor = "left",
        upwards: bool = False,
    ) -> None:
        """Write a line."""
        shade, width, baseline = ink(text, size * self.scale, bold=bold)
        pad = (shade.shape[1] - round(width)) / 2
        along = pad + {"left": 0.0, "middle": width / 2, "right": width}[anchor]
        column, row = (value * self.scale for value in place)
        if upwards:
            self._blend(np.rot90(shade), column - baseline, row - (shade.shape[1] - along), colour)
        else:
            self._blend(shade, column - along, row - baseline, colour)

    def line(self, points: FloatArray, colour: Colour, width: float) -> None:
        """Draw a line."""
        self._lines([points], colour, width, closed=False)

    def area(self, rings: Sequence[FloatArray], style: Style) -> None:
        """Paint an area."""
        paint_area(self.picture, [self._fixed(ring) for ring in rings], style, self.scale)

    def disc(self, place: tuple[float, float], radius: float, colour: Colour) -> None:
        """Paint a disc."""
        ((column, row),) = self._fixed(np.array([place]))
        size = round(radius * self.scale * (1 << SUBPIXEL_BITS))
        cv2.circle(self.picture, (int(column), int(row)), size, colour, cv2.FILLED, cv2.LINE_AA, SUBPIXEL_BITS)

    def paste(self, picture: UInt8Array, box: Box) -> None:
        """Put a picture of the size of a box into it."""
        row, column = round(box.top * self.scale), round(box.left * self.scale)
        self.picture[row : row + picture.shape[0], column : column + picture.shape[1]] = picture

    def _lines(self, lines: Sequence[FloatArray], colour: Colour, width: float, *, closed: bool) -> None:
        fixed = [self._fixed(line) for line in lines]
        thick = max(1, round(width * self.scale))
        cv2.polylines(self.picture, fixed, closed, colour, thick, cv2.LINE_AA, SUBPIXEL_BITS)

    def _fixed(self, points: FloatArray) -> Int32Array:
        return np.rint((points * self.scale - 0.5) * (1 << SUBPIXEL_BITS)).astype(np.int32)

    def _blend(self, shade: FloatArray, left: float, top: float, colour: Colour) -> None:
        """Ink on the picture; what would be outside of it is not there."""
        first = np.maximum((round(top), round(left)), 0)
        last = np.minimum((round(top) + shade.shape[0], round(left) + shade.shape[1]), self.picture.shape[:2])
        if (last <= first).any():
            return
        part = shade[first[0] - round(top) : last[0] - round(top), first[1] - round(left) : last[1] - round(left), None]
        target = self.picture[first[0] : last[0], first[1] : last[1]]
        target[:] = np.rint(target * (1 - part) + np.array(colour) * part).astype(np.uint8)


def paint_area(picture: UInt8Array, rings: Sequence[Int32Array], style: Style, scale: float) -> None:
    """Paint an area on a picture; its rings are in 1/16 px from pixel centres, ``scale`` is pixels a mm."""
    if not rings:
        return
    _paint_inside(picture, rings, style, scale)
    if style.line is None:
        return
    thick = max(1, round(style.line_mm * scale))
    if style.casing is not None:
        cv2.polylines(picture, rings, True, style.casing, thick + 2, cv2.LINE_AA, SUBPIXEL_BITS)  # noqa: FBT003
    cv2.polylines(picture, rings, True, style.line, thick, cv2.LINE_AA, SUBPIXEL_BITS)  # noqa: FBT003 - isClosed


def _paint_inside(picture: UInt8Array, rings: Sequence[Int32Array], style: Style, scale: float) -> None:
    """Paint within the rings, looking at no more of the picture than they are on."""
    low = np.min([ring.min(axis=0) for ring in rings], axis=0) >> SUBPIXEL_BITS
    high = (np.max([ring.max(axis=0) for ring in rings], axis=0) >> SUBPIXEL_BITS) + 2
    left, top = np.maximum(low, 0).tolist()
    right, bottom = np.minimum(high, picture.shape[1::-1]).tolist()
    if right > left and bottom > top:
        moved = [ring - (np.array((left, top), np.int32) << SUBPIXEL_BITS) for ring in rings]
        paint_mask(picture[top:bottom, left:right], filled((bottom - top, right - left), moved), style, scale)


def paint_mask(picture: UInt8Array, mask: BoolMask, style: Style, scale: float) -> None:
    """Paint pixels with the fill and the hatching of a style."""
    if style.fill is not None:
        ground = np.full_like(picture, style.fill)
        mixed = cv2.addWeighted(picture, 1 - style.share, ground, style.share, 0)
        np.copyto(picture, mixed, where=mask[..., None])
    if style.hatch is not None:
        rows, columns = np.nonzero(mask)
        step, line = max(4, round(HATCH_STEP_MM * scale)), max(1, round(HATCH_LINE_MM * scale))
        striped = (rows + columns) % step < line
        picture[rows[striped], columns[striped]] = style.hatch


def filled(shape: tuple[int, ...], rings: Sequence[Int32Array]) -> BoolMask:
    """Pixels inside the rings, holes left out (even-odd)."""
    mask = np.zeros(shape, dtype=np.uint8)
    if rings:
        cv2.fillPoly(mask, rings, 1, shift=SUBPIXEL_BITS)
    return mask.astype(bool)
