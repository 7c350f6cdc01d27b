"""Layers with all that a format can stumble over: what is not known, large integers, odd texts, several geometries."""

from collections.abc import Sequence

import numpy as np
import shapely
from shapely import LineString, MultiPolygon, Point, Polygon, box

from tasks.core.product.layer import Layer, table

CRS = "EPSG:7855"
CORNER = np.array([500_000, 6_000_000])
TEXTS = ["=1+1", "Ü 洪 <&> \"'", None, " -2 ", "a\x07b_x0041_\r\nc"]
NUMBERS = [2**53 + 1, -5, 0, 7, 9]
REALS = [1e12 / 3, float("nan"), -0.25, 0.0, 1e-9]


def objects(values: Sequence[object]) -> np.ndarray:
    """An array of these objects."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def polygons(base: str = "flood_extent", suffix: str = "", crs: str = CRS) -> Layer:
    """Five features, the first with a hole, the fourth of unknown place; NULL in every column."""
    doughnut = Polygon(box(0, 0, 40, 40).exterior, [box(10.0001, 10, 20, 20).exterior])
    shapes = [
        doughnut,
        box(50, 0, 60, 10.5),
        MultiPolygon([box(0, 50, 5, 55), box(10, 50, 15, 55)]),
        None,
        box(80, 0, 85, 5),
    ]
    moved = [None if one is None else shapely.transform(one, lambda xy: xy + CORNER) for one in shapes]
    columns = {
        "flood_id": np.ma.array(NUMBERS, mask=[False, False, False, True, False]),
        "area_m2": np.array(REALS),
        "notes": objects(TEXTS),
    }
    return Layer(base, "MultiPolygon", crs, objects(moved), columns, suffix)


def mixed() -> Layer:
    """Points, lines and polygons in one layer, one of unknown place."""
    shapes = [
        Point(500_000, 6_000_000),
        LineString([(500_000, 6_000_000), (500_010, 6_000_010)]),
        box(500_000, 6_000_000, 500_001, 6_000_001),
        None,
    ]
    return Layer("exposure", "Unknown", CRS, objects(shapes), {"n": np.arange(4)})


def sources() -> Layer:
    """A table."""
    return table("source", {"src_id": np.array([1, 2]), "uri": objects(["s3://b/=x.jp2", None])})


def empty() -> Layer:
    """A layer without features."""
    return Layer("not_assessed", "MultiPolygon", CRS, objects([]), {"tile": objects([]), "n": np.empty(0, np.int64)})
