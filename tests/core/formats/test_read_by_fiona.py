"""The product's vector files, read back by Fiona: its wheel has another GDAL than the one that wrote them."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from shapely.geometry import shape

from tasks.core.formats import geopackage, product_files, product_shapefiles
from tasks.core.formats.shapefile_fields import SHORT_FIELDS
from tasks.core.geo.grid import Grid
from tasks.core.polygons.tile_extent import extract
from tasks.core.product.layer import AnsweredTile, FailedTile, Layer
from tasks.core.product.layer_assembly import assemble

fiona = pytest.importorskip("fiona", reason="Fiona has no wheel for this Python")

TYPES = {"i": "int", "f": "float", "O": "str"}
PX = 60


def _answered(name: str, column: int, crs: str) -> AnsweredTile:
    """A tile of a row, with flood up to its edges, a hole, an island in it, and flood under cloud."""
    labels = np.zeros((PX, PX), np.uint8)
    labels[10:50, :] = 1
    labels[20:40, 20:40] = 0
    labels[28:32, 28:32] = 1
    labels[2:5, 5:9] = 2
    grid = Grid(PX, PX, (0.5, 0.0, 500_000.0 + column * PX / 2, 0.0, -0.5, 6_000_000.0), crs)
    return AnsweredTile(name, grid, extract(labels, np.ones((PX, PX), bool), grid, [1]), 1.25)


@pytest.fixture(scope="module")
def layers() -> list[Layer]:
    """Of two joined tiles, one in another CRS, one that failed at a known place, and one of unknown place."""
    place = shapely.MultiPolygon([shapely.box(500_060, 5_999_970, 500_090, 6_000_000)])
    answered = [
        _answered("a.jp2", 0, "EPSG:7855"),
        _answered("Ü 洪.jp2", 1, "EPSG:7855"),
        _answered("c.jp2", 0, "EPSG:7854"),
    ]
    failed = [FailedTile("d.jp2", "predict", "cut short: fetch it again", 0.5, "EPSG:7855", place)]
    return assemble(answered, [*failed, FailedTile("e.jp2", "prepare", "no CRS", 0.0)], 1.0)


@pytest.fixture(scope="module")
def product(layers: list[Layer], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of these layers."""
    folder = tmp_path_factory.mktemp("product")
    assert product_files.write_layers(layers, folder) == ()
    return folder


def _files(layers: list[Layer]) -> Iterator[tuple[str, Layer, dict[str, str]]]:
    """File, layer and fields' short names of everything that is written."""
    yield from ((geopackage.GEOPACKAGE, layer, {}) for layer in layers)
    yield from ((str(path), layer, dict(SHORT_FIELDS)) for path, layer in product_shapefiles.shapefiles(layers))


def _rows(layer: Layer, short: dict[str, str]) -> list[dict[str, Any]]:
    """What a reader should find; a shapefile's table rounds numbers to its width."""
    columns = [values.astype(object).tolist() for values in layer.columns.values()]
    names = [short.get(name, name) for name in layer.columns]
    return [dict(zip(names, map(_readable, row), strict=True)) for row in zip(*columns, strict=True)]


def _readable(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return None if math.isnan(value) else pytest.approx(value, rel=1e-12)


def test_it_is_another_gdal() -> None:
    """Else a fault of the writer's could be undone by the same fault of the reader's."""
    assert fiona.__gdal_version__ != pyogrio.__gdal_version_string__


def test_every_layer_is_listed(layers: list[Layer], product: Path) -> None:
    """The GeoPackage has the twelve layers of two CRSs, in their order, and behind them the table of their styles."""
    assert fiona.listlayers(product / geopackage.GEOPACKAGE) == [*(layer.name for layer in layers), "layer_styles"]
    assert len(layers) == 12


def test_every_file_is_read_as_it_was_meant(layers: list[Layer], product: Path) -> None:
    """CRS, type of geometry, fields with their types, number of features, and each value and polygon."""
    for file, layer, short in _files(layers):
        with fiona.open(product / file, **({} if short else {"layer": layer.name})) as read:
            where = f"{file}: {layer.name}"
            assert read.crs.to_epsg() == int(str(layer.crs).removeprefix("EPSG:")), where
            kinds = {"Polygon", "MultiPolygon"} if short else {layer.geometry_type}  # a shapefile knows polygons alone
            assert read.schema["geometry"] in kinds, where
            fields = {short.get(name, name): TYPES[values.dtype.kind] for name, values in layer.columns.items()}
            assert {name: kind.rstrip("0123456789:.") for name, kind in read.schema["properties"].items()} == fields
            features = list(read)
        assert [dict(feature.properties) for feature in features] == _rows(layer, short), where
        found = [None if one.geometry is None else shape(one.geometry) for one in features]
        for polygon, written in zip(found, layer.geometries, strict=True):
            assert polygon == written or polygon.equals(written), where
