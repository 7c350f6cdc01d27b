"""The extent cut on a grid is the extent, in pieces no larger than a square."""

import numpy as np
import pytest
import shapely
from cut_scenes import MGA, answered, blobs, grid_of, windows
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.errors import UnusableArgument
from tasks.core.geo.grid import Grid
from tasks.core.product.grid_cut import cut_on_grid, grid_side
from tasks.core.product.layer import Layer
from tasks.core.product.layer_assembly import assemble, content_hash


def _layers(seed: int, angle: float = 0.0) -> list[Layer]:
    mask = blobs(seed, (40, 44))
    tiles = windows(mask, grid_of(mask, angle), 30, 0)
    return assemble([answered(f"{number}.jp2", *tile) for number, tile in enumerate(tiles)], [], 5.0)


@settings(max_examples=8)
@given(st.integers(0, 1000), st.sampled_from([0.0, 0.3]), st.sampled_from([10.0, 17.3, 50.0, 1e6]))
def test_pieces_make_up_their_polygon(seed: int, angle: float, side: float) -> None:
    """The pieces of each polygon overlap nowhere, their union and areas are its own, and each lies in one square."""
    layers = _layers(seed, angle)
    (cut,) = cut_on_grid(layers, side)
    ids, exact = cut.columns["flood_id"], layers[0]
    for row, number in enumerate(exact.columns["flood_id"]):
        mine = ids == number
        pieces, whole = cut.geometries[mine], exact.geometries[row]
        assert shapely.area(pieces).sum() == pytest.approx(whole.area, rel=1e-12, abs=1e-6)
        assert shapely.symmetric_difference(shapely.union_all(pieces), whole).area < 1e-6
        assert cut.columns["area_m2"][mine].sum() == pytest.approx(exact.columns["area_m2"][row], rel=1e-12)
        assert cut.columns["part"][mine].tolist() == list(range(1, mine.sum() + 1))
        assert (cut.columns["tile_count"][mine] == exact.columns["tile_count"][row]).all()
    bounds = shapely.bounds(cut.geometries) / side
    assert (np.floor(bounds[:, :2] + 1e-9) + 1 >= bounds[:, 2:] - 1e-9).all()
    assert shapely.is_valid(cut.geometries).all()


def test_the_exact_extent_and_its_hash_stay() -> None:
    """Cutting makes a layer of another name and leaves what is hashed alone."""
    layers = _layers(7)
    before = content_hash(layers)
    (cut,) = cut_on_grid(layers, 20)
    assert content_hash([*layers, cut]) == before
    assert (cut.name, len(cut) > len(layers[0])) == ("flood_extent_cut", True)


@pytest.mark.parametrize(
    ("crs", "side"),
    [("EPSG:7855", 1000.0), ("EPSG:2263", 3280.833333), ("EPSG:4326", 0.008983153), ("EPSG:4807", 0.009981281)],
)
def test_the_grid_is_in_the_unit_of_the_crs(crs: str, side: float) -> None:
    """A kilometre is as many metres, US feet, degrees or grads."""
    assert grid_side(1000.0, crs) == pytest.approx(side, rel=1e-6)


def test_degrees_are_cut_too() -> None:
    """In a geographic CRS the areas of the pieces add up likewise."""
    mask = blobs(3)
    grid = Grid(mask.shape[1], mask.shape[0], (1.4e-5, 0, 146.1, 0, -1.2e-5, -35.1), "EPSG:4326")
    layers = assemble([answered("a.jp2", mask, grid)], [], 5.0)
    (cut,) = cut_on_grid(layers, 25.0)
    assert len(cut) > len(layers[0])
    assert cut.columns["area_m2"].sum() == pytest.approx(layers[0].columns["area_m2"].sum(), rel=1e-12)


@pytest.mark.parametrize("side", [0.0, -1.0, 9.9, float("nan"), float("inf")])
def test_a_grid_that_is_none_is_refused(side: float) -> None:
    """The message has the value and the remedy."""
    with pytest.raises(UnusableArgument, match=r"cut_grid_m: .* leave it out"):
        cut_on_grid(_layers(1), side)


def test_no_flood_is_cut_into_nothing() -> None:
    """An empty extent has an empty copy with the same columns."""
    empty = np.zeros((8, 8), np.bool_)
    layers = assemble([answered("dry.jp2", empty, grid_of(empty))], [], 5.0)
    (cut,) = cut_on_grid(layers, 100.0)
    assert len(cut) == 0
    assert {*cut.columns} == {*layers[0].columns, "part"}
    assert cut.crs == MGA
