"""An analyst's corrected polygons as the next release of a product."""

import numpy as np
import pytest
import shapely
from cut_scenes import MGA, answered, blobs, grid_of, windows
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, box

from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.product.assessment import objects
from tasks.core.product.layer import FailedTile, Layer
from tasks.core.product.layer_assembly import assemble, content_hash
from tasks.core.product.revision import revised

WEST, NORTH = 300_000.15, 6_600_000.3


def _product(seed: int = 3, overlap: int = 0) -> list[Layer]:
    mask = blobs(seed, (40, 40))
    tiles = [
        answered(f"{number}.jp2", part.astype(np.uint8), grid, confidence=np.full(part.shape, 200, np.uint8))
        for number, (part, grid) in enumerate(windows(mask, grid_of(mask), 20, overlap))
    ]
    return assemble(tiles[1:], [FailedTile("0.jp2", "predict", "no answer", 1.0, MGA, tiles[0].extent.observed)], 0.0)


def _layer(layers: list[Layer], base: str) -> Layer:
    return next(layer for layer in layers if layer.base == base)


def _square(column: float, row: float, side: float = 4.5) -> Polygon:
    return box(WEST + column, NORTH - row - side, WEST + column + side, NORTH - row)


@pytest.mark.parametrize("overlap", [0, 4])
def test_what_was_not_edited_stays_what_it_was(overlap: int) -> None:
    """The same polygons in another order give the same extent, ids, confidence and shares of the tiles."""
    layers = _product(overlap=overlap)
    before = _layer(layers, "flood_extent")
    found = revised(layers, {MGA: before.geometries[::-1]}, 1)
    assert found.warnings == ()
    assert content_hash(found.layers) == content_hash(layers)
    extent = _layer(found.layers, "flood_extent")
    assert set(extent.columns["notes"].tolist()) == {"as in release 1"}
    assert np.array_equal(extent.columns["conf_mean"], before.columns["conf_mean"])
    shares = [_layer(one, "tiles").columns["flood_m2"] for one in (layers, found.layers)]
    assert np.allclose(*shares, equal_nan=True)


def test_polygons_keep_their_ids() -> None:
    """One that was edited keeps its id, one that was drawn gets a new one, that of one that was removed is not used."""
    layers = _product()
    before = _layer(layers, "flood_extent")
    largest = int(np.argmax(shapely.area(before.geometries)))
    smaller = before.geometries[largest].buffer(-0.75, join_style="mitre")
    drawn = _square(26.0, 1.0, 0.5)
    rest = [one for number, one in enumerate(before.geometries) if number != largest]
    removed = int(before.columns["flood_id"][np.flatnonzero(before.geometries == rest[0])[0]])
    extent = _layer(revised(layers, {MGA: objects([smaller, *rest[1:], drawn])}, 1).layers, "flood_extent")
    ids = extent.columns["flood_id"].tolist()
    assert len(set(ids)) == len(ids)
    assert removed not in ids
    edited = [one for one, note in zip(ids, extent.columns["notes"], strict=True) if note == "edited"]
    assert int(before.columns["flood_id"][largest]) in edited
    assert np.isnan(extent.columns["conf_mean"][[ids.index(one) for one in edited]]).all()


@settings(max_examples=25)
@given(st.integers(0, 500), st.lists(st.tuples(st.floats(0, 54), st.floats(0, 54)), min_size=1, max_size=5))
def test_the_classes_still_add_up(seed: int, corners: list[tuple[float, float]]) -> None:
    """Whatever is drawn: areas are those of the union, and flood shares no ground with normal water or traces."""
    layers = _product(seed)
    crs_layers = _layer(layers, "flood_extent")
    water = Layer("normal_water", "Polygon", MGA, objects([_square(3, 3, 40)]), {"area_m2": np.array([1600.0])})
    drawn = objects([_square(*corner) for corner in corners])
    found = revised([*layers, water], {MGA: np.concatenate([crs_layers.geometries[:2], drawn])}, 1).layers
    extent, normal = _layer(found, "flood_extent"), _layer(found, "normal_water")
    whole = shapely.union_all(np.concatenate([crs_layers.geometries[:2], drawn]))
    (whole_m2,) = ellipsoidal_area_m2(objects([whole]), MGA)
    assert extent.columns["area_m2"].sum() == pytest.approx(whole_m2, abs=0.1)
    assert (
        shapely.area(shapely.intersection(shapely.union_all(extent.geometries), shapely.union_all(normal.geometries)))
        < 0.01
    )
    covered = shapely.union_all([shapely.union_all(extent.geometries), shapely.union_all(normal.geometries)])
    assert covered.area == pytest.approx(shapely.union(whole, _square(3, 3, 40)).area, abs=0.1)
    assert shapely.is_valid(extent.geometries).all()


def test_polygons_that_need_it_are_mended_and_named() -> None:
    """A ring that crosses itself, polygons that overlap, and flood that no frame shows: each is said."""
    bowtie = Polygon(
        [(WEST + 40, NORTH - 40), (WEST + 44, NORTH - 44), (WEST + 44, NORTH - 40), (WEST + 40, NORTH - 44)]
    )
    drawn = objects([bowtie, _square(30, 30), _square(32, 30), _square(500, 500, 50), None])
    found = revised(_product(), {MGA: drawn}, 1)
    said = "; ".join(found.warnings)
    assert "1 polygons were invalid and were repaired, the first at 3000" in said
    assert "overlapped: 11 m² that were there twice count once" in said
    assert "0.25 ha of flood lie on ground that no frame shows" in said
    extent = _layer(found.layers, "flood_extent")
    assert extent.columns["area_m2"].sum() == pytest.approx(8 + 29.25 + 2500, rel=2e-3)


def test_an_area_of_interest_holds_for_what_is_drawn() -> None:
    """Flood that was drawn across its edge is cut there."""
    area = Layer("area_of_interest", "MultiPolygon", MGA, objects([_square(30, 30, 25)]), {})
    found = revised([*_product(), area], {MGA: objects([_square(20, 40, 20)])}, 1)
    assert "ha beyond the area of interest were cut off" in found.warnings[0]
    assert shapely.area(_layer(found.layers, "flood_extent").geometries).tolist() == [pytest.approx(10 * 15)]


def test_everything_may_be_removed() -> None:
    """A product whose flood turns out to be none has an empty extent, and says what it observed."""
    layers = _product()
    found = revised(layers, {MGA: objects([])}, 1).layers
    assert len(_layer(found, "flood_extent")) == len(_layer(found, "flood_extent_by_tile")) == 0
    assert np.nansum(_layer(found, "tiles").columns["flood_m2"]) == 0
    assert len(_layer(found, "area_observed")) == len(_layer(layers, "area_observed"))
