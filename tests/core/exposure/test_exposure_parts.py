"""What is measured of features adds up, and is what a fine grid counts."""

import numpy as np
import pyproj
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.features import rasterize
from rasterio.transform import from_origin
from shapely.affinity import rotate

from tasks.core.arrays import BoolMask, FloatArray, ObjectArray
from tasks.core.exposure.exposed import Exposed, Kind
from tasks.core.exposure.exposure_layers import expose
from tasks.core.exposure.ground import ground_of
from tasks.core.exposure.measuring import Measures, measure
from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.product.layer import Layer

MGA55, MGA56 = "EPSG:7855", "EPSG:7856"
WEST, NORTH, SIDE = 700_000.0, 6_000_000.0, 120  # near the edge of zone 55, in metres
CORNER = np.array([WEST, NORTH - SIDE])


def layer(base: str, geometries: list[object], crs: str = MGA55) -> Layer:
    return Layer(base, "Polygon", crs, np.array([*geometries, None], np.object_)[:-1], {}, f"_{crs[-4:]}")


def product(flood: object, observed: object, not_assessed: list[object], crs: str = MGA55) -> list[Layer]:
    """Layers as a product has them: flood and observed ground dissolved, tiles without an answer as they are."""
    solid = [[part for part in shapely.get_parts(area) if part.area > 0] for area in (flood, observed)]
    return [
        layer("flood_extent", solid[0], crs),
        layer("area_observed", solid[1], crs),
        layer("not_assessed", not_assessed, crs),
    ]


def boxes(random: np.random.Generator, number: int, longest: float) -> list[shapely.Polygon]:
    """Upright boxes at whole metres, within the square."""
    low = random.integers(0, SIDE - 10, (number, 2)) + CORNER
    high = low + random.integers(3, longest, (number, 2))
    return [shapely.box(*a, *b) for a, b in zip(low, high, strict=True)]


def scene(seed: int) -> tuple[shapely.Geometry, shapely.Geometry, list[shapely.Geometry], np.random.Generator]:
    """Flood in observed ground, of overlapping tiles; and tiles without an answer, partly seen by others."""
    random = np.random.default_rng(seed)
    observed = shapely.union_all(boxes(random, 4, 70))
    flood = shapely.intersection(shapely.union_all(boxes(random, 6, 40)), observed)
    return flood, observed, boxes(random, 3, 60), random


def to_zone(geometries: object, source: str = MGA55, target: str = MGA56) -> ObjectArray:
    transformer = pyproj.Transformer.from_crs(source, target, always_xy=True)
    dense = shapely.segmentize(np.atleast_1d(np.asarray(geometries, np.object_)), 5)
    return shapely.transform(dense, lambda xy: np.stack(transformer.transform(*xy.T), axis=1))


def measured(layers: list[Layer], features: ObjectArray, kind: Kind, crs: str = MGA55) -> Measures:
    return measure(features, crs, kind, ground_of(layers))


def parts_of(measures: Measures) -> FloatArray:
    return np.stack([measures.flood, measures.dry, measures.not_assessed, measures.outside])


def on_grid(area: object, step: float = 0.25) -> BoolMask:
    """Which cells of a fine grid an area covers, by their middles."""
    size = int(2 * SIDE / step)
    transform = from_origin(WEST - SIDE / 2, NORTH + SIDE / 2, step, step)
    polygons = [part for part in shapely.get_parts(np.atleast_1d(area)) if part.area > 0]
    return (
        rasterize(polygons, (size, size), transform=transform).astype(bool)
        if polygons
        else np.zeros((size, size), bool)
    )


def counted(flood: object, observed: object, lost: list[object]) -> list[BoolMask]:
    """Flooded, dry, not assessed and outside, cell by cell."""
    wet, seen, unanswered = on_grid(flood), on_grid(observed), on_grid(np.array(lost, np.object_))
    seen |= wet
    return [wet, seen & ~wet, unanswered & ~seen, ~unanswered & ~seen]


@settings(max_examples=5)
@given(st.integers(0, 10_000))
def test_polygons_are_measured_as_a_fine_grid_counts_them(seed: int) -> None:
    """Each part of each polygon is the grid's within half a cell along its outline, and the parts are the whole."""
    flood, observed, lost, random = scene(seed)
    features = np.array([rotate(box, random.uniform(0, 90)) for box in boxes(random, 8, 40)], np.object_)
    found = measured(product(flood, observed, lost), features, Kind.POLYGON)
    assert np.allclose(found.whole, ellipsoidal_area_m2(features, MGA55), rtol=0, atol=0.001)
    assert np.allclose(parts_of(found).sum(axis=0), found.whole, rtol=1e-14)
    scale = found.whole / shapely.area(features)
    grids = counted(flood, observed, lost)
    for row, feature in enumerate(features):
        cells = on_grid(feature)
        expected = np.array([(cells & grid).sum() for grid in grids]) * 0.0625 * scale[row]
        assert np.abs(parts_of(found)[:, row] - expected).max() < 0.125 * feature.length


@settings(max_examples=5)
@given(st.integers(0, 10_000))
def test_lines_are_measured_as_points_along_them_tell(seed: int) -> None:
    """Each part of each line is the share of points set close along it that lie there, and the parts are the whole."""
    flood, observed, lost, random = scene(seed)
    ends = random.uniform(0, SIDE, (12, 5, 2)) + CORNER
    features = np.array([shapely.LineString(line) for line in ends], np.object_)
    found = measured(product(flood, observed, lost), features, Kind.LINE)
    assert np.allclose(parts_of(found).sum(axis=0), found.whole, rtol=1e-14)
    for row, feature in enumerate(features):
        along = shapely.get_coordinates(shapely.line_interpolate_point(feature, np.arange(0.025, feature.length, 0.05)))
        wet, seen = (shapely.contains_xy(area, along) for area in (flood, observed))
        unanswered = shapely.contains_xy(shapely.union_all(lost), along)
        seen |= wet
        told = np.array([wet.mean(), (seen & ~wet).mean(), (unanswered & ~seen).mean(), (~unanswered & ~seen).mean()])
        assert np.abs(parts_of(found)[:, row] - told * found.whole[row]).max() < 1.0


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_points_are_where_they_are(seed: int) -> None:
    """A point is flooded, dry, not assessed or outside; several of one feature are counted."""
    flood, observed, lost, random = scene(seed)
    places = random.uniform(-10, SIDE + 10, (20, 4, 2)) + CORNER
    found = measured(product(flood, observed, lost), shapely.multipoints(places), Kind.POINT)
    wet, seen = (shapely.contains_xy(area, *np.moveaxis(places, 2, 0)) for area in (flood, observed))
    unanswered = shapely.contains_xy(shapely.union_all(lost), *np.moveaxis(places, 2, 0))
    expected = [wet, seen & ~wet, unanswered & ~seen & ~wet, ~(wet | seen | unanswered)]
    assert np.array_equal(parts_of(found), [where.sum(axis=1) for where in expected])


@settings(max_examples=5)
@given(st.integers(0, 10_000), st.floats(0.2, 0.8))
def test_ground_seen_in_two_zones_counts_once(seed: int, share: float) -> None:
    """A product in two zones that overlap measures as the one that it was cut from, and so does its other zone."""
    flood, observed, lost, random = scene(seed)
    features = np.array([rotate(box, random.uniform(0, 90)) for box in boxes(random, 12, 40)], np.object_)
    border = WEST + share * SIDE
    east = shapely.box(border - 15, NORTH - 3 * SIDE, WEST + 3 * SIDE, NORTH + SIDE)
    west = shapely.box(WEST - SIDE, NORTH - 3 * SIDE, border + 15, NORTH + SIDE)
    cut = [[area.intersection(side) for area in (flood, observed)] for side in (west, east)]
    layers = [
        *product(*cut[0], lost),
        *product(*(to_zone(area)[0] for area in cut[1]), list(to_zone(np.array(lost, np.object_))), MGA56),
    ]
    whole = parts_of(measured(product(flood, observed, lost), features, Kind.POLYGON))
    for crs, there in ((MGA55, features), (MGA56, to_zone(features))):
        assert np.allclose(parts_of(measured(layers, there, Kind.POLYGON, crs)), whole, atol=0.01)


@settings(max_examples=5)
@given(st.integers(0, 10_000))
def test_parcels_without_gaps_share_out_the_product(seed: int) -> None:
    """Over parcels that cover the ground, flood, dry and unassessed ground are the product's own areas."""
    flood, observed, lost, _ = scene(seed)
    edges = np.linspace(-SIDE, 2 * SIDE, 10)
    corners = [(x, y) for x in edges[:-1] for y in edges[:-1]]
    size = edges[1] - edges[0]
    grid = [shapely.box(WEST + x, NORTH - SIDE + y, WEST + x + size, NORTH - SIDE + y + size) for x, y in corners]
    found = measured(product(flood, observed, lost), np.array(grid, np.object_), Kind.POLYGON)
    rest = shapely.difference(shapely.union_all(lost), observed)
    own = ellipsoidal_area_m2(np.array([flood, observed.difference(flood), rest], np.object_), MGA55)
    assert np.allclose(parts_of(found).sum(axis=1)[:3], own, rtol=1e-7, atol=0.05)


def test_a_line_drawn_twice_counts_once_and_along_a_border_too() -> None:
    """A road drawn there and back, and one along the edge where tiles meet, are as long as they are."""
    observed = shapely.box(WEST, NORTH - 100, WEST + 100, NORTH)
    there = [(WEST + 10, NORTH - 50), (WEST + 60, NORTH - 50)]
    features = np.array([shapely.LineString(there), shapely.LineString([*there, there[0]])], np.object_)
    found = measured(product(shapely.box(WEST, NORTH - 100, WEST + 30, NORTH), observed, []), features, Kind.LINE)
    assert found.whole[1] == pytest.approx(found.whole[0], rel=1e-12)
    assert found.flood == pytest.approx(found.whole * 0.4, rel=1e-5)
    assert (found.outside == 0).all()


@pytest.mark.parametrize(
    ("place", "status"),
    [
        ((10, 10, 20, 20), "flooded"),
        ((30, 10, 50, 20), "partly flooded"),
        ((45, 10, 55, 20), "dry"),
        ((55, 10, 65, 20), "partly not assessed"),
        ((35, 10, 65, 20), "partly flooded"),
        ((65, 10, 75, 20), "not assessed"),
        ((75, 10, 85, 20), "not assessed"),
        ((85, 10, 95, 20), "outside"),
        ((45, 70, 55, 95), "partly not assessed"),
    ],
)
@pytest.mark.parametrize("kind", [Kind.POLYGON, Kind.LINE])
def test_a_status_says_no_more_than_was_seen(place: tuple[int, int, int, int], status: str, kind: Kind) -> None:
    """Flood to 40, dry to 60, not assessed to 80: what is dry where it was seen, and unseen elsewhere, is not dry."""
    ground = [shapely.box(WEST + west, NORTH, WEST + east, NORTH + 80) for west, east in ((0, 40), (0, 60), (60, 80))]
    feature = shapely.box(WEST + place[0], NORTH + place[1], WEST + place[2], NORTH + place[3])
    drawn = feature if kind is Kind.POLYGON else shapely.LineString([feature.exterior.coords[i] for i in (0, 2)])
    found = measured(product(ground[0], ground[1], [ground[2]]), np.array([drawn], np.object_), kind)
    assert found.statuses.tolist() == [status]


def test_flood_drawn_beyond_the_frames_is_flood() -> None:
    """An analyst's flood outside the observed area is flooded, not outside."""
    observed, drawn = (
        shapely.box(WEST, NORTH, WEST + 50, NORTH + 50),
        shapely.box(WEST + 40, NORTH, WEST + 90, NORTH + 50),
    )
    feature = np.array([shapely.box(WEST + 30, NORTH + 10, WEST + 100, NORTH + 20)], np.object_)
    found = measured(product(drawn, observed, []), feature, Kind.POLYGON)
    assert parts_of(found)[:, 0] == pytest.approx(found.whole[0] * np.array([50, 10, 0, 10]) / 70, rel=1e-6)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:7856"])
def test_a_feature_of_a_continent_is_measured_here(crs: str) -> None:
    """A country in degrees, whose outline reaches round half the Earth, has this flood and else lies outside."""
    flood = shapely.box(WEST, NORTH, WEST + 50, NORTH + 50)
    observed = shapely.box(WEST, NORTH, WEST + 100, NORTH + 50)
    degrees = shapely.box(145, -45, 150, -30) if crs == "EPSG:7856" else shapely.box(-170, -80, 175, 80)
    features = to_zone(degrees, "EPSG:4326", crs) if crs != "EPSG:4326" else np.array([degrees], np.object_)
    found = measured(product(flood, observed, []), features, Kind.POLYGON, crs)
    own = ellipsoidal_area_m2(np.array([flood, observed], np.object_), MGA55)
    assert found.flood[0] == pytest.approx(own[0], rel=1e-4)
    assert found.dry[0] == pytest.approx(own[1] - own[0], rel=1e-4)
    assert found.whole[0] == pytest.approx(ellipsoidal_area_m2(features, crs)[0])
    assert found.statuses[0] == "partly flooded"


def test_a_product_without_a_place_says_nothing_of_anything() -> None:
    """Where no tile's place is known, all is outside."""
    empty = [Layer(base, "Polygon", None, np.empty(0, np.object_), {}) for base in ("flood_extent", "area_observed")]
    features = np.array([shapely.box(WEST, NORTH, WEST + 10, NORTH + 10), None], np.object_)
    (houses, _) = expose(empty, [Exposed.of("houses", "houses.gpkg", MGA55, features, {})])
    assert houses.columns["status"].tolist() == ["outside", "no geometry"]
    assert houses.columns["out_m2"][0] == houses.columns["area_m2"][0] > 0
