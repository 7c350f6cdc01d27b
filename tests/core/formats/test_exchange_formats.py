"""FlatGeobuf and File Geodatabase, read back by Fiona: its wheel has another GDAL than the one that wrote them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_layers import NUMBERS, REALS, TEXTS, empty, mixed, objects, polygons, sources
from shapely.geometry import shape

from tasks.core.formats import file_geodatabase, flatgeobuf
from tasks.core.product.layer import Layer

fiona = pytest.importorskip("fiona", reason="Fiona has no wheel for this Python")

MADE = datetime(2026, 3, 9, 23, 59, 58, 7_000, UTC)
# Known values as they stand in the odd layers.
NUMBERS_READ = [*NUMBERS[:3], None, NUMBERS[4]]
REALS_READ = [REALS[0], None, *REALS[2:]]


def _read(path: Path, layer: str | None = None) -> tuple[dict[str, str], list[dict[str, Any]], list[Any]]:
    with fiona.open(path, **({} if layer is None else {"layer": layer})) as source:
        features = list(source)
        kinds = {name: kind.split(":")[0] for name, kind in source.schema["properties"].items()}
    places = [None if one.geometry is None else shape(one.geometry) for one in features]
    return kinds, [dict(one.properties) for one in features], places


def test_flatgeobuf_holds_what_the_layer_does(tmp_path: Path) -> None:
    """Values, types, NULL and geometries come back; a feature of unknown place is there, and tables are not."""
    assert flatgeobuf.write([polygons(), sources(), empty()], tmp_path, MADE) == ()
    assert sorted(path.name for path in tmp_path.rglob("*.fgb")) == ["flood_extent.fgb", "not_assessed.fgb"]
    kinds, rows, places = _read(tmp_path / "flatgeobuf/flood_extent.fgb")
    assert {kind.rstrip("0123456789") for kind in kinds.values()} == {"int", "float", "str"}
    assert [row["flood_id"] for row in rows] == NUMBERS_READ
    assert [row["area_m2"] for row in rows] == REALS_READ
    assert [row["notes"] for row in rows] == TEXTS
    for read, written in zip(places, polygons().geometries, strict=True):
        assert read is written is None or read.equals(written)
    assert _read(tmp_path / "flatgeobuf/not_assessed.fgb")[1] == []


def test_flatgeobuf_has_an_index_where_all_is_placed(tmp_path: Path) -> None:
    """A box that is asked for gives what lies in it, whatever the order; a former run's layers are gone."""
    whole = polygons()
    known = np.flatnonzero(~shapely.is_missing(whole.geometries))
    columns = {"flood_id": np.arange(len(known))}
    flatgeobuf.write([polygons(suffix="_epsg7854")], tmp_path, MADE)
    flatgeobuf.write([Layer("flood_extent", "Unknown", whole.crs, whole.geometries[known], columns)], tmp_path, MADE)
    assert [path.name for path in tmp_path.rglob("*.fgb")] == ["flood_extent.fgb"]
    with fiona.open(tmp_path / "flatgeobuf/flood_extent.fgb") as source:
        found = [one.properties["flood_id"] for one in source.filter(bbox=(500_079, 6_000_000, 500_086, 6_000_005))]
    assert found == [3]


def test_the_geodatabase_keeps_integers_tables_and_null(tmp_path: Path) -> None:
    """Integers of 64 bits stay integers, what is not known is NULL, tables are tables, empty layers have fields."""
    assert file_geodatabase.write([polygons(), sources(), empty()], tmp_path, MADE) == ()
    path = tmp_path / "flood_extent.gdb"
    assert sorted(fiona.listlayers(path)) == ["flood_extent", "not_assessed", "source"]
    kinds, rows, places = _read(path, "flood_extent")
    assert kinds == {"flood_id": "int", "area_m2": "float", "notes": "str"}  # of 64 bits: of 32 it were int32
    assert [row["flood_id"] for row in rows] == NUMBERS_READ
    assert [row["area_m2"] for row in rows] == REALS_READ
    assert [row["notes"] for row in rows] == TEXTS
    for read, written in zip(places, polygons().geometries, strict=True):
        assert read is written is None or shapely.set_precision(read, 1e-4).equals(shapely.set_precision(written, 1e-4))
    assert _read(path, "source")[1] == [{"src_id": 1, "uri": "s3://b/=x.jp2"}, {"src_id": 2, "uri": None}]
    assert _read(path, "not_assessed")[0] == {"tile": "str", "n": "int"}


def test_the_geodatabase_has_a_layer_for_each_kind_of_geometry(tmp_path: Path) -> None:
    """What people give as exposure may be mixed; each feature is in one of the layers, collections in none."""
    layer = mixed()
    odd = shapely.GeometryCollection([shapely.Point(0, 0), shapely.box(0, 0, 1, 1)])
    layer.geometries[0] = odd
    (warning,) = file_geodatabase.write([layer, mixed_again()], tmp_path, MADE)
    assert "1 features of the layer exposure are not in flood_extent.gdb" in warning
    path = tmp_path / "flood_extent.gdb"
    rows = {name: [row["n"] for row in _read(path, name)[1]] for name in fiona.listlayers(path)}
    assert rows == {
        "exposure_polygons": [2, 3],
        "exposure_lines": [1],
        "exposure_again_polygons": [2, 3],
        "exposure_again_lines": [1],
        "exposure_again_points": [0],
    }


def test_names_that_esri_forbids_are_changed(tmp_path: Path) -> None:
    """What people give as exposure may be called anything: the layer is there, under a name that is allowed."""
    file_geodatabase.write([polygons("exposure", suffix="_my-roads (new)")], tmp_path, MADE)
    (name,) = fiona.listlayers(tmp_path / "flood_extent.gdb")
    assert name.startswith("exposure_my_roads")
    assert len(_read(tmp_path / "flood_extent.gdb", name)[1]) == 5


def mixed_again() -> Layer:
    one = mixed()
    return Layer(one.base, one.geometry_type, one.crs, one.geometries, one.columns, "_again")


@settings(max_examples=15, deadline=None)
@given(
    st.data(), st.sampled_from([("EPSG:7855", 4, 1e6, 1e7), ("EPSG:4283", 9, 180.0, 90.0), ("EPSG:2229", 4, 7e6, 2e6)])
)
def test_places_in_the_geodatabase_are_exact_to_the_step(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, crs: tuple[str, int, float, float]
) -> None:
    """Coordinates come back to the last digit that is kept, in metres, degrees and feet."""
    name, digits, most_x, most_y = crs
    places = st.tuples(st.floats(-most_x, most_x), st.floats(-most_y, most_y))
    chosen = np.round(data.draw(st.lists(places, min_size=1, max_size=20)), digits)
    layer = Layer("p", "Point", name, objects([shapely.Point(one) for one in chosen]), {"n": np.arange(len(chosen))})
    folder = tmp_path_factory.mktemp("gdb")
    file_geodatabase.write([layer], folder, MADE)
    read = np.array([one.coords[0] for one in _read(folder / "flood_extent.gdb", "p")[2]])
    assert np.array_equal(np.round(read, digits), chosen)
