"""Scores are shares of area, with nothing against nothing counted as right."""

import numpy as np
import pytest
import shapely
from cut_scenes import MGA, grid_of, noise
from hypothesis import example, given
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon

from tasks.core.polygons.tracing import mask_polygons, to_crs
from tasks.core.scoring.scoring import score

ALBERS = "EPSG:3577"
X, Y = 1_200_000.0, -4_000_000.0


def _box(x: float, y: float, width: float, height: float) -> Polygon:
    return shapely.box(X + x, Y + y, X + x + width, Y + y + height)


def test_known_areas_give_known_scores() -> None:
    """100 mapped, 200 expected, 50 in common: the measures follow from their definitions."""
    found = score(_box(0, 0, 10, 10), _box(5, 0, 20, 10), None, ALBERS)
    assert (found.iou, found.f1) == pytest.approx((50 / 250, 100 / 300))
    assert (found.precision, found.recall) == pytest.approx((0.5, 0.25))


@given(st.integers(0, 1000), st.sampled_from([0.1, 0.5, 0.9]))
@example(393, 0.1)
def test_scores_equal_those_of_pixels(seed: int, share: float) -> None:
    """Polygons of masks score as their pixels do, within the observed pixels."""
    mapped, expected, observed = (noise(seed + number, share, (12, 12)) for number in range(3))
    extent, reference, limit = (to_crs(mask_polygons(mask), grid_of(mask)) for mask in (mapped, expected, observed))
    found = score(extent, reference, limit, MGA)
    union = ((mapped | expected) & observed).sum()
    assert found.iou == pytest.approx((mapped & expected & observed).sum() / union if union else 1.0, abs=1e-4)
    assert found.reference_outside_share == pytest.approx(
        (expected & ~observed).sum() / max(1, expected.sum()), abs=1e-4
    )


def test_nothing_against_nothing_is_right() -> None:
    """Where nothing is flooded and nothing is mapped, every measure is 1; a false alarm alone gives IoU 0."""
    right = score(MultiPolygon(), [], None, ALBERS)
    assert (right.iou, right.f1, right.precision, right.recall) == (1, 1, 1, 1)
    wrong = score(_box(0, 0, 1, 1), MultiPolygon(), None, ALBERS)
    assert (wrong.iou, wrong.f1, wrong.precision, wrong.recall) == (0, 0, 0, 1)


def test_the_score_is_limited_to_the_observed_area() -> None:
    """What was not observed counts neither way, and how much of the reference that is, is said."""
    found = score(_box(0, 0, 10, 10), _box(0, 0, 20, 10), [_box(0, 0, 10, 10)], ALBERS)
    assert found.iou == pytest.approx(1)
    assert found.reference_outside_m2 == pytest.approx(100, rel=1e-6)
    assert found.reference_outside_share == pytest.approx(0.5)


def test_digitised_references_may_be_invalid() -> None:
    """Overlapping, self-crossing, three-dimensional, lines and missing polygons are taken for the area they cover."""
    bowtie = Polygon([(X, Y), (X + 10, Y + 10), (X + 10, Y), (X, Y + 10)])
    raised = shapely.force_3d(_box(20, 0, 10, 10), 7.0)
    reference = np.array([bowtie, raised, _box(25, 0, 5, 10), None, raised.exterior], dtype=object)
    found = score([_box(20, 0, 10, 10)], reference, None, ALBERS)
    assert found.reference_m2 == pytest.approx(150, rel=1e-6)
    assert found.precision == pytest.approx(1)
