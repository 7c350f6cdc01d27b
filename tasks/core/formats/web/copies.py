"""Copies of layers in WGS 84, as the web wants them: not to be measured in, and shifted from the imagery's datum.

Between a national datum and WGS 84 the shift is known to metres only: WGS 84 moves with the satellites' reference
frames, GDA94 and GDA2020 with the continent, and they are 1.8 m apart. What PROJ takes is said (``WebCopies.shifts``).

Coordinates have 7 decimals of a degree, 11 mm at most: a tenth of the finest imagery's pixel and far below the shift's
uncertainty. The 0.1 mm of the other formats would need 9, and a quarter more bytes, for digits that mean nothing here.
Lines that are straight in the imagery's CRS are not straight in degrees: points are put into long ones.

Sources: RFC 7946, 3.1.9 (antimeridian), 4 (CRS), 11.2 (precision); ICSM, GDA2020 Technical Manual, on WGS 84.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyproj
import shapely
from pyproj.transformer import AreaOfInterest, TransformerGroup

from tasks.core.arrays import FloatArray, ObjectArray
from tasks.core.formats.extents import Box, boxes, extent
from tasks.core.geo.crs import horizontal
from tasks.core.product.layer import Layer

WGS84 = "EPSG:4326"  # but longitude first, as OGC:CRS84 says
DECIMALS = 7
# Between points this far apart a line's middle is off by 2 cm at 45 degrees: length² tan(latitude) / 8 R.
LONGEST_M = 1_000.0
HALF_TURN, TURN = 180.0, 360.0
BALLPARK = "ballpark"  # what PROJ calls a shift that it does not know
SHOWN = 40  # characters: a code, not a WKT
WEST, EAST = shapely.box(-HALF_TURN, -90, HALF_TURN, 90), shapely.box(HALF_TURN, -90, HALF_TURN + TURN, 90)
POLYGON_DIMENSION = 2
POLYGON_TYPES = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


@dataclass(frozen=True, slots=True)
class WebCopies:
    """Layers in WGS 84.

    Attributes:
        layers: In degrees, longitude first; CRS ``EPSG:4326``. Polygons are valid, their outer rings counterclockwise;
            they may have become multipolygons. What crosses the antimeridian is split there. What is smaller than a
            step of the coordinates, and what had no place, has no geometry.
        shifts: For a person: how coordinates were shifted between datums, a sentence a CRS where they were.
    """

    layers: tuple[Layer, ...]
    shifts: tuple[str, ...]

    @property
    def about(self) -> str:
        """The same as sentences behind another."""
        return "".join(f" {shift}." for shift in self.shifts)


def web_copies(layers: Sequence[Layer]) -> WebCopies:
    """Copy layers with geometries into WGS 84; one way a CRS for all of its layers."""
    geometries_in: dict[str, list[ObjectArray]] = {}
    for layer in layers:
        if layer.crs is not None:
            geometries_in.setdefault(layer.crs, []).append(layer.geometries)
    ways = {crs: _way(crs, extent(*geometries)) for crs, geometries in geometries_in.items()}
    copies = tuple(replace(layer, crs=WGS84, geometries=_moved(layer, ways)) for layer in layers)
    shifts = (_shift(crs, way) for crs, way in ways.items())
    return WebCopies(copies, tuple(shift for shift in shifts if shift is not None))


def _way(crs: str, covered: Box | None) -> pyproj.Transformer:
    """PROJ's best operation for the ground that the layers cover; no grids are fetched."""
    ground = horizontal(crs)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Best transformation is not available", UserWarning)
        ways = TransformerGroup(ground, WGS84, always_xy=True, area_of_interest=_area(ground, covered)).transformers
    # Without any in that area PROJ takes the one that it takes for the best anywhere.
    return ways[0] if ways else pyproj.Transformer.from_crs(ground, WGS84, always_xy=True)


def _area(ground: pyproj.CRS, covered: Box | None) -> AreaOfInterest | None:
    if ground.geodetic_crs is None or covered is None:
        return None
    to_degrees = pyproj.Transformer.from_crs(ground, ground.geodetic_crs, always_xy=True)
    degrees = to_degrees.transform_bounds(*covered)
    return AreaOfInterest(*degrees) if np.isfinite(degrees).all() else None


def _shift(crs: str, way: pyproj.Transformer) -> str | None:
    """What PROJ does between the datums; None where it only undoes a projection, which is exact."""
    names = [step.name for step in way.operations or () if step.accuracy > 0 or BALLPARK in step.name.lower()]
    if not names:
        return None
    good = f"good to {way.accuracy:g} m" if way.accuracy > 0 else "of unknown accuracy"
    known = crs if len(crs) <= SHOWN else horizontal(crs).name
    return f"Copies for the web are shifted from {known} to WGS 84 as PROJ has it: {' and '.join(names)}, {good}"


def _moved(layer: Layer, ways: dict[str, pyproj.Transformer]) -> ObjectArray:
    if layer.crs is None or not len(layer):
        return layer.geometries
    way, ground = ways[layer.crs], horizontal(layer.crs)

    def to_degrees(coordinates: FloatArray) -> FloatArray:
        return np.column_stack(way.transform(*coordinates.T)).round(DECIMALS)

    geometries = layer.geometries if ground.is_geographic else _with_short_lines(layer.geometries, ground)
    moved = np.asarray(shapely.transform(geometries, to_degrees), np.object_)
    split = _split_at_antimeridian(moved)
    return np.asarray(shapely.orient_polygons(_valid(split)), np.object_)


def _with_short_lines(geometries: ObjectArray, ground: pyproj.CRS) -> ObjectArray:
    longest = LONGEST_M / ground.axis_info[0].unit_conversion_factor
    reach = boxes(geometries)
    large = np.flatnonzero((reach[:, 2:] - reach[:, :2] > longest).any(axis=1))
    shorter = geometries.copy()
    shorter[large] = shapely.segmentize(geometries[large], longest)
    return shorter


def _split_at_antimeridian(geometries: ObjectArray) -> ObjectArray:
    """Each geometry that reaches over it in two parts; where one spans more than half a turn, it does."""
    bounds = boxes(geometries)
    over = np.flatnonzero(bounds[:, 2] - bounds[:, 0] > HALF_TURN)
    if len(over):
        geometries = geometries.copy()
    for row in over:
        joined = shapely.transform(geometries[row], lambda xy: np.column_stack((xy[:, 0] % TURN, xy[:, 1])))
        if not joined.is_valid:
            joined = shapely.make_valid(joined, method="structure", keep_collapsed=False)
        beyond = shapely.transform(shapely.intersection(joined, EAST), lambda xy: xy - (TURN, 0))
        geometries[row] = shapely.union(shapely.intersection(joined, WEST), beyond)
    return geometries


def _valid(geometries: ObjectArray) -> ObjectArray:
    """Polygons whose rings have come to touch or cross by rounding made valid, on the same steps."""
    flat = shapely.get_dimensions(geometries) == POLYGON_DIMENSION
    broken = np.flatnonzero(flat & ~shapely.is_valid(geometries))
    geometries = geometries.copy()
    geometries[shapely.is_empty(geometries)] = None
    whole = shapely.make_valid(geometries[broken], method="structure", keep_collapsed=False)
    geometries[broken] = only_polygons(shapely.set_precision(whole, 10.0**-DECIMALS))
    return geometries


def only_polygons(geometries: ObjectArray) -> ObjectArray:
    """Of each geometry the polygons; None where there are none."""
    kinds = shapely.get_type_id(geometries)
    collections = np.flatnonzero(kinds == shapely.GeometryType.GEOMETRYCOLLECTION)
    kept: ObjectArray = geometries.copy()
    kept[~np.isin(kinds, POLYGON_TYPES) | shapely.is_empty(geometries)] = None
    for row in collections:
        parts = shapely.get_parts(only_polygons(shapely.get_parts(geometries[row])))
        kept[row] = shapely.MultiPolygon(parts.tolist()) if len(parts) else None
    return kept
