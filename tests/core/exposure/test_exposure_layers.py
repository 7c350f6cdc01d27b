"""The layers of exposure hold what was given and what was measured, and the table adds up to them."""

from pathlib import Path

import fiona
import numpy as np
import pytest
import shapely

from tasks.core.exposure.exposed import Exposed
from tasks.core.exposure.exposure_layers import expose, exposure_warnings
from tasks.core.formats.geopackage import write_geopackage
from tasks.core.formats.layer_titles import split_name
from tasks.core.product.layer import Layer

CRS = "EPSG:32631"  # whose origin is a place on the equator
BOW = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
PRODUCT = [
    Layer(base, "Polygon", CRS, np.array([shapely.box(*box)], np.object_), {})
    for base, box in (
        ("flood_extent", (0, 0, 40, 50)),
        ("area_observed", (0, 0, 60, 50)),
        ("not_assessed", (60, 0, 80, 50)),
    )
]


def given(name: str, geometries: list[object], **columns: list[object]) -> Exposed:
    arrays = {key: np.array(values, np.object_) for key, values in columns.items()}
    return Exposed.of(name, f"{name}.gpkg", CRS, np.array([*geometries, None], np.object_)[:-1], arrays)


def by_name(layers: list[Layer]) -> dict[str, Layer]:
    return {layer.name: layer for layer in layers}


MIXED = given(
    "Häuser & Wege",
    [
        shapely.box(5, 5, 15, 15),
        None,
        shapely.Point(50, 10),
        shapely.LineString([(30, 10), (70, 10)]),
        BOW,
        shapely.GeometryCollection([shapely.box(45, 5, 50, 10), shapely.Point(1, 1)]),
        shapely.LineString([(5, 5), (5, 5)]),
        shapely.MultiPolygon([shapely.box(0, 20, 5, 25), shapely.box(70, 20, 75, 25)]),
        shapely.Polygon(),
        shapely.Polygon([(0, 0, 3), (float("nan"), 0, 3), (1, 1, 3), (0, 0, 3)]),
    ],
    status=list("abcdefghij"),
    FID=list("0123456789"),
)


def test_every_feature_is_in_a_layer_of_its_kind() -> None:
    """Nothing given is lost: invalid ones are repaired, those without a place are kept and said to be."""
    layers = by_name(expose(PRODUCT, [MIXED]))
    assert list(layers) == [
        "exposure_hauser_wege_points",
        "exposure_hauser_wege_lines",
        "exposure_hauser_wege_polygons",
        "exposure_summary",
    ]
    assert sum(len(layer) for layer in layers.values() if not layer.is_table) == len(MIXED)
    assert MIXED.repaired == 1
    polygons = layers["exposure_hauser_wege_polygons"]
    assert (polygons.geometry_type, polygons.crs) == ("MultiPolygon", CRS)
    assert shapely.is_valid(polygons.geometries).all()
    assert polygons.columns["status"].tolist() == ["flooded", "flooded", "dry", "partly flooded"]
    points = layers["exposure_hauser_wege_points"]
    assert points.columns["status"].tolist() == ["no geometry", "dry", *["no geometry"] * 3]
    assert layers["exposure_hauser_wege_lines"].columns["flood_pct"] == pytest.approx([25])


def test_names_of_a_file_give_way_to_ours() -> None:
    """Columns of the file that are called as ours or GeoPackage's are kept under a number, whatever their case."""
    (layer, *_) = expose(PRODUCT, [MIXED])
    assert list(layer.columns)[:3] == ["status_2", "FID_2", "status"]
    assert layer.columns["status_2"].tolist() == ["b", "c", "g", "i", "j"]


def test_the_table_adds_up_to_the_layers() -> None:
    """Numbers and sums of the table are those of the layers' columns, and the classes' those of all."""
    random = np.random.default_rng(1)
    corners = random.uniform([-20, 0], [90, 40], (200, 2))
    houses = Exposed(
        "houses",
        "town.gpkg|houses",
        CRS,
        shapely.box(*corners.T, *(corners + random.uniform(1, 9, (200, 2))).T),
        {"use": np.array(random.choice(["home", "shop", None], 200), np.object_)},  # type: ignore[arg-type, list-item]
        class_column="use",
        unread=7,
    )
    layer, table = expose(PRODUCT, [houses])
    assert table.columns["class"].tolist()[0] is None
    assert set(table.columns["class"].tolist()[1:]) == {"home", "shop", ""}
    for name in ("area_m2", "flood_m2", "dry_m2", "notass_m2", "out_m2"):
        assert table.columns[name][0] == layer.columns[name].sum()
        assert table.columns[name][1:].sum() == pytest.approx(table.columns[name][0])
    numbers = ["n_flooded", "n_partly", "n_dry", "n_partnot", "n_notass", "n_outside", "n_nogeom"]
    assert np.array_equal(sum(table.columns[name] for name in numbers), table.columns["number"])
    assert table.columns["n_dry"][0] == (layer.columns["status"] == "dry").sum() > 0
    parts = sum(layer.columns[f"{name}_m2"] for name in ("flood", "dry", "notass", "out"))
    assert np.allclose(parts, layer.columns["area_m2"], rtol=1e-14)
    share = 100 * (layer.columns["notass_m2"] + layer.columns["out_m2"]).sum() / layer.columns["area_m2"].sum()
    assert table.columns["unseen_pct"][0] == pytest.approx(share)
    assert table.columns["n_notread"].tolist() == [7, None, None, None]


def test_many_classes_are_counted_together() -> None:
    """A column of names does not become a table as long as the file."""
    boxes = [shapely.box(x, 1, x + 1, 2) for x in range(60)]
    streets = [f"street {number}" for number in range(59)]
    named = given("houses", boxes, street=[*streets, streets[0]])
    named = Exposed(named.name, named.source, CRS, named.geometries, named.columns, class_column="street")
    table = expose(PRODUCT, [named])[-1]
    assert len(table) == 52
    assert table.columns["class"].tolist()[1] == "street 0"
    assert (table.columns["class"][-1], table.columns["number"][-1]) == ("9 other classes", 9)


def test_a_dry_house_in_the_flood_is_told_apart() -> None:
    """What has no flood of its own but stands beside it is counted: a roof hides what stands around its walls."""
    pixel = Layer("tiles", None, None, np.array([None], np.object_), {"pixel_m": np.array([2.0])})
    houses = given("houses", [shapely.box(x, 5, x + 5, 10) for x in (41, 45, 10, 52)])
    layer, table = expose([*PRODUCT, pixel], [houses])
    assert layer.columns["flood_dist"] == pytest.approx([1, 5, 0, 12], rel=0.01)
    assert layer.columns["status"].tolist() == ["dry", "dry", "flooded", "dry"]
    assert table.columns["n_beside"].tolist() == [1]


def test_names_are_each_their_own_and_never_the_tables() -> None:
    """Layers of one name get numbers; none passes for the table; any script is written in ASCII."""
    inputs = [given(name, [shapely.Point(1, 1)]) for name in ("roads", "Roads", "summary", "道路", "x" * 99)]
    names = [layer.name for layer in expose(PRODUCT, inputs)]
    assert names[:4] == ["exposure_roads", "exposure_roads_2", "exposure_of_summary", "exposure_layer"]
    assert [split_name(name)[0] for name in names] == ["exposure"] * 5 + ["exposure_summary"]


def test_what_lies_elsewhere_is_warned_of() -> None:
    """A file all of whose features are outside the frames may be of another place or CRS."""
    far = given("far", [shapely.box(90, 0, 95, 5), shapely.box(20_000, 0, 20_010, 5)])
    layer, table = expose(PRODUCT, [far])
    assert layer.columns["status"].tolist() == ["outside", "outside"]
    assert layer.columns["out_m2"] == pytest.approx([25, 50], rel=0.01)
    (warning,) = exposure_warnings([far], [layer, table])
    assert "far.gpkg" in warning
    assert "CRS" in warning


def test_another_program_reads_the_layers(tmp_path: Path) -> None:
    """Fiona's GDAL reads every layer back from the GeoPackage, geometries, numbers and NULLs."""
    layers = expose(PRODUCT, [MIXED])
    write_geopackage(layers, tmp_path / "flood_extent.gpkg", title="Exposure")
    for layer in layers:
        with fiona.open(tmp_path / "flood_extent.gpkg", layer=layer.name) as read:
            assert len(read) == len(layer)
            first = dict(next(iter(read))["properties"])
        assert list(first) == list(layer.columns)
    assert expose(PRODUCT, []) == []
