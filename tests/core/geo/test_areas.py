"""Areas are those on the ellipsoid, along the straight lines of the CRS."""

import numpy as np
import pyproj
import pytest
import shapely
from shapely import MultiPolygon, Polygon
from shapely.affinity import rotate

from tasks.core.geo.areas import ellipsoidal_area_m2

TILE = shapely.box(300_000, 6_100_000, 315_000, 6_115_000)
WGS84_M2 = 510_065_621_724_000  # surface of the ellipsoid: NGA.STND.0036, table 3.5 rounds it to 510 065 621.724 km2


def _geodesic_m2(polygon: Polygon, crs: str, longest: float) -> float:
    """The same area by geodesics (Karney 2013) between points set close along the edges."""
    parsed = pyproj.CRS(crs)
    to_base = pyproj.Transformer.from_crs(parsed, parsed.geodetic_crs, always_xy=True)
    dense = shapely.segmentize(polygon, longest)
    ground = shapely.transform(dense, lambda xy: np.stack(to_base.transform(xy[:, 0], xy[:, 1]), axis=1))
    geod = parsed.get_geod()
    assert geod is not None
    return float(abs(geod.geometry_area_perimeter(ground)[0]))


@pytest.mark.parametrize(
    ("crs", "polygon", "longest"),
    [
        ("EPSG:7855", TILE, 10.0),
        ("EPSG:7855", rotate(TILE, 30), 10.0),
        ("EPSG:7855", TILE.difference(TILE.buffer(-3000)), 10.0),
        ("EPSG:26914", shapely.box(500_000, 5_200_000, 520_000, 5_220_000), 10.0),
        ("EPSG:3577", shapely.box(1_200_000, -4_000_000, 1_210_000, -3_990_000), 10.0),
        ("EPSG:2227", shapely.box(6_000_000, 2_000_000, 6_030_000, 2_030_000), 30.0),
        ("EPSG:32760", shapely.box(830_000, 5_700_000, 850_000, 5_720_000), 10.0),
        ("EPSG:4283", rotate(shapely.box(145, -36, 145.1, -35.9), 33), 1e-4),
        ("EPSG:4807", shapely.box(2, 52, 2.1, 52.1), 1e-4),
    ],
)
def test_tiles_agree_with_geodesics(crs: str, polygon: Polygon, longest: float) -> None:
    """Metres, feet, degrees and grads, holes, rotation and the antimeridian agree with geodesics within 1e-8."""
    if crs == "EPSG:4807":  # grads from Paris; geodesics want degrees, as its twin from Greenwich has
        expected = _geodesic_m2(shapely.transform(polygon, lambda xy: xy * 0.9), "EPSG:4275", longest)
    else:
        expected = _geodesic_m2(polygon, crs, longest)
    assert ellipsoidal_area_m2(np.array([polygon]), crs)[0] == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("easting", [300_000.0, 500_000.0, 700_000.0])
def test_small_polygons_follow_the_projection_s_scale(easting: float) -> None:
    """A 5 m pixel's area is its planar one over the areal scale factor at its place."""
    pixel = shapely.box(easting, 6_100_000, easting + 5, 6_100_005)
    projection = pyproj.Proj("EPSG:7855")
    place = projection(easting + 2.5, 6_100_002.5, inverse=True)
    expected = 25 / projection.get_factors(*place).areal_scale
    assert ellipsoidal_area_m2(np.array([pixel]), "EPSG:7855")[0] == pytest.approx(expected, rel=1e-7)


def test_an_equal_area_projection_keeps_areas() -> None:
    """A 5 m square in Australian Albers is 25 square metres on the ellipsoid."""
    square = shapely.box(1_200_000, -4_000_000, 1_200_005, -3_999_995)
    assert ellipsoidal_area_m2(np.array([square]), "EPSG:3577")[0] == pytest.approx(25, rel=1e-7)


def test_a_hemisphere_s_slice_is_exact() -> None:
    """A geographic box has its closed form, up to the whole Earth in two halves."""
    halves = np.array([shapely.box(-180, -90, 0, 90), shapely.box(0, -90, 180, 90)])
    assert ellipsoidal_area_m2(halves, "EPSG:4326").sum() == pytest.approx(WGS84_M2, rel=1e-9)


def test_a_polygon_around_the_pole_reaches_it() -> None:
    """In a polar projection the ground around the pole counts."""
    disc = shapely.Point(0, 0).buffer(100_000, quad_segs=400)
    expected = _geodesic_m2(disc, "EPSG:3031", 1000.0)
    assert ellipsoidal_area_m2(np.array([disc]), "EPSG:3031")[0] == pytest.approx(expected, rel=1e-6)


def test_each_geometry_has_its_own_area() -> None:
    """Parts of a multipolygon add up; None, empty geometries and lines have no area."""
    far = shapely.box(400_000, 6_100_000, 401_000, 6_101_000)
    geometries = np.array([None, MultiPolygon([TILE, far]), MultiPolygon(), far, far.exterior, TILE], dtype=object)
    areas = ellipsoidal_area_m2(geometries, "EPSG:7855")
    assert areas[[0, 2, 4]].tolist() == [0, 0, 0]
    assert areas[1] == pytest.approx(areas[3] + areas[5])


def test_heights_and_bound_transformations_change_nothing() -> None:
    """A compound or a bound CRS gives the areas of its horizontal part."""
    plain = ellipsoidal_area_m2(np.array([TILE]), "EPSG:28355")[0]
    bound = "+proj=utm +zone=55 +south +ellps=GRS80 +towgs84=100,50,20,0,0,0,0 +units=m +no_defs"
    for crs in ("EPSG:28355+5711", pyproj.CRS(bound).to_wkt()):
        assert ellipsoidal_area_m2(np.array([TILE]), crs)[0] == pytest.approx(plain, rel=1e-12)


def test_a_crs_without_an_earth_is_refused() -> None:
    """A local engineering CRS has no ellipsoid to measure on."""
    local = 'LOCAL_CS["site",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]'
    with pytest.raises(ValueError, match="tied to the Earth"):
        ellipsoidal_area_m2(np.array([TILE]), local)
