"""The extent and its neighbours without pixel steps."""

from collections.abc import Sequence

import numpy as np
import pytest
import shapely
from cut_scenes import answered, grid_of
from hypothesis import given, settings
from hypothesis import strategies as st
from smoothed_scenes import CLASSES, Scene, of

from tasks.core.arrays import ObjectArray
from tasks.core.errors import UnusableArgument
from tasks.core.product.layer import FailedTile, Layer
from tasks.core.product.layer_assembly import assemble
from tasks.core.smoothing.smoothing import BOUNDS, SMOOTHED, smoothed

METHODS = st.sampled_from(sorted(BOUNDS))
SCENES = st.builds(
    Scene,
    seed=st.integers(0, 10_000),
    sigma=st.sampled_from([0.8, 1.5, 3.0]),
    angle=st.sampled_from([0.0, 0.3, np.pi / 4]),
)
ROUNDING_M = 1e-3


def _pairs(layers: Sequence[Layer], copies: Sequence[Layer]) -> tuple[ObjectArray, ObjectArray]:
    """Exact polygons of all classes, and the smoothed ones in their places."""
    exact = np.concatenate([of(base, list(layers)) for base in CLASSES])
    return exact, np.concatenate([of(SMOOTHED[base], list(copies)) for base in CLASSES])


def _layers(scene: Scene) -> list[Layer]:
    """With neighbours on upright grids: on turned ones, cutting classes to the coordinates' step leaves thin spikes."""
    return scene.layers() if scene.angle else scene.layers(given=scene.neighbours())


@settings(max_examples=12, deadline=None)
@given(SCENES, METHODS)
def test_neighbours_stay_one_coverage_and_nothing_is_lost(scene: Scene, method: str) -> None:
    """Valid polygons with as many holes as before, edges shared exactly, and no gap or overlap, as GEOS sees it.

    On turned grids classes are cut to the step of the coordinates: what is thinner than that stays as it is.
    """
    layers = scene.layers(given=scene.neighbours())
    copies, proof = smoothed(layers, method)
    exact, smooth = _pairs(layers, copies)
    assert shapely.is_valid(smooth).all()
    assert shapely.get_num_interior_rings(smooth).tolist() == shapely.get_num_interior_rings(exact).tolist()
    assert proof.extents[0].is_valid or scene.angle
    assert proof.extents[0].left_exact == 0 or scene.angle
    assert shapely.coverage_is_valid(smooth) or proof.extents[0].left_exact


@settings(max_examples=12, deadline=None)
@given(SCENES, METHODS)
def test_no_outline_is_displaced_farther_than_the_method_allows(scene: Scene, method: str) -> None:
    """Each outline against its exact one, both ways; so areas differ by no more than that times its length."""
    layers = _layers(scene)
    copies, proof = smoothed(layers, method)
    exact, smooth = _pairs(layers, copies)
    bound = BOUNDS[method] * scene.pixel
    displaced = shapely.hausdorff_distance(shapely.boundary(exact), shapely.boundary(smooth), densify=0.25)
    assert displaced.max() <= bound + ROUNDING_M
    assert (np.abs(shapely.area(smooth) - shapely.area(exact)) <= bound * shapely.length(exact)).all()
    assert proof.extents[0].displacement_m <= proof.extents[0].bound_m + ROUNDING_M


@settings(max_examples=10, deadline=None)
@given(SCENES, METHODS)
def test_the_edge_of_the_observed_ground_stays(scene: Scene, method: str) -> None:
    """Nothing is smoothed across the edge of what was observed and asked for, and what runs along it does so still."""
    layers = _layers(scene)
    exact, smooth = _pairs(layers, smoothed(layers, method)[0])
    observed = shapely.union_all(of("area_observed", layers))
    assert shapely.area(shapely.difference(smooth, observed)).max() < 0.01
    along = shapely.intersection(shapely.boundary(exact), shapely.buffer(shapely.boundary(observed), ROUNDING_M))
    beside = shapely.difference(along, shapely.buffer(shapely.boundary(smooth), ROUNDING_M))
    assert shapely.length(beside).max() < 10 * ROUNDING_M  # outlines leave the edge at a slant


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), METHODS, st.sampled_from([(13, 0), (25, 6), (70, 0)]))
def test_a_seam_does_not_show(seed: int, method: str, tiles: tuple[int, int]) -> None:
    """Whatever the tiles, and their order, the same exact extent gives the same smoothed one, to the last bit."""
    whole, cut = Scene(seed).layers(100), Scene(seed).layers(*tiles)
    first, second = (of("smoothed_extent", smoothed(layers, method)[0]) for layers in (whole, cut))
    assert shapely.to_wkb(first).tolist() == shapely.to_wkb(second).tolist()


@pytest.mark.parametrize("method", sorted(BOUNDS))
def test_the_order_of_polygons_does_not_show(method: str) -> None:
    """Shuffled polygons, each begun at another vertex, are smoothed to the same."""
    layers = Scene(3).layers()
    order = np.random.default_rng(1).permutation(len(of("flood_extent", layers)))
    shuffled = [_reordered(layer, order) if layer.base == "flood_extent" else layer for layer in layers]
    first, second = (of("smoothed_extent", smoothed(some, method)[0]) for some in (layers, shuffled))
    assert shapely.equals_exact(shapely.normalize(first[order]), shapely.normalize(second)).all()


def _reordered(layer: Layer, order: np.ndarray) -> Layer:
    columns = {name: values[order] for name, values in layer.columns.items()}
    return Layer(layer.base, layer.geometry_type, layer.crs, shapely.reverse(layer.geometries[order]), columns)


def _mapped(mask: np.ndarray, **grid: float) -> list[Layer]:
    return assemble([answered("t", mask, grid_of(mask, **grid))], [], 0.0)


@pytest.mark.parametrize("slope", [1, 2, 3, 5, 8])
def test_steps_of_a_slope_become_a_line(slope: int) -> None:
    """A straight shore that falls by a pixel every few pixels has no vertex between its ends."""
    rows, columns = np.mgrid[0:40, 0:120]
    layers = _mapped(rows > 5 + columns // slope)
    (outline,) = of("smoothed_extent", smoothed(layers, "simplify")[0])
    assert len(of("flood_extent", layers)[0].exterior.coords) > 24
    assert len(outline.exterior.coords) <= 12


@pytest.mark.parametrize(("method", "share"), [("simplify", 1.0), ("smooth", 0.8)])
def test_a_pixel_stays(method: str, share: float) -> None:
    """A polygon, or a hole, of one pixel keeps its place and most of its area; only its corners are rounded."""
    mask = np.zeros((30, 30), bool)
    mask[5, 5] = True
    mask[10:20, 10:20] = True
    mask[15, 15] = False
    layers = _mapped(mask)
    pixel, block = of("smoothed_extent", smoothed(layers, method)[0])
    assert share * 2.25 <= pixel.area <= 2.2501
    assert share * 2.25 <= shapely.Polygon(block.interiors[0]).area <= 2.2501


def test_neighbours_meet_along_a_smoothed_shore() -> None:
    """Flood beside normal water: their new common edge is no longer one of pixels, and no ground is counted twice."""
    layers = Scene(11).layers(given=Scene(11).neighbours())
    copies, _ = smoothed(layers, "smooth")
    flood, normal = (shapely.union_all(of(name, copies)) for name in ("smoothed_extent", "smoothed_normal_water"))
    shore = shapely.intersection(flood, normal)
    assert shapely.length(shore) > 50
    assert shapely.area(shore) == 0


def test_layers_say_by_how_much_each_area_differs() -> None:
    """The copies carry the ids of the exact polygons, their area, and the difference; the proof has the sum."""
    layers = Scene(5).layers()
    (copy,), proof = smoothed(layers, "smooth")
    exact = next(layer for layer in layers if layer.base == "flood_extent")
    assert list(copy.columns) == ["flood_id", "area_m2", "err_m2"]
    assert copy.columns["flood_id"].tolist() == exact.columns["flood_id"].tolist()
    assert copy.columns["area_m2"] - copy.columns["err_m2"] == pytest.approx(exact.columns["area_m2"])
    (figures,) = proof.extents
    assert figures.smoothed_m2 == pytest.approx(copy.columns["area_m2"].sum())
    assert figures.vertices == shapely.get_num_coordinates(exact.geometries).sum() - figures.polygons - figures.holes


def test_degrees_are_measured_on_the_ground() -> None:
    """In a geographic CRS at 60 degrees south a pixel is half as wide as high; the bound is metres all the same."""
    rows, columns = np.mgrid[0:40, 0:60]
    mask = np.hypot(rows - 20, columns - 30) < 15
    grid = grid_of(mask)
    transform = (2e-5, 0.0, 147.0, 0.0, -1e-5, -60.0)
    tile = answered("t", mask, type(grid)(60, 40, transform, "EPSG:4326"))
    copies, proof = smoothed(assemble([tile], [], 0.0), "simplify")
    (figures,) = proof.extents
    assert 1.0 < figures.pixel_m < 1.2
    assert 0.3 < figures.displacement_m <= figures.bound_m
    assert figures.smoothed_vertices < figures.vertices / 2
    assert len(copies[0]) == 1


def test_pixels_near_the_rounding_stay_sound() -> None:
    """Where pixels are no larger than a few steps of the rounding, what it would spoil stays exact, and is counted."""
    layers = Scene(2, sigma=0.8, angle=0.3, pixel=4e-4).layers()
    copies, proof = smoothed(layers, "smooth")
    exact, smooth = _pairs(layers, copies)
    assert shapely.is_valid(smooth).all() or not shapely.is_valid(exact).all()
    assert len(smooth) == len(exact) == proof.extents[0].polygons


def test_a_product_without_flood_has_an_empty_copy() -> None:
    """No flood, no outlines: the layer is there, and nothing was displaced."""
    copies, proof = smoothed(_mapped(np.zeros((5, 5), bool)), "smooth")
    assert [(layer.name, len(layer)) for layer in copies] == [("smoothed_extent", 0)]
    assert proof.extents[0].displacement_m == 0
    assert type(proof).from_dict(proof.to_dict()) == proof


def test_a_product_without_an_answer_has_an_empty_copy() -> None:
    """Where every tile failed nothing was mapped, at no pixel size: that is no fault of the smoothing."""
    copies, _ = smoothed(assemble([], [FailedTile("t", "predict", "lost", 1.0)], 0.0), "simplify")
    assert [(layer.name, len(layer)) for layer in copies] == [("smoothed_extent", 0)]


def test_each_crs_has_its_copy() -> None:
    """Layers of two zones are smoothed each by itself, under the suffix of its zone."""
    mask = np.ones((8, 8), bool)
    mask[0, 0] = False
    tiles = [answered(crs, mask, grid_of(mask, crs=crs)) for crs in ("EPSG:7855", "EPSG:7856")]
    copies, proof = smoothed(assemble(tiles, [], 0.0), "simplify")
    assert [layer.name for layer in copies] == ["smoothed_extent_epsg7855", "smoothed_extent_epsg7856"]
    assert [figures.layer for figures in proof.extents] == [layer.name for layer in copies]


def test_an_unknown_method_is_refused() -> None:
    """The message names what was asked for, and what there is."""
    with pytest.raises(UnusableArgument, match=r"spline.*simplify, smooth"):
        smoothed([], "spline")
