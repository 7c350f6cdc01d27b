"""The product's layers with given areas: all of them add up, in one CRS and in two."""

import numpy as np
import pytest
import shapely
from cut_scenes import MGA, answered, blobs, grid_of, window
from given_scenes import area, by_name, given, moved, scene, stars
from hypothesis import given as whenever
from hypothesis import settings
from hypothesis import strategies as st

from tasks.core.given_areas.given_areas import GivenArea, GivenAreas
from tasks.core.product.given_ground import largest_pixel_m
from tasks.core.product.layer import AnsweredTile, FailedTile, Layer
from tasks.core.product.layer_assembly import assemble, content_hash

SHAPE = (40, 50)
STEP = 1e-4
OTHER = "EPSG:7856"
CLASSES = ("flood_extent", "normal_water", "excluded")


def _areas(seed: int, number: int, tolerance_m: float | None = None) -> GivenAreas:
    water, out = (given(stars(seed + shift, number), name) for shift, name in ((0, "normal_water"), (1, "exclude")))
    return GivenAreas(water, out, None, tolerance_m)


def _interest(seed: int) -> GivenArea:
    return given(stars(seed + 2, 6), "area_of_interest")


def _lose(tile: AnsweredTile) -> FailedTile:
    return FailedTile(tile.id, "predict", "no answer", 2.0, tile.grid.crs, tile.extent.observed)


def _rounding(*layers: Layer) -> float:
    return STEP * sum(shapely.length(layer.geometries).sum() for layer in layers)


@settings(max_examples=12)
@whenever(st.integers(0, 10_000), st.sampled_from([0.0, 0.3]), st.sampled_from([0, 2]))
def test_inside_and_outside_of_an_area_of_interest_add_up(seed: int, angle: float, overlap: int) -> None:
    """The product of the area and that of all but the area are, layer by layer, the product of everything."""
    tiles, areas = scene(blobs(seed, SHAPE), angle, overlap), _areas(seed, 4)
    lost = [_lose(tiles[0])]
    interest = _interest(seed)
    ground = shapely.union_all(interest.in_crs(MGA).polygons)
    rest = given([shapely.box(299_000, 6_599_000, 301_000, 6_601_000) - ground], "area_of_interest")
    whole, inside, outside = (
        by_name(assemble(tiles[1:], lost, 25.0, GivenAreas(areas.normal_water, areas.excluded, one)))
        for one in (None, interest, rest)
    )
    for name in (*CLASSES, "flood_trace", "area_observed", "not_assessed", "flood_extent_by_tile"):
        parts = [inside[name], outside[name]]
        assert area(parts[0]) + area(parts[1]) == pytest.approx(area(whole[name]), abs=10 * _rounding(*parts) + 1e-6)
    assert (shapely.equals_exact(inside["tiles"].geometries, whole["tiles"].geometries)).all()


@settings(max_examples=12)
@whenever(st.integers(0, 10_000), st.sampled_from([0.0, 0.3]), st.sampled_from([0, 2]))
def test_water_is_flood_normal_water_and_excluded_water(seed: int, angle: float, overlap: int) -> None:
    """The classes add up to the extent without given areas; a piece of it in a tile is that of the tile's water."""
    tiles, areas = scene(blobs(seed, SHAPE), angle, overlap), _areas(seed, 5)
    water, told = by_name(assemble(tiles, [], 25.0)), by_name(assemble(tiles, [], 25.0, areas))
    classes = [told[name] for name in CLASSES]
    assert sum(area(one) for one in classes) == pytest.approx(area(water["flood_extent"]), abs=10 * _rounding(*classes))
    ellipsoidal = sum(one.columns["area_m2"].sum() for one in classes)
    assert ellipsoidal == pytest.approx(water["flood_extent"].columns["area_m2"].sum(), abs=10 * _rounding(*classes))
    assert told["flood_extent"].columns["flood_id"].tolist() == list(range(1, len(told["flood_extent"]) + 1))
    pieces, flood = told["flood_extent_by_tile"], told["flood_extent"].geometries
    whole = flood[np.asarray(pieces.columns["flood_id"]) - 1]
    assert shapely.covers(shapely.buffer(whole, 1e-3), pieces.geometries).all()
    shares = pieces.columns["area_m2"].sum()
    assert told["tiles"].columns["flood_m2"].sum() == pytest.approx(shares)


def test_without_given_areas_nothing_changes() -> None:
    """Given areas that are none leave layers and hash as they are, and add no layer."""
    tiles = scene(blobs(4, SHAPE), 0.3, 2)
    plain, none = assemble(tiles, [], 25.0), assemble(tiles, [], 25.0, GivenAreas())
    assert [layer.name for layer in plain] == [layer.name for layer in none]
    assert content_hash(plain) == content_hash(none)
    for layer, other in zip(plain, none, strict=True):
        assert shapely.to_wkb(layer.geometries).tolist() == shapely.to_wkb(other.geometries).tolist()
        assert repr(list(layer.columns.values())) == repr(list(other.columns.values()))


def test_normal_water_that_is_nowhere_near_changes_no_polygon() -> None:
    """What does not reach the frames leaves the extent vertex for vertex, and its hash."""
    tiles = scene(blobs(4, SHAPE), 0.3, 2)
    far = GivenAreas(given([shapely.box(0, 0, 1, 1)], "normal_water"), given([shapely.box(0, 0, 1, 1)], "exclude"))
    assert content_hash(assemble(tiles, [], 25.0, far)) == content_hash(assemble(tiles, [], 25.0))


def test_layers_are_there_where_they_were_asked_for() -> None:
    """Each parameter brings its layers, in the order of the GeoPackage, also empty ones."""
    tiles = scene(~np.ones(SHAPE, bool))
    areas = GivenAreas(*(given(stars(1, 1), name) for name in ("normal_water", "exclude", "area_of_interest")))
    names = ["flood_extent", "flood_extent_by_tile", "normal_water", "flood_trace", "area_observed", "not_assessed"]
    layers = assemble(tiles, [], 25.0, areas)
    assert [layer.name for layer in layers] == [*names, "area_of_interest", "excluded", "tiles", "to_check"]
    columns = {layer.name: list(layer.columns) for layer in layers}
    assert columns["normal_water"] == columns["flood_trace"] == ["area_m2"]
    assert columns["excluded"] == ["reason", "area_m2"]
    assert columns["area_of_interest"] == ["area_m2", "observed_m2", "unanswered_m2", "outside_m2"]
    assert {geometry.geom_type for layer in layers[2:6] for geometry in layer.geometries} <= {"Polygon", "MultiPolygon"}


@pytest.mark.parametrize("overlap", [0, 2])
def test_the_area_of_interest_is_accounted_for(overlap: int) -> None:
    """Observed, unanswered and outside add up to it, and are what the other layers have of it."""
    tiles = scene(blobs(3, SHAPE), 0.0, overlap)
    interest = given([shapely.box(300_010, 6_599_950, 300_500, 6_600_020)], "area_of_interest")
    layers = by_name(assemble(tiles[1:], [_lose(tiles[0])], 25.0, GivenAreas(None, None, interest)))
    row = {name: float(values[0]) for name, values in layers["area_of_interest"].columns.items()}
    assert row["observed_m2"] + row["unanswered_m2"] + row["outside_m2"] == row["area_m2"]
    assert row["area_m2"] == pytest.approx(490 * 70 / 0.9996**2 / (1 + 5e-4) ** 2, rel=1e-3)
    assert row["observed_m2"] == pytest.approx(layers["area_observed"].columns["area_m2"].sum(), rel=1e-9)
    lost, seen = (shapely.union_all(layers[name].geometries) for name in ("not_assessed", "area_observed"))
    assert row["unanswered_m2"] / row["area_m2"] == pytest.approx((lost - seen).area / (490 * 70), rel=1e-4)
    assert layers["area_of_interest"].geometries[0].area == pytest.approx(490 * 70, rel=1e-9)


@pytest.mark.parametrize("failed", [False, True])
def test_in_two_zones_each_ground_counts_once(failed: bool) -> None:
    """Frames of both zones over the same ground: the rows add up to the area as one zone alone measures it."""
    here = scene(blobs(3, SHAPE))
    # The same place in the zone beside it, turned by the convergence of the meridians; the first tile of it is lost.
    x, y = shapely.get_coordinates(moved(np.array([shapely.Point(here[0].grid.xy(0, 0))], np.object_), MGA, OTHER))[0]
    grid = grid_of(blobs(5, SHAPE), crs=OTHER)
    grid = type(grid)(grid.width_px, grid.height_px, (1.5, 0.0, x + 30, 0.0, -1.5, y + 10), OTHER)
    there = [answered("z.jp2", blobs(5, SHAPE), grid), answered("y.jp2", blobs(6, SHAPE), window(grid, 0, 30, 40, 50))]
    gone = [_lose(there.pop()), _lose(here.pop(0))] if failed else []
    interest = given([shapely.box(299_990, 6_599_930, 300_300, 6_600_020)], "area_of_interest")
    alone = by_name(assemble(here, [], 25.0, GivenAreas(None, None, interest)))["area_of_interest"]
    layers = by_name(assemble([*here, *there], gone, 25.0, GivenAreas(None, None, interest)))
    rows = [layers[f"area_of_interest_epsg{code}"] for code in (7855, 7856)]
    total = {name: sum(float(row.columns[name][0]) for row in rows) for name in rows[0].columns}
    assert total["area_m2"] == pytest.approx(float(alone.columns["area_m2"][0]), rel=1e-6)
    # By pixels: points of the area, asked one by one whether a frame of either zone saw them.
    points = shapely.points(np.random.default_rng(1).uniform((299_990, 6_599_930), (300_300, 6_600_020), (20_000, 2)))
    moved_points = moved(points, MGA, OTHER)
    seen = np.zeros((2, len(points)), bool)
    for index, name in enumerate(("area_observed", "not_assessed")):
        for code, where in ((7855, points), (7856, moved_points)):
            ground = shapely.union_all(layers[f"{name}_epsg{code}"].geometries)
            shapely.prepare(ground)
            seen[index] |= shapely.intersects(ground, where)
    shares = seen[0].mean(), (seen[1] & ~seen[0]).mean()
    assert total["observed_m2"] / total["area_m2"] == pytest.approx(shares[0], abs=0.01)
    assert total["unanswered_m2"] / total["area_m2"] == pytest.approx(shares[1], abs=0.01)
    assert (total["unanswered_m2"] > 0) == failed
    assert float(rows[1].columns["outside_m2"][0]) == 0


def test_normal_water_in_degrees_serves_both_zones() -> None:
    """In each zone the classes add up to that zone's water."""
    tiles = [*scene(blobs(3, SHAPE)), *scene(blobs(7, SHAPE), 0.0, 2, OTHER)]
    both = np.concatenate([moved(stars(1, 6, crs), crs, "EPSG:4283") for crs in (MGA, OTHER)])
    areas = GivenAreas(given(both, "normal_water", "EPSG:4283"), None, None, 0.0)
    water, told = by_name(assemble(tiles, [], 25.0)), by_name(assemble(tiles, [], 25.0, areas))
    for code in ("epsg7855", "epsg7856"):
        classes = [told[f"{name}_{code}"] for name in CLASSES[:2]]
        assert all(len(one) for one in classes)
        assert sum(area(one) for one in classes) == pytest.approx(area(water[f"flood_extent_{code}"]), abs=0.05)


def test_flood_has_the_confidence_of_the_water_that_it_is_a_part_of() -> None:
    """Both pieces that excluded ground leaves of a polygon are as sure as the whole was."""
    labels, sure = np.zeros(SHAPE), np.full(SHAPE, 255, np.uint8)
    labels[5:15, 5:45] = 1
    grid = grid_of(labels)
    tiles = [answered("a.jp2", labels, grid, None, sure)]
    wall = given([shapely.box(300_030, 6_599_900, 300_033, 6_600_010)], "exclude")
    flood = by_name(assemble(tiles, [], 25.0, GivenAreas(None, wall)))["flood_extent"]
    assert flood.columns["conf_mean"].tolist() == [1.0, 1.0]
    assert flood.columns["tile_count"].tolist() == [1, 1]


def test_a_lost_tile_outside_the_area_is_a_tile_but_leaves_nothing_open() -> None:
    """It keeps its row in tiles, with its footprint, and has none in not_assessed; one of unknown place has both."""
    tiles = scene(blobs(3, SHAPE))
    ground = tiles[-1].extent.observed
    interest = given([tiles[0].extent.observed], "area_of_interest")
    lost = [_lose(tiles[-1]), FailedTile("nowhere.jp2", "prepare", "no CRS", 0.0)]
    layers = by_name(assemble(tiles[:-1], lost, 25.0, GivenAreas(None, None, interest)))
    assert layers["not_assessed"].columns["tile"].tolist() == ["nowhere.jp2"]
    place = layers["tiles"].geometries[layers["tiles"].columns["tile"].tolist().index(tiles[-1].id)]
    assert place.equals(ground)


def test_without_any_answer_the_layers_are_there_and_empty() -> None:
    """Also where no place is known: what was asked for has its layer."""
    tiles = scene(blobs(3, SHAPE))
    areas = GivenAreas(*(given(stars(1, 3), name) for name in ("normal_water", "exclude", "area_of_interest")))
    for lost in ([_lose(tile) for tile in tiles], [FailedTile("nowhere.jp2", "prepare", "no CRS", 0.0)], []):
        layers = by_name(assemble([], lost, 25.0, areas))
        assert [len(layers[name]) for name in (*CLASSES, "flood_trace")] == [0, 0, 0, 0]
        row = {name: float(values[0]) for name, values in layers["area_of_interest"].columns.items()}
        assert row["observed_m2"] == 0
        assert row["unanswered_m2"] + row["outside_m2"] == row["area_m2"]
        assert (row["unanswered_m2"] > 0) == (len(lost) > 1)


def test_places_to_check_lie_in_the_area() -> None:
    """Nobody is sent to look at ground that the product is not about."""
    labels, doubt = np.zeros(SHAPE), np.full(SHAPE, 10, np.uint8)
    labels[5:15, 5:45] = 1
    labels[25:35, 5:45] = 1
    tiles = [answered("a.jp2", labels, grid_of(labels), None, doubt)]
    interest = given([shapely.box(299_990, 6_599_980, 300_040, 6_600_010)], "area_of_interest")
    every, inside = (
        by_name(assemble(tiles, [], 25.0, GivenAreas(None, None, one)))["to_check"] for one in (None, interest)
    )
    assert (len(every), len(inside)) == (2, 1)
    assert shapely.covers(interest.polygons[0], inside.geometries).all()


def test_a_mapped_pixel_is_measured_on_the_ground() -> None:
    """The longest side of all tiles' pixels: in degrees, that along the meridian."""
    metres = grid_of(blobs(1, SHAPE), 0.3)
    assert largest_pixel_m([metres, metres.resized(25, 40)]) == pytest.approx(3.0, rel=2e-3)
    degrees = type(metres)(50, 40, (1e-5, 0.0, 147.0, 0.0, -1e-5, -60.0), "EPSG:7844")
    assert largest_pixel_m([degrees]) == pytest.approx(1.114, rel=1e-3)
    assert largest_pixel_m([]) == 0
