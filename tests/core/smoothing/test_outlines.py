"""Polygons taken apart into shared outlines, and what is found wrong with them."""

import numpy as np
import shapely
from cut_scenes import MGA
from hypothesis import given, settings
from hypothesis import strategies as st
from smoothed_scenes import Scene, of

from tasks.core.smoothing.outlines import outlines
from tasks.core.smoothing.soundness import unsound

NOWHERE = np.empty(0, np.object_)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_outlines_bound_the_same_polygons(seed: int) -> None:
    """Taken apart and put together, polygons cover what they did, with the same rings."""
    exact = of("flood_extent", Scene(seed, 1.2).layers())
    again = outlines(exact, NOWHERE, MGA).polygons()
    assert shapely.equals(exact, again).all()
    assert shapely.get_num_coordinates(again).tolist() == shapely.get_num_coordinates(exact).tolist()


def test_a_vertex_on_a_neighbours_edge_is_one_of_both() -> None:
    """A corner half-way along an edge stays where it is, and the edge gets a vertex there."""
    wall, buttress = shapely.box(0, 0, 10, 30), shapely.box(10, 10, 20, 20)
    found = outlines(np.array([wall, buttress], np.object_), NOWHERE, MGA)
    meeting = np.isin(found.points, [[10, 10], [10, 20]]).all(axis=1) & (found.points[:, 0] == 10)
    assert len(found.edges) == 9
    assert (found.neighbours[meeting] == -1).all()
    assert shapely.coverage_is_valid(found.polygons())


def test_what_lies_on_the_edge_is_held() -> None:
    """Vertices on the edge of the observed ground may not move; the others may."""
    pool = shapely.box(0, 10, 10, 20)
    found = outlines(np.array([pool], np.object_), np.array([shapely.box(0, 0, 50, 50)], np.object_), MGA)
    assert found.points[found.held].tolist() == [[0, 10], [0, 20]]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.2, 1.0]))
def test_unsound_polygons_are_those_that_geos_finds(seed: int, shift: float) -> None:
    """Vertices of a coverage moved at random: it is found unsound just where GEOS finds it invalid."""
    random = np.random.default_rng(seed)
    corners = np.array([[shapely.box(x, y, x + 1, y + 1) for x in range(3)] for y in range(3)], np.object_).ravel()
    found = outlines(corners[random.random(9) < 0.7], NOWHERE, MGA)
    moved = type(found)(
        found.points + random.normal(0, shift, found.points.shape),
        found.held, found.at, found.ring_of, found.polygon_of,
    )  # fmt: skip
    polygons = moved.polygons()
    expected = bool(shapely.is_valid(polygons).all() and shapely.coverage_is_valid(polygons))
    assert (not unsound(moved).any()) == expected


def test_an_island_under_another_polygon_is_found() -> None:
    """No edges cross where one polygon lies wholly within another; both are named."""
    both = np.array([shapely.box(0, 0, 10, 10), shapely.box(3, 3, 4, 4), shapely.box(20, 0, 30, 10)], np.object_)
    assert unsound(outlines(both, NOWHERE, MGA)).tolist() == [True, True, False]
