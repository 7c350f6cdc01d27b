"""Exact polygons of a mask: along the pixels' edges, not through their centres.

``cv2.findContours`` runs through pixel centres, which shrinks every shape and never lets tiles join. Traced on the
inverted mask enlarged twice, its contours run beside the shape's edge on both sides, and ``c -> ceil(c / 2)`` brings
each coordinate to the pixel corner beside it. The polygons equal those of ``rasterio.features.shapes(connectivity=4)``,
which traces masks of many megapixels: it needs no copy of them, where OpenCV's way takes 13 bytes a pixel.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import rasterio.features
import shapely
import shapely.geometry
from shapely import MultiPolygon, Polygon

from tasks.core.arrays import BoolMask, FloatArray, IntArray
from tasks.core.geo.grid import Grid
from tasks.core.geo.precision import round_coordinates
from tasks.core.geo.rings import is_first, previous, turns

MANY_PIXELS = 16_000_000


@dataclass(frozen=True, slots=True)
class _Rings:
    """Points of closed rings, one ring after the other.

    Attributes:
        columns: x of each point, a pixel-corner coordinate.
        rows: y of each point.
        ring_of: Number of the ring that each point belongs to; a ring's points are a run of equal numbers.
    """

    columns: IntArray
    rows: IntArray
    ring_of: IntArray

    def take(self, which: IntArray | BoolMask) -> "_Rings":
        """Some of the points, in the given order."""
        return _Rings(self.columns[which], self.rows[which], self.ring_of[which])


def mask_polygons(mask: BoolMask, many_pixels: int = MANY_PIXELS) -> list[Polygon]:
    """Trace a mask (height, width); one of more than so many pixels by GDAL.

    Pixels belong together over edges, not over corners (4-connected). Polygons have their holes, and islands in holes
    are polygons of their own. Rings touch themselves and each other only at points, so every polygon is valid.

    Returns:
        Polygons in pixel-corner coordinates (column, row) of integer value, (0, 0) the outer corner of the first pixel,
        with vertices only where the outline turns; in no particular order.
    """
    if mask.size > many_pixels:
        # Not by its `mask`, of which it makes copies: what is no part of the mask is traced as well, and left out.
        shapes = rasterio.features.shapes(mask.view(np.uint8), connectivity=4)
        return [shapely.geometry.shape(polygon) for polygon, value in shapes if value]
    outline = _turns_only(_outlines(mask))
    if not outline.ring_of.size:
        return []
    outline = _split_at_touching_points(outline)
    starts = np.flatnonzero(is_first(outline.ring_of))
    components = np.asarray(cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)[1], np.int64)
    owners = components[_pixels_beside(outline, starts)] - 1
    return _assemble(outline, starts, owners)


def to_crs(polygons: list[Polygon], grid: Grid) -> MultiPolygon:
    """Bring pixel-corner polygons onto the ground by the grid's full affine.

    Vertices are rounded to 0.1 mm (1e-9 degrees in a geographic CRS), so that tiles whose corners differ in the last
    bit still share their vertices.
    """
    if not polygons:
        return MultiPolygon()
    return MultiPolygon(list(shapely.transform(polygons, ground(grid))))


def ground(grid: Grid) -> Callable[[FloatArray], FloatArray]:
    """The grid's affine on pixel-corner coordinates (n, 2), followed by the rounding of its CRS."""
    a, b, c, d, e, f = grid.transform

    def to_ground(pixels: FloatArray) -> FloatArray:
        columns, rows = pixels.T
        return round_coordinates(np.stack([a * columns + b * rows + c, d * columns + e * rows + f], axis=1), grid.crs)

    return to_ground


def _outlines(mask: BoolMask) -> _Rings:
    """Contours of all that is not the mask, on a canvas padded by one pixel and enlarged twice, as pixel corners.

    OpenCV's own hierarchy is left alone: finding parents takes it time quadratic in the number of contours.
    """
    background = cv2.copyMakeBorder((~mask).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    enlarged = cv2.resize(background, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(enlarged, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    sizes = np.fromiter(map(len, contours), np.int64, len(contours))
    columns, rows = (np.concatenate(contours)[:, 0, :].T.astype(np.int64) + 1) // 2 - 1
    inside = (columns >= 0) & (columns <= mask.shape[1])  # all but the contour around the canvas, which padding adds
    return _Rings(columns, rows, np.repeat(np.arange(sizes.size), sizes)).take(inside)


def _turns_only(rings: _Rings) -> _Rings:
    """Drop repeated points, then points where the outline runs straight on."""
    before = previous(rings.ring_of)
    rings = rings.take((rings.columns != rings.columns[before]) | (rings.rows != rings.rows[before]))
    return rings.take(turns(rings.columns, rings.ring_of))


def _split_at_touching_points(rings: _Rings) -> _Rings:
    """Split outlines that touch themselves into simple rings.

    An outline passes a pixel corner at most twice, and two such visits never alternate with those of another corner
    (the shape would fall apart there). So the visits nest like brackets: the points after the first visit up to the
    second form a ring of their own, less the rings nested within, in their old order.
    """
    width, height = int(rings.columns.max()) + 1, int(rings.rows.max()) + 1
    corner = (rings.ring_of * height + rings.rows) * width + rings.columns
    order = np.argsort(corner, kind="stable")
    twice = np.flatnonzero(corner[order[1:]] == corner[order[:-1]])
    opens, closes = np.zeros(corner.size + 1, np.int64), np.zeros(corner.size + 1, np.int64)
    opens[order[twice] + 1] = 1
    closes[order[twice + 1] + 1] = 1
    depth = np.cumsum(opens - closes)[:-1]
    order = np.argsort(depth, kind="stable")
    # The bracket around a point is, at its depth, the last one opened; at depth 0 the outline itself.
    starts = opens[order].astype(np.bool_) | ((depth[order] == 0) & is_first(rings.ring_of[order]))
    split = rings.take(order)
    ring_of = np.cumsum(starts) - 1
    return _Rings(split.columns, split.rows, ring_of)


def _pixels_beside(rings: _Rings, starts: IntArray) -> tuple[IntArray, IntArray]:
    """(rows, columns) of the mask's pixel beside each ring's first edge: on the right, as seen with rows downwards."""
    column, row = rings.columns[starts], rings.rows[starts]
    across, down = rings.columns[starts + 1] - column, rings.rows[starts + 1] - row
    return row - ((across < 0) | (down < 0)), column - ((across < 0) | (down > 0))


def _assemble(rings: _Rings, starts: IntArray, owners: IntArray) -> list[Polygon]:
    """Make polygons of simple rings: OpenCV runs around shapes and around their holes in opposite senses."""
    corners = np.stack([rings.columns, rings.rows], axis=1).astype(np.float64)
    linear_rings = shapely.linearrings(corners, indices=rings.ring_of)
    is_hole = _doubled_areas(rings, starts) < 0
    order = np.lexsort((is_hole, owners))  # each polygon's shell, then its holes
    return list(shapely.polygons(linear_rings[order], indices=owners[order]))


def _doubled_areas(rings: _Rings, starts: IntArray) -> IntArray:
    """Twice each ring's signed area: the shoelace formula for edges along rows and columns."""
    rises = rings.rows - rings.rows[previous(rings.ring_of)]
    return np.asarray(np.add.reduceat(2 * rings.columns * rises, starts), np.int64)
