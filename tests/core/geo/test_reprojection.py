"""Polygons in another CRS: their edges run where they ran."""

import numpy as np
import pyproj
import pytest
import rasterio.warp
import shapely

from tasks.core.geo.reprojection import bounds_in, is_ballpark, metres_per_unit, reproject

# Of Victoria, in degrees: a map sheet of a degree with a hole, and a field.
SHEET = shapely.Polygon(
    [(146, -37), (147, -37), (147, -36), (146, -36)], [[(146.2, -36.8), (146.9, -36.7), (146.5, -36.2)]]
)
FIELD = shapely.box(146.3, -36.4, 146.301, -36.399)
PAIRS = [("EPSG:7844", "EPSG:7855"), ("EPSG:7844", "EPSG:3111"), ("EPSG:4326", "EPSG:3857"), ("EPSG:7844", "EPSG:3577")]


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("tolerance_m", [0.01, 1.0])
def test_points_on_an_edge_stay_on_it(source: str, target: str, tolerance_m: float) -> None:
    """A thousand points of each edge, moved one by one by another program, lie on the outline within the tolerance."""
    (moved,) = reproject(np.array([SHEET], np.object_), source, target, tolerance_m)
    for ring in shapely.get_rings(SHEET):
        x, y = shapely.get_coordinates(shapely.line_interpolate_point(ring, np.linspace(0, 1, 4001), normalized=True)).T
        points = shapely.points(np.stack(rasterio.warp.transform(source, target, x, y), axis=1))
        # The sagitta at the middle is the largest, and was allowed the tolerance; the rest is the programs' rounding.
        assert shapely.distance(shapely.boundary(moved), points).max() <= tolerance_m * 1.05 + 1e-3


def test_it_costs_few_vertices() -> None:
    """A small field keeps its four corners; a degree is cut into as many pieces as a centimetre asks for."""
    sheet, field = reproject(np.array([SHEET, FIELD], np.object_), "EPSG:7844", "EPSG:7855")
    assert shapely.get_num_coordinates(field) == 5
    assert 100 < shapely.get_num_coordinates(sheet) < 5000


def test_in_its_own_crs_nothing_changes() -> None:
    """No vertex is added or moved."""
    geometries = np.array([SHEET], np.object_)
    assert reproject(geometries, "EPSG:7844", "EPSG:7844") is geometries


def test_several_parts_stay_together() -> None:
    """Multipolygons come back as such, in their order, holes with their shells."""
    both = np.array([FIELD, shapely.MultiPolygon([SHEET, shapely.box(148, -37, 149, -36)])], np.object_)
    field, rest = reproject(both, "EPSG:7844", "EPSG:7855")
    assert (len(field.geoms), [len(part.interiors) for part in rest.geoms]) == (1, [1, 0])
    back = reproject(np.array([rest], np.object_), "EPSG:7855", "EPSG:7844")
    assert shapely.area(back[0] ^ both[1]) < 1e-9


def test_what_has_no_place_there_is_said() -> None:
    """A quarter around the Earth from its meridian a transverse Mercator projection ends."""
    far = np.array([shapely.box(57, 0, 58, 1)], np.object_)
    with pytest.raises(ValueError, match=r"\(5[78].*\) has no place"):
        reproject(far, "EPSG:7844", "EPSG:7855")


@pytest.mark.parametrize(
    ("source", "target", "ballpark"),
    [("EPSG:4283", "EPSG:7855", False), ("EPSG:4326", "EPSG:7855", False), ("EPSG:7855", "EPSG:7855", False)],
)
def test_known_shifts_of_datum_are_known(source: str, target: str, ballpark: bool) -> None:
    """Between the datums of Australia and of the world the shift needs no file beside PROJ's database."""
    assert is_ballpark(source, target) is ballpark


@pytest.mark.filterwarnings("ignore:Best transformation is not available")
def test_an_unknown_shift_of_datum_is_known_to_be_unknown() -> None:
    """From NAD27 PROJ needs grids: without them it takes it for NAD83, tens of metres off."""
    if pyproj.transformer.TransformerGroup("EPSG:4267", "EPSG:26914").best_available:
        pytest.skip("PROJ's grids are on this machine")
    assert is_ballpark("EPSG:4267", "EPSG:26914")


@pytest.mark.parametrize(
    ("crs", "point", "expected"),
    [
        ("EPSG:7855", (500_000.0, 6_000_000.0), (1 / 0.9996, 1 / 0.9996)),
        ("EPSG:3857", (16_000_000.0, -4_300_000.0), (0.8100, 0.8064)),
        ("EPSG:7844", (147.0, -60.0), (55_800.0, 111_412.0)),
        ("EPSG:2225", (6_561_666.0, 1_640_416.0), (0.3048, 0.3048)),
    ],
)
def test_how_long_a_unit_is(crs: str, point: tuple[float, float], expected: tuple[float, float]) -> None:
    """On the central meridian of a zone, in Mercator's projection, in degrees at 60 degrees south, in feet."""
    assert metres_per_unit(np.array([point]), crs)[0] == pytest.approx(expected, rel=1e-3)


def test_bounds_hold_what_they_held() -> None:
    """The bounds of a degree in another CRS are those of its outline there."""
    (moved,) = reproject(np.array([SHEET], np.object_), "EPSG:7844", "EPSG:7855")
    assert bounds_in(SHEET.bounds, "EPSG:7844", "EPSG:7855") == pytest.approx(moved.bounds, abs=20)
