"""GeoParquet, read back by DuckDB, and its metadata held against the standard's text."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyproj
import pytest
import shapely
from odd_layers import NUMBERS, REALS, TEXTS, empty, mixed, objects, polygons, sources

from tasks.core.formats import geoparquet
from tasks.core.product.layer import Layer

parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is an extra")

MADE = datetime(2026, 3, 9, 23, 59, 58, 7_000, UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the odd layers."""
    product = tmp_path_factory.mktemp("product")
    assert geoparquet.write([polygons(), mixed(), sources(), empty()], product, MADE) == ()
    return product / "geoparquet"


def test_the_metadata_is_that_of_the_standard(folder: Path) -> None:
    """Version 1.1.0: WKB, kinds of geometry, CRS as PROJJSON, and the column of boxes that covers each feature."""
    about = json.loads(parquet.read_schema(folder / "flood_extent.parquet").metadata[b"geo"])
    column = about["columns"][about["primary_column"]]
    assert (about["version"], about["primary_column"], column["encoding"]) == ("1.1.0", "geometry", "WKB")
    assert column["geometry_types"] == ["MultiPolygon", "Polygon"]
    assert column["bbox"] == [500_000, 6_000_000, 500_085, 6_000_055]
    assert pyproj.CRS.from_json_dict(column["crs"]).to_epsg() == 7855
    assert column["covering"] == {"bbox": {side: ["bbox", side] for side in ("xmin", "ymin", "xmax", "ymax")}}
    assert (
        json.loads(parquet.read_schema(folder / "not_assessed.parquet").metadata[b"geo"])["columns"]["geometry"][
            "geometry_types"
        ]
        == []
    )


def test_values_types_and_null_come_back(folder: Path) -> None:
    """Integers, reals and texts stay what they are; boxes are those of the geometries, NULL of an unknown place."""
    table = parquet.read_table(folder / "flood_extent.parquet")
    assert [str(kind) for kind in table.schema.types[:4]] == ["int64", "double", "string", "binary"]
    assert table["flood_id"].to_pylist() == [*NUMBERS[:3], None, NUMBERS[4]]
    assert table["area_m2"].to_pylist() == [REALS[0], None, *REALS[2:]]
    assert table["notes"].to_pylist() == TEXTS
    places = shapely.from_wkb(np.array(table["geometry"].to_pylist(), object))
    assert places.tolist() == polygons().geometries.tolist()
    boxes = [None if box is None else tuple(box.values()) for box in table["bbox"].to_pylist()]
    assert boxes == [None if one is None else one.bounds for one in polygons().geometries]


def test_tables_are_plain(folder: Path) -> None:
    """A layer without geometries is Parquet without the metadata."""
    table = parquet.read_table(folder / "source.parquet")
    assert b"geo" not in (table.schema.metadata or {})
    assert table.to_pylist() == [{"src_id": 1, "uri": "s3://b/=x.jp2"}, {"src_id": 2, "uri": None}]


def test_columns_of_the_same_name_are_kept(tmp_path: Path) -> None:
    """What people give as exposure may have a column called as the geometry's or the boxes': that stays."""
    layer = Layer("x", "Point", None, objects([None]), {"geometry": objects(["a"]), "bbox": np.array([1])})
    geoparquet.write([layer], tmp_path, MADE)
    table = parquet.read_table(tmp_path / "geoparquet/x.parquet")
    assert table.to_pylist() == [{"geometry": "a", "bbox": 1, "geometry_": None, "bbox_": None}]
    assert json.loads(table.schema.metadata[b"geo"])["primary_column"] == "geometry_"


def test_another_reader_finds_features_by_their_boxes(folder: Path) -> None:
    """DuckDB, which shares no code with the writer, reads types, values and the struct of the boxes."""
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    query = "SELECT flood_id, area_m2, notes FROM read_parquet(?) WHERE bbox.xmin > 500040 ORDER BY 1"
    with duckdb.connect() as database:
        rows = database.execute(query, [str(folder / "flood_extent.parquet")]).fetchall()
        kinds = database.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(folder / "source.parquet")]).fetchall()
    assert rows == [(-5, None, TEXTS[1]), (9, 1e-9, TEXTS[4])]
    assert [kind for _, kind, *_ in kinds] == ["BIGINT", "VARCHAR"]
