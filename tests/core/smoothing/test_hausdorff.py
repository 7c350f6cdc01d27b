"""The largest distance of two sets of lines."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.smoothing.hausdorff import hausdorff_distance


def _chain(points: list[tuple[float, float]]) -> np.ndarray:
    line = np.array(points, np.float64)
    return np.stack([line[:-1], line[1:]], axis=1)


CHAINS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=2, max_size=8, unique=True).map(_chain)


@settings(max_examples=25, deadline=None)
@given(CHAINS, CHAINS, st.sampled_from([0.1, 2.0, 50.0]))
def test_equals_the_distance_over_dense_points(first: np.ndarray, second: np.ndarray, near: float) -> None:
    """As GEOS has it for lines cut into short pieces, within their length, wherever the search begins."""
    dense = [shapely.segmentize(shapely.multilinestrings(shapely.linestrings(one)), 0.05) for one in (first, second)]
    expected = max(shapely.hausdorff_distance(*dense), shapely.hausdorff_distance(*dense[::-1]))
    assert hausdorff_distance(first, second, near, 1e-4) == pytest.approx(expected, abs=0.05)


def test_the_farthest_point_need_not_be_a_vertex() -> None:
    """Between two parallel walls, the line across is farthest from both in its middle."""
    across = _chain([(0, 0), (10, 0)])
    walls = np.concatenate([_chain([(0, -1), (0, 1)]), _chain([(10, -1), (10, 1)]), across[:, :1].repeat(2, axis=1)])
    assert hausdorff_distance(across, walls, 1.0, 1e-6) == pytest.approx(5.0, abs=1e-5)


def test_no_lines_have_no_distance() -> None:
    """An extent without polygons is not displaced."""
    assert hausdorff_distance(np.empty((0, 2, 2)), np.empty((0, 2, 2)), 1.0, 1e-3) == 0
