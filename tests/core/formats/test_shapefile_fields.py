"""What a shapefile's table would lose, judged before it is written, and read back by Fiona."""

import math
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.formats.shapefile_fields import loss
from tasks.core.formats.shapefile_writer import write_shapefile
from tasks.core.product.layer import Column, Layer

fiona = pytest.importorskip("fiona", reason="Fiona has no wheel for this Python")


def _read_back(folder: Path, values: Column) -> list[object] | None:
    """The column as another GDAL reads it; None where it was left out."""
    layer = Layer("x", "Polygon", "EPSG:7855", np.repeat(shapely.box(0, 0, 1, 1), len(values)), {"v": values})
    write_shapefile(layer, folder / "x.shp")
    with fiona.open(folder / "x.shp") as source:
        rows = [dict(one.properties) for one in source]
    return [row["v"] for row in rows] if "v" in rows[0] else None


@pytest.mark.parametrize(
    ("values", "is_lost"),
    [
        (np.array([1e12, 1234567890123.4567, 0.0, np.nan, 1e-6]), False),
        (np.array([1e-7 / 3]), True),
        (np.array([1e22]), True),
        (np.array([9.9e21]), False),
        (np.array([np.inf]), True),
        (np.array([2**53, -(2**53)]), False),
        (np.array([2**53 + 1]), True),
        (np.ma.array([2**60, 1], mask=[True, False]), False),
        (np.array(["ü" * 127, None], object), False),
        (np.array(["ü" * 127 + "x"], object), True),
    ],
)
def test_digits_and_letters_that_would_be_lost_are_known(values: Column, is_lost: bool, tmp_path: Path) -> None:
    """A field is left out where something would come back otherwise, and only there."""
    assert (loss(values) is not None) == is_lost
    assert (_read_back(tmp_path, values) is None) == is_lost


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(width=64) | st.floats(-1e-5, 1e-5), min_size=1, max_size=8))
def test_reals_that_are_written_come_back(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    """Whatever is not refused is read back within a billionth, and NaN as NULL."""
    read = _read_back(tmp_path_factory.mktemp("reals"), np.array(values, np.float64))
    for value, found in zip(values, values if read is None else read, strict=True):
        if read is not None:
            assert found is None if math.isnan(value) else math.isclose(float(str(found)), value, rel_tol=1.01e-9)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 9), min_size=1, max_size=5))
def test_integers_that_are_written_come_back(tmp_path_factory: pytest.TempPathFactory, values: list[int]) -> None:
    """Whatever is not refused is the same integer."""
    read = _read_back(tmp_path_factory.mktemp("integers"), np.array(values, np.int64))
    assert read is None or read == values
    assert (read is None) == any(abs(value) > 2**53 for value in values)
