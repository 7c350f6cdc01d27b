"""What a sheet says in words and numbers, as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyproj
import shapely

from tasks.core.arrays import ObjectArray
from tasks.core.formats.weaknesses import known_weaknesses
from tasks.core.product.edition import CaptureTime, Edition, Precision
from tasks.core.product.layer import Layer
from tasks.core.product.mapped_pixel import mapped_pixel_m, pixel_text
from tasks.core.record import Record
from tasks.core.text import enumerated

M2_PER_HECTARE = 10_000
TILES_NAMED, CRS_NAMED = 8, 4
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
EXPOSURE = "exposure"
UNKNOWN_TIME = "Time of capture not known"

Group = Mapping[str, Layer]
"""The layers of one CRS, by their base."""


@dataclass(frozen=True, slots=True)
class Exposed(Record):
    """A row of the sheet's table of exposure, each value as it is to be read: ``1,204``, ``3.2 km``.

    Attributes:
        label: What: ``Buildings``.
        total: How much of it was given.
        flooded: Of it, flooded.
        not_assessed: Of it, not assessed: there, nobody knows.
    """

    label: str
    total: str
    flooded: str
    not_assessed: str


@dataclass(frozen=True, slots=True)
class Figures(Record):
    """Key figures that are not a column of a layer, as ``run.json`` has them.

    Attributes:
        flooded_ha: Over all CRSs.
        observed_ha: Likewise.
        not_assessed_ha: Likewise, without what another tile observed.
        exposure: Rows of its table; none where nothing was given.
    """

    flooded_ha: float
    observed_ha: float
    not_assessed_ha: float
    exposure: tuple[Exposed, ...] = ()


def by_suffix(layers: Sequence[Layer]) -> dict[str, Group]:
    """The layers of each CRS, of those that have tiles; and all exposure, in that CRS, as one layer."""
    groups: dict[str, dict[str, Layer]] = {}
    for layer in layers:
        groups.setdefault(layer.suffix, {})[layer.base] = layer
    exposure = [layer for layer in layers if layer.base == EXPOSURE]
    found: dict[str, Group] = {}
    for suffix, group in groups.items():
        crs = group["tiles"].crs if "tiles" in group else None
        if exposure and crs:
            geometries = np.concatenate([_moved(layer, crs) for layer in exposure])
            group[EXPOSURE] = Layer(EXPOSURE, "Unknown", crs, geometries, {})
        if "tiles" in group:
            found[suffix] = group
    return found


def _moved(layer: Layer, crs: str) -> ObjectArray:
    """Geometries of any kind in another CRS, as finely as a map shows them."""
    if layer.crs == crs or not layer.crs:
        return layer.geometries
    shift = pyproj.Transformer.from_crs(layer.crs, crs, always_xy=True)
    return np.asarray(shapely.transform(layer.geometries, shift.transform, interleaved=False), np.object_)


def placed(group: Group) -> int:
    """How many tiles have a known place."""
    tiles = group["tiles"]
    return int((~shapely.is_missing(tiles.geometries)).sum()) if tiles.crs else 0


def crs_text(crs: str) -> str:
    """``GDA2020 / MGA zone 55 (EPSG:7855)``, or the name alone where it has no code."""
    name = str(pyproj.CRS.from_user_input(crs).name)
    return f"{name} ({crs})" if crs.upper().startswith("EPSG:") else name


def unit_text(crs: str) -> str:
    """What the CRS counts in: ``metre``."""
    return str(pyproj.CRS.from_user_input(crs).axis_info[0].unit_name)


def hectares(area_ha: float) -> str:
    """As the report has it: ``1,610.40``."""
    return f"{area_ha:,.2f}"


def layer_ha(layers: Sequence[Layer], base: str) -> float | None:
    """Sum of a layer's ``area_m2`` over all CRSs; None where there is no such layer."""
    found = [layer.columns["area_m2"] for layer in layers if layer.base == base and "area_m2" in layer.columns]
    return sum(float(np.nansum(np.asarray(areas, np.float64))) for areas in found) / M2_PER_HECTARE if found else None


def tile_states(layers: Sequence[Layer]) -> dict[str, int]:
    """How many tiles are in which state."""
    states = [str(state) for layer in layers if layer.base == "tiles" for state in layer.columns.get("state", ())]
    return {state: states.count(state) for state in dict.fromkeys(states)}


def lost_tiles(layers: Sequence[Layer]) -> list[str]:
    """Tiles without an answer: those that failed, and those that were dropped."""
    tables = [layer for layer in layers if layer.base == "tiles" and "state" in layer.columns]
    return [str(tile) for one in tables for tile in one.columns["tile"][one.columns["state"] != "done"]]


def captured_text(edition: Edition) -> str:
    """``3 April 2021, 01:31 UTC``, ``April 2021``, a span of two, or that it is not known."""
    if edition.captured is None:
        return UNKNOWN_TIME
    first, last = (time_text(time) for time in edition.captured)
    return first if first == last else f"{first} to {last}"


def time_text(time: CaptureTime) -> str:
    """As far as it is known."""
    start = time.start.astimezone(UTC)
    if time.precision is Precision.MONTH:
        return f"{MONTHS[start.month - 1]} {start.year}"
    clock = {Precision.MINUTE: f", {start:%H:%M} UTC", Precision.SECOND: f", {start:%H:%M:%S} UTC"}
    return f"{day_text(start)}{clock.get(time.precision, '')}"


def day_text(time: datetime) -> str:
    """``3 April 2021``."""
    return f"{time.day} {MONTHS[time.month - 1]} {time.year}"


def made_text(edition: Edition) -> str:
    """When the run began."""
    made = edition.made.astimezone(UTC)
    return f"{day_text(made)}, {made:%H:%M} UTC"


def source_pairs(layers: Sequence[Layer], edition: Edition) -> list[tuple[str, str]]:
    """What the map was made of, as names and values."""
    done = [source for source in edition.sources if source.state == "done"]
    sides = [source.gsd_m for source in edition.sources if source.gsd_m is not None]
    origins = dict.fromkeys(source.captured.origin.value for source in done if source.captured is not None)
    pairs = {
        "Frames": f"{len(edition.sources):,}, of which {len(done):,} answered" if edition.sources else "",
        "Taken": captured_text(edition) + (f" ({', '.join(origins)})" if origins else ""),
        "Sensor": ", ".join(dict.fromkeys(source.sensor for source in done if source.sensor)),
        "Frame pixel": pixel_text((min(sides), max(sides))) if sides else "",
        "Map pixel": pixel_text(mapped_pixel_m(layers)),
        "Area of interest": edition.area_of_interest or "",
        "Attribution": edition.attribution or "not stated",
        "Licence": edition.licence or "not stated",
    }
    return [(name, value) for name, value in pairs.items() if value]


def notes(layers: Sequence[Layer], groups: Mapping[str, Group], suffix: str, edition: Edition) -> list[str]:
    """What a reader of the map must know, a paragraph each."""
    found = [*known_weaknesses(layers, edition), "Grey ground was not looked at."]
    others = [crs_text(str(group["tiles"].crs)) for one, group in groups.items() if one != suffix and placed(group)]
    if others:
        named = enumerated(others, CRS_NAMED)
        found.append(
            f"This map shows one CRS of {len(others) + 1}; tiles in {named} are not on it, but in the figures."
        )
    tables = [group["tiles"] for group in groups.values()]
    unknown = [str(tile) for one in tables for tile in one.columns["tile"][shapely.is_missing(one.geometries)]]
    if unknown:
        named = enumerated(unknown, TILES_NAMED)
        found.append(f"{len(unknown)} failed tile(s) without a known place are not on it: {named}.")
    return list(dict.fromkeys(found))
