"""Reads a vector package of Copernicus EMS Rapid Mapping, by the service's published field tables alone.

Written from the tables of its manual (JRC121741, 2020; online edition, groups A and B, file naming, domains), and for
``areaOfInterestA`` and ``notAnalysedA``, of which the manual has no table or no layer, from what deliveries hold. It
knows nothing of who wrote the package.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiona
import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Geod
from shapely.geometry import shape

NAME = re.compile(r"(?P<product>[A-Za-z0-9-]+_AOI\d\d_DEL_PRODUCT)_(?P<layer>[A-Za-z]+)_(?P<version>v\d+)\.shp")
TEXT, INTEGER, REAL = "str", "int", "float"
FIELDS = {
    "observedEventA": {
        "event_type": TEXT, "obj_desc": TEXT, "det_method": TEXT, "notation": TEXT, "dmg_src_id": INTEGER, "area": REAL,
    },
    "areaOfInterestA": {"emsr_id": TEXT, "glide_no": TEXT, "area_id": TEXT, "locality": TEXT, "map_type": TEXT},
    "imageFootprintA": {"obj_type": TEXT, "or_src_id": INTEGER},
    "notAnalysedA": {"obj_type": TEXT},
    "source": {
        "source_nam": TEXT, "src_date": TEXT, "source_tm": TEXT, "sensor_gsd": TEXT, "eventphase": TEXT,
        "src_id": INTEGER,
    },
}  # fmt: skip
UNKNOWN = "Not available"
DOMAINS = {
    "event_type": {"5-Flood"},
    "obj_desc": {"Ice jam flood", "Riverine flood", "Coastal flood", "Flash flood", UNKNOWN},
    "det_method": {"Photo-interpretation", "Semi-automatic extraction", "Automatic extraction", "Modelling"},
    "map_type": {"Delineation"},
    "eventphase": {"Pre-event", "Post-event", "Not applicable"},
}
FORMS = {
    "src_date": r"(0[1-9]|[12]\d|3[01])/(0[1-9]|1[0-2])/\d{4}",
    "source_tm": r"T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ",
    "sensor_gsd": r"\d+(\.\d+)? m",
    "area_id": r"\d\d",
}
KINDS = {  # of a field that says more of what a layer is of
    "observedEventA": ("notation", {"Flooded area", "Flood trace"}),
    "imageFootprintA": ("obj_type", {"Image Footprint"}),
    "notAnalysedA": ("obj_type", {"Not Analysed", "Not Analysed - No data"}),
}
DBASE_TEXT = 254
WGS84 = Geod(ellps="WGS84")
M2_PER_HA = 10_000

Rows = list[dict[str, Any]]
Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Package:
    """What is in a package: of each layer its rows, with ``geometry``; of the table ``source`` without."""

    layers: dict[str, Rows]
    faults: list[str]

    def is_analysed(self, points: Points) -> npt.NDArray[np.bool_]:
        """Whether "no flood" holds at points, longitude before latitude, where no flood is."""
        shown, wanted, left_out = (
            self.count(name, points) > 0 for name in ("imageFootprintA", "areaOfInterestA", "notAnalysedA")
        )
        return shown & wanted & ~left_out

    def count(self, layer: str, points: Points) -> npt.NDArray[np.int64]:
        """How many features of a layer each point lies in, counted by crossings of a ray."""
        found = np.zeros(len(points), np.int64)
        for row in self.layers[layer]:
            found += _crossings(row["geometry"], points) % 2
        return found

    @property
    def flooded_ha(self) -> float:
        """As the polygons say."""
        return float(sum(row["area"] for row in self.layers["observedEventA"]))

    @property
    def measured_flooded_ha(self) -> float:
        """As the polygons are."""
        return sum(_hectares(row["geometry"]) for row in self.layers["observedEventA"])

    @property
    def analysed_ha(self) -> float:
        """Of the ground on which "no flood" holds where no flood is, and of the flood there."""
        shown, wanted, left_out = (
            shapely.union_all([row["geometry"] for row in self.layers[name]])
            for name in ("imageFootprintA", "areaOfInterestA", "notAnalysedA")
        )
        return _hectares((shown & wanted) - left_out)


def read_package(folder: Path) -> Package:
    """Open a package by its files' names; what is not as published is among the faults."""
    names = [match for path in sorted(folder.iterdir()) if (match := NAME.fullmatch(path.name)) is not None]
    if len({(name["product"], name["version"]) for name in names}) != 1:
        return Package({}, [f"{folder}: the files are not of one product"])
    product, version = names[0]["product"], names[0]["version"]
    faults: list[str] = []
    layers = {}
    for layer in FIELDS:
        stem = folder / f"{product}_{layer}_{version}"
        rows = _read(stem.with_suffix(".dbf" if layer == "source" else ".shp"), layer, faults)
        same = _in_json(stem.with_suffix(".json")), _in_database(folder / f"{product}_{version}.gpkg", layer, version)
        faults += [f"{layer}: another copy differs" for one in same if _keys(one) != _keys(rows)]
        layers[layer] = rows
    _check_keys(layers, faults)
    if not (folder / f"{product}_summaryTable_{version}.xlsx").exists():
        faults.append("there is no summary table")
    return Package(layers, faults)


def _read(path: Path, layer: str, faults: list[str]) -> Rows:
    with fiona.open(path) as file:
        fields = {name: kind.partition(":") for name, kind in file.schema["properties"].items()}
        if layer != "source" and file.crs.to_epsg() != 4326:
            faults.append(f"{layer}: its CRS is {file.crs}")
        rows = [_row(feature) for feature in file]
    for name, kind in FIELDS[layer].items():
        if name not in fields:
            faults.append(f"{layer}: has no field {name}")
        elif not fields[name][0].startswith(kind):
            faults.append(f"{layer}: {name} is {fields[name][0]}")
        elif kind == TEXT and int(fields[name][2]) > DBASE_TEXT:
            faults.append(f"{layer}: {name} is too wide")
    faults += [f"{layer}: {fault}" for row in rows for fault in _faults_of(row, layer)]
    return rows


def _row(feature: Any) -> dict[str, Any]:
    geometry = None if feature["geometry"] is None else shape(feature["geometry"])
    return {**feature["properties"], "geometry": geometry}


def _faults_of(row: dict[str, Any], layer: str) -> list[str]:
    found = [f"{name} is {row[name]!r}" for name, domain in DOMAINS.items() if row.get(name, "") not in {"", *domain}]
    found += [
        f"{name} is {row[name]!r}"
        for name, form in FORMS.items()
        if name in row and row[name] != UNKNOWN and re.fullmatch(form, row[name] or "") is None
    ]
    kind, kinds = KINDS.get(layer, ("", set()))
    if kind and row[kind] not in kinds:
        found.append(f"{kind} is {row[kind]!r}")
    geometry = row["geometry"]
    if (geometry is None) != (layer == "source"):
        found.append("its geometry is missing, or should be")
    if geometry is not None and not geometry.is_valid:
        found.append("a geometry is not valid")
    return found


def _check_keys(layers: dict[str, Rows], faults: list[str]) -> None:
    ids = [row["src_id"] for row in layers["source"]]
    if len(set(ids)) != len(ids) or None in ids:
        faults.append("source: src_id is no key")
    for layer, name in (("observedEventA", "dmg_src_id"), ("imageFootprintA", "or_src_id")):
        used = {row[name] for row in layers[layer]} - {None}
        faults += [f"{layer}: {name} {one} is not in source" for one in sorted(used - set(ids))]


def _in_json(path: Path) -> Rows:
    return [_row(feature) for feature in json.loads(path.read_text())["features"]]


def _in_database(path: Path, layer: str, version: str) -> Rows:
    with fiona.open(path, layer=f"{layer}_{version}") as file:
        return [_row(feature) for feature in file]


def _keys(rows: Rows) -> list[tuple[str, bytes]]:
    """Of each row what tells it from others: texts and whole numbers, and the corners."""
    texts = [str({name: value for name, value in row.items() if isinstance(value, str | int)}) for row in rows]
    corners = [b"" if row["geometry"] is None else _corners(row["geometry"]) for row in rows]
    return list(zip(texts, corners, strict=True))


def _corners(geometry: Any) -> bytes:
    return np.unique(shapely.get_coordinates(geometry), axis=0).tobytes()


def _hectares(geometry: Any) -> float:
    return abs(float(WGS84.geometry_area_perimeter(shapely.orient_polygons(geometry))[0])) / M2_PER_HA


def _crossings(geometry: Any, points: Points) -> npt.NDArray[np.int64]:
    """How many edges a ray eastward from each point crosses."""
    found = np.zeros(len(points), np.int64)
    for polygon in shapely.get_parts(geometry):
        for ring in (polygon.exterior, *polygon.interiors):
            found += _crossings_of_ring(np.array(ring.coords), points)
    return found


def _crossings_of_ring(corners: Points, points: Points) -> npt.NDArray[np.int64]:
    (x0, y0), (x1, y1) = corners[:-1].T, corners[1:].T
    is_level = y0 == y1
    x0, y0, x1, y1 = (values[~is_level] for values in (x0, y0, x1, y1))
    x, y = points[:, :1], points[:, 1:]
    beside = (y < y0) != (y < y1)
    return np.asarray((beside & (x0 + (y - y0) / (y1 - y0) * (x1 - x0) > x)).sum(axis=1), np.int64)
