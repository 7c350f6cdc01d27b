"""Large areas in small pieces are the same areas."""

import numpy as np
import shapely
from cut_scenes import blobs, noise
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.features import rasterize, shapes

from tasks.core.arrays import BoolMask, ObjectArray
from tasks.core.exposure.pieces import FEW_VERTICES, MOST_VERTICES, Pieces, pieces_of, without


def polygons_of(mask: BoolMask) -> ObjectArray:
    found = [shapely.geometry.shape(shape) for shape, _ in shapes(mask.astype(np.uint8), mask=mask)]
    return np.array([*found, None], np.object_)[:-1]


@settings(max_examples=4)
@given(st.integers(0, 1000), st.sampled_from([0.0, 0.55, 0.7]), st.floats(0, 1))
def test_pieces_are_the_area_and_overlap_nowhere(seed: int, share: float, turn: float) -> None:
    """Outlines of many vertices, holes and touching corners: pieces are small and valid, and burn the same pixels."""
    mask = noise(seed, share, (160, 170)) if share else blobs(seed, (400, 500))
    polygons = shapely.affinity.rotate(shapely.multipolygons(polygons_of(mask)), turn, origin=(0, 0))
    whole = shapely.get_parts(polygons)
    pieces = pieces_of(whole).polygons
    assert shapely.get_num_coordinates(whole).max() > MOST_VERTICES >= shapely.get_num_coordinates(pieces).max()
    assert shapely.is_valid(pieces).all()
    assert np.isclose(shapely.area(pieces).sum(), shapely.area(whole).sum(), rtol=1e-9)
    back = shapely.affinity.rotate(shapely.multipolygons(pieces), -turn, origin=(0, 0))
    assert np.array_equal(rasterize(shapely.get_parts(back), mask.shape).astype(bool), mask)
    assert len(pieces) < len(whole) + 8 * shapely.get_num_coordinates(whole).sum() / FEW_VERTICES


def test_what_lies_outside_an_area_is_its_difference() -> None:
    """Polygons without an area in pieces are those without the area itself."""
    polygons, area = polygons_of(blobs(1, (200, 200))), polygons_of(blobs(2, (200, 200)))
    left = without(polygons, pieces_of(area), 0.0)
    expected = shapely.difference(shapely.union_all(polygons), shapely.union_all(area))
    assert shapely.union_all(left).symmetric_difference(expected).area < 1e-6
    assert len(without(polygons, Pieces(polygons), 1e-4)) == 0
