"""Layers of every kind, each feature in a square of its own, so that a picture shows where it is."""

from datetime import UTC, datetime

import numpy as np
import shapely
from shapely import LineString, MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from tasks.core.arrays import ObjectArray
from tasks.core.product.layer import Column, Layer, table
from tasks.core.scoring.change import CLASSES

CRS = "EPSG:7855"
MADE = datetime(2026, 3, 9, 23, 59, 58, 7_000, UTC)
WEST, SOUTH, SIDE_M, STEP_M = 500_000.0, 6_000_000.0, 40.0, 50.0
# West, south, east, north of all squares, six in a row.
EXTENT = (WEST - 10, SOUTH - 10, WEST + 6 * STEP_M, SOUTH + STEP_M)
SHARES: dict[str, Column] = {
    "flood_pct": np.array([0.0, 5.0, 30.0, 90.0, 0.0, np.nan]),
    "unseen_pct": np.array([0.0, 0.0, 0.0, 0.0, 50.0, 100.0]),
}


def square(number: int) -> Polygon:
    """The square of a feature."""
    return box(WEST + number * STEP_M, SOUTH, WEST + number * STEP_M + SIDE_M, SOUTH + SIDE_M)


def _objects(values: list[BaseGeometry]) -> ObjectArray:
    array = np.empty(len(values), np.object_)
    array[:] = values
    return array


def _areas(base: str, columns: dict[str, Column], suffix: str = "") -> Layer:
    count = len(next(iter(columns.values())))
    return Layer(
        base, "MultiPolygon", CRS, _objects([MultiPolygon([square(n)]) for n in range(count)]), columns, suffix
    )


def _texts(*values: str) -> ObjectArray:
    return np.array(values, np.object_)


def every_layer() -> list[Layer]:
    """A product's layers with all that it may have, some with a suffix, and a table."""
    area: dict[str, Column] = {"area_m2": np.array([SIDE_M**2])}
    plain = [_areas(base, area) for base in ("flood_extent", "normal_water", "flood_trace", "area_observed")]
    plain += [_areas(base, area, "_epsg7855") for base in ("area_of_interest", "excluded")]
    squares = [square(number) for number in range(6)]
    lines = [LineString([(one.bounds[0], one.centroid.y), (one.bounds[2], one.centroid.y)]) for one in squares]
    points = shapely.centroid(np.array(squares, np.object_))
    return [
        *plain,
        _areas("flood_extent_cut", {"flood_id": np.array([1]), "part": np.array([1])}),
        _areas("flood_extent_by_tile", {"flood_id": np.array([1]), "tile": _texts("a.jp2")}),
        _areas("not_assessed", {"tile": _texts("lost.jp2")}),
        _areas("tiles", {"tile": _texts("a.jp2", "b.jp2", "c.jp2"), "state": _texts("done", "failed", "dropped")}),
        _areas("to_check", {"rank": np.array([1, 11])}),
        _areas("exposure", SHARES, "_parcels"),
        Layer("exposure", "LineString", CRS, _objects(lines), SHARES, "_roads"),
        Layer("exposure", "Point", CRS, np.asarray(points, np.object_), SHARES, "_sites"),
        _areas("change", {"class": np.array(CLASSES, np.object_)}),
        _areas("peak", area),
        _areas("agreement", {"agreement": _texts("hit", "miss", "false_alarm")}),
        _areas("levees", area),
        table("source", {"src_id": np.array([1, 2])}),
    ]
