"""Exact polygons of a mask: along the pixels' edges, not through their centres.

``cv2.findContours`` runs through pixel centres, which shrinks every shape and never lets tiles join. Traced on the
inverted mask enlarged twice, its contours run beside the shape's edge on both sides, and ``c -> ceil(c / 2)`` brings
each coordinate to the pixel corner beside it. The polygons equal those of ``rasterio.features.shapes(connectivity=4)``.
"""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import shapely
from shapely import MultiPolygon, Polygon

from tasks.core.labels import BoolMask
from tasks.core.precision import round_coordinates
from tasks.core.records import Grid

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

_PARENT = 3  # column of OpenCV's hierarchy
_FRAME = 0  # the contour around everything that is not the shape: there always is one, because of the padding


def mask_polygons(mask: BoolMask) -> list[Polygon]:
    """Trace a mask.

    Pixels belong together over edges, not over corners (4-connected). Polygons have their holes, and islands in holes
    are polygons of their own. Rings touch themselves and each other only at points, so every polygon is valid.

    Args:
        mask: (height, width) bool.

    Returns:
        Polygons in pixel-corner coordinates (column, row) of integer value, (0, 0) the outer corner of the first pixel,
        with vertices only where the outline turns.
    """
    contours, hierarchy = _contours(mask)
    if len(contours) == 1:
        return []
    sizes = np.fromiter(map(len, contours), np.int64, len(contours))[1:]
    points = (np.concatenate(contours[1:])[:, 0, :].astype(np.int64) + 1) // 2 - 1
    contour_of = np.repeat(np.arange(sizes.size), sizes)
    points, contour_of = _turns_only(points, contour_of)
    ring_of = _split_at_touching_points(points, contour_of)
    order = np.argsort(ring_of, kind="stable")
    points, ring_of, contour_of = points[order], ring_of[order], contour_of[order]
    starts = np.flatnonzero(np.diff(ring_of, prepend=-1))
    return _assemble(points, starts, contour_of[starts], hierarchy[1:, _PARENT] - 1)


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


def _contours(mask: BoolMask) -> tuple[tuple[npt.NDArray[np.int32], ...], npt.NDArray[np.int32]]:
    """Contours of all that is not the mask, on a canvas padded by one pixel and enlarged twice."""
    background = cv2.copyMakeBorder((~mask).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    enlarged = cv2.resize(background, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    contours, hierarchy = cv2.findContours(enlarged, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    return contours, hierarchy[0]


def _turns_only(points: IntArray, ring_of: IntArray) -> tuple[IntArray, IntArray]:
    """Drop repeated points, then points where the outline runs straight on. Rings are runs of equal ``ring_of``."""
    keep = (points != points[_previous(ring_of)]).any(axis=1)
    points, ring_of = points[keep], ring_of[keep]
    before, after = _previous(ring_of), _next(ring_of)
    straight = (points[before] == points) & (points == points[after])
    return points[~straight.any(axis=1)], ring_of[~straight.any(axis=1)]


def _previous(ring_of: IntArray) -> IntArray:
    """Index of the point before each in its ring."""
    first = np.diff(ring_of, prepend=-1) != 0
    before = np.arange(ring_of.size) - 1
    before[first] = np.append(np.flatnonzero(first)[1:], ring_of.size) - 1
    return before


def _next(ring_of: IntArray) -> IntArray:
    """Index of the point after each in its ring."""
    after = np.empty(ring_of.size, np.int64)
    after[_previous(ring_of)] = np.arange(ring_of.size)
    return after


def _split_at_touching_points(points: IntArray, contour_of: IntArray) -> IntArray:
    """Give each point the number of the simple ring that it belongs to.

    A contour passes a pixel corner at most twice, and two such visits never alternate with those of another corner (the
    shape would fall apart there). So the visits nest like brackets: the points after the first visit up to the second
    form a ring of their own, less the rings nested within, in their old order.
    """
    width = int(points[:, 0].max()) + 1
    height = int(points[:, 1].max()) + 1
    corner = (contour_of * height + points[:, 1]) * width + points[:, 0]
    order = np.argsort(corner, kind="stable")
    twice = np.flatnonzero(corner[order[1:]] == corner[order[:-1]])
    first, second = order[twice], order[twice + 1]
    opens, closes = np.zeros(len(points) + 1, np.int64), np.zeros(len(points) + 1, np.int64)
    opens[first + 1] = 1
    closes[second + 1] = 1
    return _innermost(contour_of, opens[:-1].astype(bool), np.cumsum(opens - closes)[:-1])


def _innermost(contour_of: IntArray, opens: npt.NDArray[np.bool_], depth: IntArray) -> IntArray:
    """Number the innermost bracket around each point: at its depth, the last one opened; at depth 0, its contour."""
    order = np.argsort(depth, kind="stable")
    starts = opens[order] | ((depth[order] == 0) & (np.diff(contour_of[order], prepend=-1) != 0))
    ring_of = np.empty(depth.size, np.int64)
    ring_of[order] = np.cumsum(starts) - 1
    return ring_of


def _assemble(points: IntArray, starts: IntArray, contour_of: IntArray, parent_of: IntArray) -> list[Polygon]:
    """Make polygons of simple rings: OpenCV runs around shapes and around their holes in opposite senses."""
    sizes = np.diff(np.append(starts, len(points)))
    rings = shapely.linearrings(points.astype(np.float64), indices=np.repeat(np.arange(starts.size), sizes))
    is_shell = _doubled_areas(points, starts, sizes) > 0
    polygon_of = np.full(parent_of.size, -1)
    polygon_of[contour_of[is_shell]] = np.arange(np.count_nonzero(is_shell))
    own = polygon_of[contour_of]
    owners = np.where(own >= 0, own, polygon_of[parent_of[contour_of]])
    order = np.lexsort((~is_shell, owners))  # each polygon's shell, then its holes
    return list(shapely.polygons(rings[order], indices=owners[order]))


def _doubled_areas(points: IntArray, starts: IntArray, sizes: IntArray) -> IntArray:
    """Twice each ring's signed area: the shoelace formula, without a term for runs along a row."""
    after = np.arange(1, len(points) + 1)
    after[starts + sizes - 1] = starts
    rises = points[after, 1] - points[:, 1]
    return np.asarray(np.add.reduceat(2 * points[:, 0] * rises, starts), np.int64)
