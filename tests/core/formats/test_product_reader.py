"""Products read back from their GeoPackage."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from cut_scenes import answered, blobs, grid_of, windows

from tasks.core.errors import UnusableArgument
from tasks.core.formats.geopackage import GEOPACKAGE, write_geopackage
from tasks.core.formats.product_reader import read_product
from tasks.core.product.layer import FailedTile, Layer, table
from tasks.core.product.layer_assembly import assemble, content_hash


def _product() -> list[Layer]:
    mask = blobs(7, (40, 40))
    tiles = [
        answered(f"{number}.jp2", part.astype(np.uint8), grid)
        for number, (part, grid) in enumerate(windows(mask, grid_of(mask), 20, 0))
    ]
    numbers = np.ma.masked_array(np.array([1, 0], np.int64), [False, True])
    names = np.array(["a", None], np.object_)
    return [
        *assemble(tiles[1:], [FailedTile("0.jp2", "predict", "no answer", 1.0)], 4.0),
        table("source", {"src_id": numbers, "src_name": names}),
    ]


def test_layers_come_back_as_they_were(tmp_path: Path) -> None:
    """Names, types, places, NULLs and tables: and so the hash of the extent."""
    layers = _product()
    write_geopackage(layers, tmp_path / GEOPACKAGE, title="a product")
    again = read_product(tmp_path / GEOPACKAGE)
    assert [layer.name for layer in again] == [layer.name for layer in layers]
    assert content_hash(again) == content_hash(layers)
    for one, other in zip(layers, again, strict=True):
        assert (one.crs, one.geometry_type, list(one.columns)) == (other.crs, other.geometry_type, list(other.columns))
        assert shapely.equals_exact(one.geometries, other.geometries)[~shapely.is_missing(one.geometries)].all()
        for name, values in one.columns.items():
            assert other.columns[name].dtype.kind == values.dtype.kind, name
            assert repr(other.columns[name].tolist()) == repr(values.tolist()), name


def test_what_is_no_product_is_refused(tmp_path: Path) -> None:
    """A file that is none, and one that is not there."""
    (tmp_path / "x.gpkg").write_text("no database")
    for name in ("x.gpkg", "y.gpkg"):
        with pytest.raises(UnusableArgument, match="is no GeoPackage of a product"):
            read_product(tmp_path / name)
