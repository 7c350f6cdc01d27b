"""The layers of the product: every tile accounted for, nothing depending on the order of the tiles."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import shapely
from cut_scenes import MGA, answered, blobs, grid_of, window, windows
from hypothesis import given
from hypothesis import strategies as st
from shapely import MultiPolygon

from tasks.core.arrays import BoolMask
from tasks.core.polygons.tile_extent import extract
from tasks.core.polygons.tracing import mask_polygons, to_crs
from tasks.core.product.assessment import reason
from tasks.core.product.layer import AnsweredTile, FailedTile, Layer
from tasks.core.product.layer_assembly import assemble, content_hash

ALL = np.ones((40, 50), bool)
COLUMNS = {
    "flood_extent": ["flood_id", "area_m2", "tile_count", "conf_mean", "conf_p10", "cloud_frac"],
    "flood_extent_by_tile": ["flood_id", "tile", "area_m2"],
    "area_observed": ["area_m2"],
    "not_assessed": ["tile", "stage", "error", "observed_elsewhere", "area_m2"],
    "tiles": [
        "tile",
        "state",
        "stage",
        "seconds",
        "error",
        "flood_m2",
        "observed_m2",
        "pad_px",
        "overlap_m2",
        "pixel_m",
    ],
    "to_check": ["rank", "reason", "doubt", "area_m2", "weight_m2"],
}


def _scene(mask: BoolMask, angle: float = 0.0, overlap: int = 0) -> list[AnsweredTile]:
    parts = windows(mask, grid_of(mask, angle), 20, overlap)
    return [answered(f"{number}.jp2", part.astype(np.uint8), grid) for number, (part, grid) in enumerate(parts)]


def _lose(tile: AnsweredTile) -> FailedTile:
    return FailedTile(tile.id, "predict", "no answer", 2.0, tile.grid.crs, tile.extent.observed)


def _by_name(layers: Sequence[Layer]) -> dict[str, Layer]:
    return {layer.name: layer for layer in layers}


def _row(layer: Layer, tile: str) -> dict[str, object]:
    (number,) = np.flatnonzero(layer.columns["tile"] == tile)
    return {name: values[number] for name, values in layer.columns.items()} | {"geometry": layer.geometries[number]}


def test_a_product_has_six_layers_with_their_columns() -> None:
    """Names and columns are fixed, also where there is nothing to show."""
    for tiles in (_scene(blobs(1, ALL.shape)), _scene(~ALL)):
        assert {layer.name: list(layer.columns) for layer in assemble(tiles, [], 25.0)} == COLUMNS


@given(st.integers(0, 1000), st.sampled_from([0.0, 0.3]), st.sampled_from([0, 2]))
def test_before_filtering_the_extent_is_the_union_of_the_masks(seed: int, angle: float, overlap: int) -> None:
    """Unfiltered, the planar area is the masks' pixels times the pixel area, and the tiles' shares add up to it."""
    mask = blobs(seed, ALL.shape)
    layers = _by_name(assemble(_scene(mask, angle, overlap), [], 0.0))
    planar = shapely.area(layers["flood_extent"].geometries).sum()
    assert planar == pytest.approx(mask.sum() * 2.25, abs=0.05)
    shares = layers["flood_extent_by_tile"].columns["area_m2"].sum()
    assert shares == pytest.approx(layers["tiles"].columns["flood_m2"].sum())
    if not overlap:
        assert shares == pytest.approx(layers["flood_extent"].columns["area_m2"].sum(), abs=0.05)


@given(st.integers(0, 1000), st.randoms(use_true_random=False), st.sampled_from([0.0, 0.3]))
def test_the_order_of_tiles_does_not_show(seed: int, random: object, angle: float) -> None:
    """Shuffled tiles give the same layers, identifiers and content hash."""
    tiles = _scene(blobs(seed, ALL.shape), angle, 2)
    layers = assemble(tiles[1:], [_lose(tiles[0])], 25.0)
    shuffled = tiles[1:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = assemble(shuffled, [_lose(tiles[0])], 25.0)
    assert content_hash(again) == content_hash(layers)
    for layer, other in zip(layers, again, strict=True):
        columns, others = (repr([values.tolist() for values in one.columns.values()]) for one in (layer, other))
        assert columns == others  # as text: unknown areas are NaN, which equals nothing


def test_the_hash_is_of_the_extent_alone() -> None:
    """Seconds and errors do not change the hash; one pixel of flood does."""
    mask = blobs(4, ALL.shape)
    tiles = _scene(mask)
    slow = [AnsweredTile(tile.id, tile.grid, tile.extent, 99.0) for tile in tiles]
    assert content_hash(assemble(slow, [FailedTile("x", "prepare", "e", 0.0)], 25.0)) == content_hash(
        assemble(tiles, [], 25.0)
    )
    mask[0, 0] = ~mask[0, 0]
    assert content_hash(assemble(_scene(mask), [], 0.0)) != content_hash(assemble(tiles, [], 0.0))


def test_joining_comes_before_filtering() -> None:
    """Slivers of a large polygon that a tile edge cuts off are not dropped, and holes over a seam are filled."""
    mask = np.zeros((40, 40), bool)
    mask[5:15, 10:21] = True  # one column, 22.5 m2, reaches into the next tile
    mask[25:37, 10:30] = True
    mask[30:32, 19:21] = False  # 9 m2 over the seam
    layers = _by_name(assemble(_scene(mask), [], 25.0))
    assert shapely.area(layers["flood_extent"].geometries) == pytest.approx([110 * 2.25, 240 * 2.25])
    assert layers["flood_extent"].columns["tile_count"].tolist() == [2, 2]
    assert layers["flood_extent_by_tile"].columns["tile"].tolist() == ["0.jp2", "1.jp2", "2.jp2", "3.jp2"]


@given(st.integers(0, 300), st.sampled_from([0.0, 0.3]), st.sampled_from([0, 3]))
def test_the_share_under_cloud_is_that_of_the_pixels(seed: int, angle: float, overlap: int) -> None:
    """Of flood that was labelled with cloud, over seams and where tiles overlap; NULL where the label is not used."""
    flood, cloud = blobs(seed, ALL.shape), blobs(seed + 1, ALL.shape)
    labels = np.where(flood, np.where(cloud, 2, 1), 0).astype(np.uint8)
    parts = windows(labels, grid_of(labels, angle), 20, overlap)
    tiles = [
        AnsweredTile(f"{n}.jp2", grid, extract(part, np.ones(part.shape, bool), grid, [1, 2]), 1.0)
        for n, (part, grid) in enumerate(parts)
    ]
    extent = _by_name(assemble(tiles, [], 0.0))["flood_extent"]
    clouded_px = (extent.columns["cloud_frac"] * shapely.area(extent.geometries)).sum() / 2.25
    assert clouded_px == pytest.approx((flood & cloud).sum(), abs=0.1)
    plain = _by_name(assemble(_scene(flood), [], 0.0))["flood_extent"]
    assert np.isnan(plain.columns["cloud_frac"]).all()


def test_a_hole_over_a_failed_tile_is_not_filled() -> None:
    """Ground that nobody saw is not flooded by filling holes."""
    mask = np.ones((60, 60), bool)
    tiles = _scene(mask)
    valid = np.ones((20, 20), bool)
    valid[5:8, 5:8] = False
    tiles[4] = answered("4.jp2", mask[:20, :20], tiles[4].grid, valid)
    (polygon,) = _by_name(assemble(tiles, [], 25.0))["flood_extent"].geometries
    assert shapely.area(polygon) == pytest.approx((3600 - 9) * 2.25)


def test_flood_ids_count_in_reading_order() -> None:
    """Identifiers run from 1, north to south, and by-tile features carry those of the joined extent."""
    layers = _by_name(assemble(_scene(blobs(6, ALL.shape)), [], 0.0))
    extent, by_tile = layers["flood_extent"], layers["flood_extent_by_tile"]
    assert extent.columns["flood_id"].tolist() == list(range(1, len(extent) + 1))
    assert (np.diff(shapely.bounds(extent.geometries)[:, 3]) <= 0).all()
    whole = extent.geometries[by_tile.columns["flood_id"] - 1]
    assert shapely.covers(shapely.buffer(whole, 1e-6), by_tile.geometries).all()


def test_a_failed_tile_is_not_assessed_and_may_be_seen_elsewhere() -> None:
    """A failed tile has one feature, which says how much of it overlapping tiles saw."""
    grid = grid_of(ALL)
    west = answered("west.jp2", np.zeros((40, 50)), grid)
    east = answered("east.jp2", np.zeros((40, 50)), window(grid, 0, 40, 40, 50))
    layers = _by_name(assemble([west], [_lose(east)], 25.0))
    lost = _row(layers["not_assessed"], "east.jp2")
    assert (lost["stage"], lost["error"]) == ("predict", "no answer")
    assert lost["observed_elsewhere"] == pytest.approx(0.2, rel=1e-4)
    assert lost["area_m2"] == pytest.approx(2000 * 2.25, rel=1e-3)
    assert _row(layers["tiles"], "east.jp2")["state"] == "failed"


def test_flood_under_cloud_that_does_not_count_is_not_assessed() -> None:
    """Where label 2 is no flood, its ground is neither observed nor dry: a feature of its own says so."""
    labels = np.zeros((40, 50))
    labels[:10, :10] = 2
    layers = _by_name(assemble([answered("a.jp2", labels, grid_of(ALL))], [], 25.0))
    row = _row(layers["not_assessed"], "a.jp2")
    assert row["stage"] == "extract"
    assert "flood under cloud" in str(row["error"])
    assert shapely.area(row["geometry"]) == pytest.approx(100 * 2.25)
    assert shapely.area(layers["area_observed"].geometries).sum() == pytest.approx(1900 * 2.25)


@pytest.mark.parametrize(
    ("flood_labels", "class_map", "hidden", "ignored"),
    [
        ([1], None, True, False),
        ([1], (0, 1, 2), True, False),
        ([1], (0, 1, 3), False, True),
        ([1, 2], (0, 1, 2, 3), False, True),
        ([1], (0, 1, 2, 3), True, True),
    ],
)
def test_why_ground_is_not_assessed_is_said(
    flood_labels: list[int], class_map: tuple[int, ...] | None, hidden: bool, ignored: bool
) -> None:
    """Flood under cloud that does not count, a class that is ignored, or either: what can be the reason, no other."""
    labels = np.full((40, 50), 3)
    why = reason(flood_labels, class_map)
    tile = replace(answered("a.jp2", labels, grid_of(ALL)), unassessed=why)
    row = _row(_by_name(assemble([tile], [], 25.0))["not_assessed"], "a.jp2")
    assert row["error"] == why
    assert ("under cloud" in why, "ignored" in why) == (hidden, ignored)


def test_every_tile_has_its_row() -> None:
    """Answered and failed tiles alike are listed, with their counts, areas and overlaps; an unknown place is null."""
    grid = grid_of(ALL)
    valid = ALL.copy()
    valid[:, :5] = False
    west = answered("west.jp2", np.ones((40, 50)), grid, valid)
    east = answered("east.jp2", np.zeros((40, 50)), window(grid, 0, 40, 40, 50))
    layers = _by_name(assemble([west, east], [FailedTile("bad.jp2", "prepare", "not JPEG2000", 0.1)], 25.0))
    tiles = layers["tiles"]
    assert tiles.columns["tile"].tolist() == ["bad.jp2", "east.jp2", "west.jp2"]
    assert tiles.geometries[0] is None
    row = _row(tiles, "west.jp2")
    assert (row["state"], row["pad_px"], row["error"]) == ("done", 200, "")
    assert row["overlap_m2"] == pytest.approx(400 * 2.25, rel=1e-3)
    assert row["flood_m2"] == pytest.approx(1800 * 2.25, rel=1e-3)
    assert row["observed_m2"] == pytest.approx(row["flood_m2"])
    assert _row(tiles, "east.jp2")["flood_m2"] == pytest.approx(400 * 2.25, rel=1e-3)
    assert layers["not_assessed"].geometries[0] is None


def test_each_crs_has_its_own_layers() -> None:
    """Several CRSs give each layer once a CRS, named after it, and nothing is reprojected; the hash covers them all."""
    here = answered("a.jp2", np.ones((40, 50)), grid_of(ALL))
    there = answered("b.jp2", np.ones((40, 50)), grid_of(ALL, crs="EPSG:7856"))
    layers = assemble([here, there], [FailedTile("c.jp2", "prepare", "?", 0.0)], 25.0)
    names = {f"{name}_{suffix}" for name in COLUMNS for suffix in ("epsg7855", "epsg7856")}
    assert set(_by_name(layers)) == names
    assert {layer.crs for layer in layers if layer.name.endswith("7856")} == {"EPSG:7856"}
    assert _by_name(layers)["tiles_epsg7855"].columns["tile"].tolist() == ["a.jp2", "c.jp2"]
    assert content_hash(layers) != content_hash(assemble([here], [], 25.0))


def test_without_any_answer_the_extents_are_empty() -> None:
    """When every tile failed the layers are there, and say what failed and where."""
    tile = answered("a.jp2", np.zeros((40, 50)), grid_of(ALL))
    for failed in ([_lose(tile)], [FailedTile("a.jp2", "prepare", "?", 0.0)], []):
        layers = _by_name(assemble([], failed, 25.0))
        assert list(layers) == list(COLUMNS)
        assert len(layers["flood_extent"]) == len(layers["area_observed"]) == 0
        assert len(layers["tiles"]) == len(layers["not_assessed"]) == len(failed)


def test_failed_tiles_alone_keep_their_crs() -> None:
    """A failed tile whose footprint is known keeps its CRS although nothing was answered there."""
    tile = answered("a.jp2", np.zeros((40, 50)), grid_of(ALL))
    assert {layer.crs for layer in assemble([], [_lose(tile)], 25.0)} == {MGA}


def test_records_check_themselves() -> None:
    """Columns of another length, and an area without a CRS, cannot be made."""
    with pytest.raises(ValueError, match="columns of"):
        Layer("a", "Polygon", MGA, np.empty(2, dtype=object), {"b": np.zeros(1)})
    with pytest.raises(ValueError, match="needs a CRS"):
        FailedTile("a", "prepare", "b", 0.0, None, MultiPolygon())


def test_geometries_have_the_type_of_their_layer() -> None:
    """Each layer holds geometries of one type, so that it can be written as it says."""
    tiles = _scene(blobs(2, ALL.shape))
    for layer in assemble(tiles[1:], [_lose(tiles[0])], 25.0):
        assert {geometry.geom_type for geometry in layer.geometries} <= {layer.geometry_type}


def test_the_extent_equals_the_whole_scene_s() -> None:
    """Unfiltered, the joined layer is vertex for vertex the scene vectorised whole."""
    mask = blobs(8, ALL.shape)
    extent = _by_name(assemble(_scene(mask, 0.3, 2), [], 0.0))["flood_extent"].geometries
    whole = shapely.get_parts(to_crs(mask_polygons(mask), grid_of(mask, 0.3)))
    assert sorted(shapely.to_wkb(extent)) == sorted(shapely.to_wkb(shapely.normalize(whole)))
