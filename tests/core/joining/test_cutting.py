"""The extent cut back to its tiles is what a plain intersection gives, tile by tile."""

import math

import numpy as np
import pytest
import shapely
from cut_scenes import MGA, blobs, grid_of, windows
from hypothesis import given
from hypothesis import strategies as st
from shapely import MultiPolygon

from tasks.core.joining.cutting import cut
from tasks.core.joining.seam_joining import join
from tasks.core.polygons.tracing import mask_polygons, to_crs


@given(st.integers(0, 1000), st.sampled_from([0.0, 0.3]), st.sampled_from([0, 2]))
def test_pieces_equal_plain_intersections(seed: int, angle: float, overlap: int) -> None:
    """Every piece has the area of the intersection of its polygon and tile, and none is missing."""
    mask = blobs(seed, (40, 40))
    parts = list(windows(mask, grid_of(mask, angle), 10, overlap))
    polygons = np.array(join([to_crs(mask_polygons(m), g) for m, g in parts], MGA, [g for _, g in parts]), dtype=object)
    areas = [to_crs(mask_polygons(np.ones_like(m)), g) for m, g in parts]
    pieces = cut(polygons, areas, MGA)
    expected = shapely.area(shapely.intersection(polygons[:, None], np.array(areas, dtype=object)[None, :]))
    found = np.zeros_like(expected)
    found[pieces.polygon_of, pieces.tile_of] = shapely.area(pieces.geometries)
    assert np.allclose(found, expected, atol=0.05, rtol=1e-9)
    assert shapely.is_valid(pieces.geometries).all()


def test_pieces_come_sorted_as_multipolygons() -> None:
    """Pieces are sorted by polygon and tile, and are of one geometry type whether whole or cut."""
    polygons = np.array([shapely.box(x, 0, x + 3, 1) for x in (10, 0, 5)], dtype=object)
    tiles = [MultiPolygon([shapely.box(x, -1, x + 6, 2)]) for x in (9, 6, 0)]
    pieces = cut(polygons, tiles, MGA)
    assert list(zip(pieces.polygon_of, pieces.tile_of, strict=True)) == [(0, 0), (0, 1), (1, 2), (2, 1), (2, 2)]
    assert set(shapely.get_type_id(pieces.geometries)) == {shapely.GeometryType.MULTIPOLYGON}


def test_a_polygon_over_many_tiles_loses_nothing() -> None:
    """A polygon over 20 x 20 tiles, and touching others only along their edges, is shared out completely."""
    river = shapely.LineString([(x / 10, 10 + 9 * math.sin(x / 30)) for x in range(200)]).buffer(0.4)
    tiles = [MultiPolygon([shapely.box(x, y, x + 1, y + 1)]) for x in range(20) for y in range(20)]
    pieces = cut(np.array([river, shapely.box(3, 3, 5, 5)], dtype=object), tiles, MGA)
    inside = shapely.intersection(river, shapely.box(0, 0, 20, 20)).area
    assert shapely.area(pieces.geometries)[pieces.polygon_of == 0].sum() == pytest.approx(inside)
    assert np.count_nonzero(pieces.polygon_of == 1) == 4


def test_nothing_cut_is_nothing() -> None:
    """No polygons or no tiles give no pieces."""
    assert len(cut(np.empty(0, dtype=object), [MultiPolygon()], MGA).geometries) == 0
    assert len(cut(np.array([shapely.box(0, 0, 1, 1)]), [], MGA).geometries) == 0
