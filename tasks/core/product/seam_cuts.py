"""Flood that ends where its tile ends, though a neighbour saw the ground beyond and found none there.

A shoreline seldom runs along a tile's edge. A straight cut is what is left of a water body when the answer for the next
tile has lost it, or when this one's is too much.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely import MultiPolygon

from tasks.core.arrays import BoolMask, FloatArray, IntArray, ObjectArray
from tasks.core.geo.grid import Grid
from tasks.core.geo.precision import step
from tasks.core.joining.uniting import as_multipolygons
from tasks.core.polygons.extent_grid import pixel_corners
from tasks.core.product.assessment import objects
from tasks.core.product.layer import AnsweredTile
from tasks.core.product.places import Places, heaviest, pixel_side

# So long may a shoreline run along a line of pixels by chance, and so much of a longer run.
CHANCE_PX = 8
CUT = "{tile}: its flood ends at the tile's edge, in a line of {px} mapped pixels; {other}, beyond, has none there"


@dataclass(frozen=True, slots=True)
class _Cut:
    """A line along a tile's edge, with flood on one side.

    Attributes:
        line: In units of the CRS.
        px: Its length.
        tile: Number of the tile with the flood.
        other: Number of the tile without.
    """

    line: shapely.LineString
    px: int
    tile: int
    other: int


class _Index:
    """Finds which of some areas hold points."""

    def __init__(self, areas: ObjectArray) -> None:
        shapely.prepare(areas)
        self._areas, self._tree = areas, shapely.STRtree(areas)

    def holding(self, points: ObjectArray) -> tuple[IntArray, IntArray]:
        """Numbers of points and of areas, a pair for each area that a point lies in, sorted."""
        point, area = self._tree.query(points)
        inside = shapely.contains(self._areas[area], points[point])
        point, area = point[inside], area[inside]
        order = np.lexsort((area, point))
        return point[order], area[order]


def seam_cuts(answered: Sequence[AnsweredTile], flood: ObjectArray, crs: str) -> Places:
    """Ground beyond each such cut, as deep as the cut is long, as far as both tiles have no flood there.

    The doubt is the share of the cut that is longer than chance would have it. What lies on either side is sampled half
    a pixel beside the edge, so that grids may differ by part of a pixel.

    Args:
        answered: All tiles of the CRS.
        flood: (n,) polygons of the joined and filtered extent.
        crs: Of both.
    """
    if len(answered) < 2 or not len(flood):  # noqa: PLR2004 - it takes two
        return Places(np.empty(0, np.object_), np.empty(0), [])
    observed = _Index(objects([tile.extent.observed for tile in answered]))
    wet = _Index(flood)
    cuts = [cut for number in range(len(answered)) for cut in _cuts_of(number, answered[number], observed, wet)]
    px = np.array([cut.px for cut in cuts], np.int64)
    chosen = heaviest(px.astype(np.float64))
    grounds = [_beyond(cuts[number], answered) for number in chosen]
    geometries = as_multipolygons(objects(grounds), step(crs))
    reasons = [
        CUT.format(tile=answered[cut.tile].id, px=cut.px, other=answered[cut.other].id)
        for cut in (cuts[number] for number in chosen)
    ]
    return Places(geometries, 1 - CHANCE_PX / px[chosen], reasons, len(cuts) - len(chosen))


def _cuts_of(number: int, tile: AnsweredTile, observed: _Index, wet: _Index) -> Iterator[_Cut]:
    starts, ends = _edges_of_both(tile.extent.flood, tile.extent.observed, tile.grid)
    across = (ends - starts)[:, ::-1] / 2
    beside = [shapely.points(_ground(tile.grid, (starts + ends) / 2 + side)) for side in (across, -across)]
    is_wet = np.zeros((2, len(starts)), np.bool_)
    for side, points in enumerate(beside):
        is_wet[side, wet.holding(points)[0]] = True
    shore = np.flatnonzero(is_wet[0] != is_wet[1])
    dry = np.where(is_wet[0], beside[1], beside[0])[shore]
    point, other = observed.holding(dry)
    point, other = point[other != number], other[other != number]
    point, first = np.unique(point, return_index=True)
    edge, other = shore[point], other[first]
    for seen_by in np.unique(other):
        chosen = edge[other == seen_by]
        ground = np.stack([_ground(tile.grid, corners[chosen]) for corners in (starts, ends)], axis=1)
        lines = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(list(shapely.linestrings(ground)))))
        lengths = shapely.get_num_points(lines) - 1
        yield from (
            _Cut(line, int(px), number, int(seen_by)) for line, px in zip(lines, lengths, strict=True) if px > CHANCE_PX
        )


def _edges_of_both(flood: MultiPolygon, observed: MultiPolygon, grid: Grid) -> tuple[FloatArray, FloatArray]:
    """Pixel edges that bound both areas: pixel corners (n, 2) at which they start, and end."""
    bounds, own = _sides(observed, grid), _sides(flood, grid)
    both = np.intersect1d(_units(own[:, np.isin(own[0], bounds[0])], grid), _units(bounds, grid))
    code, low = np.divmod(both, _span(grid))
    line, upright = np.divmod(code, 2)
    starts = np.where(upright[:, None] == 1, np.stack([line, low], axis=1), np.stack([low, line], axis=1))
    along = np.where(upright[:, None] == 1, (0, 1), (1, 0))
    return starts.astype(np.float64), (starts + along).astype(np.float64)


def _sides(area: MultiPolygon, grid: Grid) -> IntArray:
    """(3, n) sides of the outlines: line of the lattice (twice its number, 1 more if upright), start on it, length."""
    points, ring_of = shapely.get_coordinates(shapely.get_rings(shapely.get_parts(area)), return_index=True)
    corners = np.stack(pixel_corners(points, grid), axis=1)
    joined: BoolMask = ring_of[1:] == ring_of[:-1]
    start, end = corners[:-1][joined], corners[1:][joined]
    upright = start[:, 0] == end[:, 0]
    line = np.where(upright, start[:, 0], start[:, 1])
    from_, to = (np.where(upright, corner[:, 1], corner[:, 0]) for corner in (start, end))
    return np.stack([2 * line + upright, np.minimum(from_, to), np.abs(to - from_)])


def _units(sides: IntArray, grid: Grid) -> IntArray:
    """A number for each pixel edge on sides as ``_sides`` gives them."""
    codes, lows, lengths = sides
    before = np.repeat(np.cumsum(lengths) - lengths, lengths)
    positions = np.repeat(lows, lengths) + np.arange(len(before)) - before
    return np.asarray(np.repeat(codes, lengths) * _span(grid) + positions, np.int64)


def _span(grid: Grid) -> int:
    return max(grid.width_px, grid.height_px) + 1


def _ground(grid: Grid, corners: FloatArray) -> FloatArray:
    """Pixel-corner positions (n, 2) in units of the CRS."""
    return np.stack(grid.xy(*corners.T), axis=1)


def _beyond(cut: _Cut, answered: Sequence[AnsweredTile]) -> MultiPolygon:
    tile, other = answered[cut.tile], answered[cut.other].extent
    west, south, east, north = shapely.bounds(cut.line)
    around = shapely.buffer(cut.line, np.hypot(east - west, north - south), cap_style="flat", join_style="mitre")
    dry = shapely.difference(shapely.intersection(around, other.observed), other.flood)
    (parts,) = as_multipolygons(objects([shapely.difference(dry, tile.extent.flood)]))
    near = shapely.dwithin(parts.geoms, cut.line, pixel_side(tile.grid))
    return MultiPolygon([part for part, is_near in zip(parts.geoms, near, strict=True) if is_near])
