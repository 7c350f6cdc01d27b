"""The layers of exposure: what was given, each feature with how much of it is flooded and how much nobody knows."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import shapely

from tasks.core.arrays import IntArray, ObjectArray
from tasks.core.exposure.exposed import Exposed, Kind
from tasks.core.exposure.exposure_summary import SUMMARY, Row, summary
from tasks.core.exposure.ground import ground_of
from tasks.core.exposure.measuring import Measures, measure
from tasks.core.product.layer import Column, Layer
from tasks.core.product.mapped_pixel import mapped_pixel_m

EXPOSURE = "exposure"
SINGLE = {Kind.POINT: "Point", Kind.LINE: "LineString", Kind.POLYGON: "Polygon"}
MULTI = {Kind.POINT: shapely.multipoints, Kind.LINE: shapely.multilinestrings, Kind.POLYGON: shapely.multipolygons}
PLURAL = {Kind.POINT: "points", Kind.LINE: "lines", Kind.POLYGON: "polygons"}
NAME_LENGTH = 40
MOST_CLASSES = 50
# What a layer may not be called behind ``exposure_``: so begins the name of the table.
TAKEN = "summary"
FLOOD_DISTANCE = "flood_dist"  # metres
# What GeoPackage calls its own columns.
RESERVED = ("fid", "ogc_fid", "geom", "geometry", "ogr_geometry")


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The features of one kind of an input.

    Attributes:
        name: Of their layer, behind ``exposure_``.
        exposed: Where they are from.
        kind: What they are.
        rows: (n,) their numbers there.
        measures: (n,) each.
    """

    name: str
    exposed: Exposed
    kind: Kind
    rows: IntArray
    measures: Measures


def expose(layers: Sequence[Layer], inputs: Sequence[Exposed]) -> list[Layer]:
    """Measure what people value against a product.

    Args:
        layers: The product's, of which flood_extent, area_observed and not_assessed count, in all their CRSs.
        inputs: What to measure, in any CRS.

    Returns:
        A layer ``exposure_<name>`` for each kind of geometry of each input, in the input's CRS and with its columns;
        and the table ``exposure_summary``. None without inputs.
    """
    if not inputs:
        return []
    ground = ground_of(layers)
    kinds = [(exposed, kind, rows) for exposed in inputs for kind, rows in exposed.kinds.items()]
    names = _names([(exposed.name, kind, len(exposed.kinds) > 1) for exposed, kind, _ in kinds])
    measured = [
        Measured(name, exposed, kind, rows, measure(exposed.geometries[rows], exposed.crs, kind, ground))
        for name, (exposed, kind, rows) in zip(names, kinds, strict=True)
    ]
    rows = [row for one in measured for row in _rows(one)]
    return [*(_layer(one) for one in measured), summary(rows, beside_m=(mapped_pixel_m(layers) or (0.0, 0.0))[1])]


def exposure_warnings(inputs: Sequence[Exposed], exposure: Sequence[Layer]) -> list[str]:
    """What a reader must know of the inputs, a sentence each; ``exposure`` is what ``expose`` made of them."""
    notes = [note for exposed in inputs for note in exposed.notes]
    for columns in (layer.columns for layer in exposure if layer.base == SUMMARY):
        known = np.asarray(columns["number"]) - np.asarray(columns["n_nogeom"])
        nowhere = (known > 0) & (columns["n_outside"] == known) & np.array([name is None for name in columns["class"]])
        notes += [
            f"{source}: all {number:,} {kind}s of it that lie near the product are outside its frames. "
            "Check that it is of this place, and its CRS"
            for source, kind, number in zip(
                columns["input"][nowhere], columns["kind"][nowhere], known[nowhere].tolist(), strict=True
            )
        ]
    return notes


def _layer(one: Measured) -> Layer:
    geometries = one.exposed.geometries[one.rows]
    geometry_type = SINGLE[one.kind]
    if (shapely.get_type_id(geometries) > shapely.GeometryType.POLYGON).any():
        geometries, geometry_type = _as_multi(geometries, one.kind), f"Multi{geometry_type}"
    ours = _measured_columns(one.kind, one.measures)
    theirs = {name: values[one.rows] for name, values in one.exposed.columns.items()}
    columns = _renamed(theirs, [*ours, *RESERVED]) | ours
    return Layer(EXPOSURE, geometry_type, one.exposed.crs, geometries, columns, f"_{one.name}")


def _measured_columns(kind: Kind, measures: Measures) -> dict[str, Column]:
    """Amounts in the unit of the kind, shares in percent."""
    columns: dict[str, Column] = {"status": measures.statuses}
    if kind.unit is not None:
        columns[kind.whole] = measures.whole
        columns |= {f"{name}_{kind.unit}": values for name, values in measures.parts.items()}
    columns[FLOOD_DISTANCE] = measures.distance_m
    columns["flood_pct"] = 100 * measures.flood / measures.whole
    columns["unseen_pct"] = 100 * measures.unseen / measures.whole
    return columns


def _rows(one: Measured) -> list[Row]:
    """All features of a layer, then those of each class, the most frequent first; the rare ones of many together."""
    is_first = one.kind is next(iter(one.exposed.kinds))
    layer, source = f"{EXPOSURE}_{one.name}", one.exposed.source
    rows = [Row(layer, source, one.kind, None, one.measures, one.exposed.unread if is_first else None)]
    if one.exposed.class_column is None:
        return rows
    values = _texts(one.exposed.columns[one.exposed.class_column][one.rows])
    classes, counts = np.unique(values, return_counts=True)
    frequent, rare = np.split(classes[np.argsort(-counts, kind="stable")], [MOST_CLASSES])
    members = [(str(name), values == name) for name in frequent]
    members += [(f"{len(rare):,} other classes", np.isin(values, rare))] if len(rare) else []
    return rows + [Row(layer, source, one.kind, name, one.measures.of(those), None) for name, those in members]


def _texts(values: Column) -> ObjectArray:
    """What a class is called; empty where a feature has none."""
    known = np.ma.filled(values.astype(np.object_), None) if np.ma.isMaskedArray(values) else values
    return np.array(["" if value is None or value != value else str(value) for value in known], np.object_)  # noqa: PLR0124 - NaN


def _as_multi(geometries: ObjectArray, kind: Kind) -> ObjectArray:
    parts, owner_of = shapely.get_parts(geometries, return_index=True)
    multi = np.full(len(geometries), None, np.object_)
    MULTI[kind](parts, indices=owner_of, out=multi)
    return multi


def _renamed(columns: dict[str, Column], taken: Sequence[str]) -> dict[str, Column]:
    """Columns of an input under names that are free, whatever their case: with a number where one is ours."""
    used = {name.casefold() for name in taken}
    named: dict[str, Column] = {}
    for name, values in columns.items():
        free = next(one for one in _numbered(name) if one.casefold() not in used)
        used.add(free.casefold())
        named[free] = values
    return named


def _names(wanted: Sequence[tuple[str, Kind, bool]]) -> list[str]:
    """Names of layers of ASCII alone, each once; with the kind where an input has several."""
    used: set[str] = set()
    names = []
    for name, kind, has_several in wanted:
        plain = re.sub(r"[^a-z0-9]+", "_", _ascii(name).lower())[:NAME_LENGTH].strip("_") or "layer"
        plain = f"of_{plain}" if plain.startswith(TAKEN) else plain
        plain = f"{plain}_{PLURAL[kind]}" if has_several else plain
        names.append(next(one for one in _numbered(plain) if one not in used))
        used.add(names[-1])
    return names


def _ascii(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}_{number}" for number in count(2))
