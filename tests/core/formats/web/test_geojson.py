"""GeoJSON and the copies in WGS 84: read as JSON by the standard's rules, placed by another PROJ than the writer's."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio.warp
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_layers import CRS, NUMBERS, REALS, TEXTS, empty, mixed, objects, polygons, sources
from shapely.geometry import shape

from tasks.core.formats.web import geojson
from tasks.core.formats.web.copies import web_copies
from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.product.layer import Layer

TURN, CORNER = np.array([[0.8, 0.6], [-0.6, 0.8]]), np.array([300_000, 6_600_000])
MADE = datetime(2026, 3, 9, 23, 59, 58, 7_000, UTC)


def _layer(crs: str | None, *geometries: object) -> Layer:
    return Layer("flood_extent", "Polygon", crs, objects(geometries), {"n": np.arange(len(geometries))})


def _written(layers: list[Layer], folder: Path, name: str = "flood_extent") -> dict[str, Any]:
    geojson.write(layers, folder, MADE)
    read: dict[str, Any] = json.loads((folder / f"geojson/{name}.geojson").read_text("utf-8"))
    return read


def test_attributes_and_unknown_places_come_back(tmp_path: Path) -> None:
    """Integers are whole, what is not known is null, a feature of unknown place has none; tables have no file."""
    read = _written([polygons(), sources(), empty()], tmp_path)
    properties = [feature["properties"] for feature in read["features"]]
    assert [row["flood_id"] for row in properties] == [*NUMBERS[:3], None, NUMBERS[4]]
    assert [row["area_m2"] for row in properties] == [REALS[0], None, *REALS[2:]]
    assert [row["notes"] for row in properties] == TEXTS
    assert [feature["geometry"] is None for feature in read["features"]] == [False, False, False, True, False]
    assert sorted(path.stem for path in (tmp_path / "geojson").iterdir()) == ["flood_extent", "not_assessed"]
    assert json.loads((tmp_path / "geojson/not_assessed.geojson").read_text())["features"] == []


def test_it_is_as_rfc_7946_wants_it(tmp_path: Path) -> None:
    """No CRS member, longitude first, outer rings counterclockwise and holes clockwise, seven decimals, a bbox."""
    read = _written([polygons()], tmp_path)
    assert "crs" not in read
    known = [shape(feature["geometry"]) for feature in read["features"] if feature["geometry"]]
    parts = shapely.get_parts(known)
    assert shapely.is_ccw(shapely.get_exterior_ring(parts)).all()
    assert not shapely.is_ccw(shapely.get_interior_ring(parts[0], 0))
    coordinates = shapely.get_coordinates(known)
    assert np.array_equal(coordinates, coordinates.round(7))
    assert read["bbox"] == shapely.total_bounds(known).tolist()
    assert 146.9 < read["bbox"][0] < 147.1


def test_places_are_those_of_another_proj(tmp_path: Path) -> None:
    """Rasterio's wheel has a PROJ of its own: both put each vertex at the same place, to the last decimal."""
    read = _written([polygons()], tmp_path)
    for feature, written in zip(read["features"], polygons().geometries, strict=True):
        if written is not None:
            moved = shape(rasterio.warp.transform_geom(CRS, "EPSG:4326", shapely.geometry.mapping(written)))
            assert shapely.hausdorff_distance(shape(feature["geometry"]), moved) < 1e-7


def test_the_shift_of_the_datum_is_said(tmp_path: Path) -> None:
    """A person is told what PROJ takes between the datums and how good it is; the file says it, too."""
    shifts = geojson.write([polygons()], tmp_path, MADE)
    assert shifts == (
        "Copies for the web are shifted from EPSG:7855 to WGS 84 as PROJ has it: GDA2020 to WGS 84 (2), good to 3 m",
    )
    description = json.loads((tmp_path / "geojson/flood_extent.geojson").read_text())["description"]
    assert "A copy in WGS 84 for the web" in description
    assert shifts[0] in description


@pytest.mark.parametrize("crs", ["EPSG:32755", "EPSG:4326", "EPSG:3857"])
def test_without_another_datum_there_is_nothing_to_say(crs: str) -> None:
    """Coordinates in WGS 84 are not shifted, only unprojected."""
    assert web_copies([_layer(crs, shapely.box(1, 1, 2, 2))]).shifts == ()


def test_points_and_lines_are_copied_too(tmp_path: Path) -> None:
    """A layer of several kinds of geometry keeps them."""
    read = _written([mixed()], tmp_path, "exposure")
    kinds = [feature["geometry"] and feature["geometry"]["type"] for feature in read["features"]]
    assert kinds == ["Point", "LineString", "Polygon", None]


def test_a_polygon_over_the_antimeridian_is_split(tmp_path: Path) -> None:
    """Both halves lie on their side, nothing is lost, and the bbox begins in the east and ends in the west."""
    fiji = shapely.box(800_000, 8_100_000, 880_000, 8_101_000)
    read = _written([_layer("EPSG:32760", fiji)], tmp_path)
    halves = shape(read["features"][0]["geometry"])
    assert halves.is_valid
    assert halves.geom_type == "MultiPolygon"
    west, _, east, _ = read["bbox"]
    assert (west > 179, east < -179) == (True, True)
    assert {part.bounds[0] == -180 or part.bounds[2] == 180 for part in halves.geoms} == {True}
    areas = [ellipsoidal_area_m2(objects([one]), crs)[0] for one, crs in ((halves, "EPSG:4326"), (fiji, "EPSG:32760"))]
    assert areas[0] == pytest.approx(areas[1], rel=1e-5)


def test_long_lines_are_bent_as_they_lie_on_the_ground() -> None:
    """The north side of a tile of 50 km is not straight in degrees: it lies where it was, to centimetres."""
    side = shapely.box(500_000, 5_000_000, 550_000, 5_010_000)
    (copy,) = web_copies([_layer("EPSG:32755", side)]).layers[0].geometries
    points = [(500_000 + 500 * step, 5_010_000) for step in range(101)]
    bent = rasterio.warp.transform_geom("EPSG:32755", "EPSG:4326", {"type": "LineString", "coordinates": points})
    assert max(copy.exterior.distance(shapely.Point(one)) for one in bent["coordinates"]) < 3e-7


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_copies_are_valid(data: st.DataObject) -> None:
    """Rings that touch, slivers of a millimetre, holes along the outline: nothing becomes invalid, no area is lost."""
    numbers = st.integers(0, 12).map(lambda number: number * data.draw(st.sampled_from([0.0004, 0.007, 1.5])))
    boxes = st.tuples(numbers, numbers, st.floats(0.001, 20), st.floats(0.001, 20))
    drawn = data.draw(st.lists(boxes, min_size=1, max_size=6))
    shapes = [shapely.box(x, y, x + wide, y + high) for x, y, wide, high in drawn]
    turned = shapely.transform(
        shapely.difference(shapely.union_all(shapes[::2]), shapely.union_all(shapes[1::2])),
        lambda xy: (xy @ TURN).round(4) + CORNER,
    )
    whole = shapely.make_valid(turned, method="structure", keep_collapsed=False)
    parts = [part for part in shapely.get_parts(whole) if part.geom_type == "Polygon" and not part.is_empty]
    layer = web_copies([_layer(CRS, *parts)]).layers[0]
    known = layer.geometries[~shapely.is_missing(layer.geometries)]
    assert shapely.is_valid(known).all()
    coordinates = shapely.get_coordinates(known)
    assert np.array_equal(coordinates, coordinates.round(7))
    before, after = (ellipsoidal_area_m2(one, crs).sum() for one, crs in ((objects(parts), CRS), (known, "EPSG:4326")))
    outline = shapely.length(objects(parts)).sum()
    assert after == pytest.approx(before, rel=1e-6, abs=0.02 * outline + 1e-6)


def test_a_layer_that_nobody_could_place_is_written(tmp_path: Path) -> None:
    """Without any CRS the features are there, each without a place."""
    read = _written([_layer(None, None)], tmp_path)
    assert [feature["geometry"] for feature in read["features"]] == [None]
    assert "bbox" not in read
