"""The layers of a product as Copernicus EMS Rapid Mapping names and types them, in EPSG:4326.

There, no event means no event only on the ground that an image shows, in the area of interest, and that was analysed:
(``imageFootprintA`` ∩ ``areaOfInterestA``) - ``notAnalysedA``. So ``notAnalysedA`` is all ground of the frames that was
not observed: tiles that failed, padding, and what the model left open. What the product has as normal water, or as wet
before and dry now, is no event; Copernicus EMS calls something else a flood trace, namely what a flood left behind.

Sources: Joint Research Centre, Manual for CEMS Rapid Mapping Products (JRC121741, 2020) and its online edition, vector
package, groups A and B, and domains; fields of ``areaOfInterestA`` and names of ``notAnalysedA`` as in deliveries of
2023 to 2026, in which it has become a layer of its own.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import shapely

from tasks.core.arrays import IntArray, ObjectArray
from tasks.core.geo.areas import M2_PER_HECTARE, ellipsoidal_area_m2
from tasks.core.geo.precision import STEP_M, round_coordinates, step
from tasks.core.geo.reprojection import reproject
from tasks.core.joining.uniting import as_multipolygons
from tasks.core.product.assessment import objects
from tasks.core.product.attributes import ANY_FLOOD
from tasks.core.product.edition import CaptureTime, Edition, Precision, Source
from tasks.core.product.layer import Column, Layer, table
from tasks.core.profiles.one_ground import apart

WGS84 = "EPSG:4326"
# Of ground that is put together: 1 mm. Lines that are the same in the imagery's CRS come to lie some 0.1 mm apart.
GRID_DEGREES = 1e-8
# Strips this thin, 1 cm, are no ground: an area of interest is followed into each CRS of the frames to no less.
STRIP_DEGREES = 1e-7

NOT_AVAILABLE = "Not available"  # of texts that the tables want and nobody knows
FOOTPRINT, NOT_ANALYSED, DELINEATION = "Image Footprint", "Not Analysed", "Delineation"
AREA_ID = "01"
WHY = "No answer of the model, padding of a frame, or left open by the model"
# GLIDE numbers: hazard, year, serial number, country.
GLIDE = re.compile(r"[A-Z]{2}-\d{4}-\d{6}-[A-Z]{3}")


class Ground(NamedTuple):
    """What of the ground is what, each a multipolygon in EPSG:4326, valid.

    Attributes:
        area: The area of interest; where none was given, all that the frames show.
        missing: Of what the frames show of it, what was not observed.
        unseen: Of it, what no frame shows.
    """

    area: shapely.MultiPolygon
    missing: shapely.MultiPolygon
    unseen: shapely.MultiPolygon


class CemsLayers(NamedTuple):
    """The five layers, and the ground that no frame shows, which none of them has."""

    observed_event: Layer
    area_of_interest: Layer
    image_footprint: Layer
    not_analysed: Layer
    source: Layer
    unseen_ha: float


def cems_layers(layers: Sequence[Layer], edition: Edition) -> CemsLayers:
    """``observedEventA``, ``areaOfInterestA``, ``imageFootprintA``, ``notAnalysedA`` and the table ``source``.

    Args:
        layers: Of the product, with the attributes of ``attributes.described``. Those without a CRS have no place.
        edition: Whose product it is.

    Raises:
        ValueError: A vertex has no place in EPSG:4326.
    """
    footprints = _footprints(layers, edition.sources)
    ground = _ground(layers, footprints)
    return CemsLayers(
        _observed_event(_of(layers, "flood_extent")),
        _area_of_interest(ground.area, edition),
        footprints,
        _not_analysed(ground.missing),
        _source(edition.sources),
        hectares([ground.unseen]),
    )


def hectares(geometries: Sequence[object]) -> float:
    """On the ellipsoid, of polygons in EPSG:4326, all together."""
    return float(ellipsoidal_area_m2(objects(geometries), WGS84).sum()) / M2_PER_HECTARE


def _of(layers: Sequence[Layer], base: str) -> list[Layer]:
    return [layer for layer in layers if layer.base == base]


def _ground(layers: Sequence[Layer], footprints: Layer) -> Ground:
    shown = _united(footprints.geometries)
    given = [geometry for layer in _of(layers, "area_of_interest") for geometry in _in_degrees(layer)]
    area = _united(given) if given else shown
    observed = _united(geometry for layer in _of(layers, "area_observed") for geometry in _in_degrees(layer))
    # Where two polygons only touch they share lines, with which nothing can be computed further.
    (seen,) = as_multipolygons(objects([shapely.intersection(shown, area, grid_size=GRID_DEGREES)]))
    missing = shapely.difference(seen, observed, grid_size=GRID_DEGREES)
    unseen = shapely.difference(area, shown, grid_size=GRID_DEGREES)
    return Ground(area, *as_multipolygons(objects([missing, unseen]), STRIP_DEGREES))


def _united(geometries: Iterable[object]) -> shapely.MultiPolygon:
    present = [one for one in geometries if one is not None]
    united: shapely.MultiPolygon
    (united,) = as_multipolygons(objects([shapely.union_all(objects(present), grid_size=GRID_DEGREES)]))
    return united


def _in_degrees(layer: Layer) -> ObjectArray:
    """(n,) valid multipolygons on the lattice of 1e-9 degrees; missing places stay None."""
    there = ~shapely.is_missing(layer.geometries)
    found = np.full(len(layer), None, np.object_)
    if layer.crs is None or not there.any():
        return found
    moved = reproject(layer.geometries[there], layer.crs, WGS84, STEP_M)
    rounded = shapely.transform(moved, lambda points: round_coordinates(points, WGS84))
    broken = ~shapely.is_valid(rounded)
    whole = shapely.make_valid(rounded[broken], method="structure", keep_collapsed=False)
    rounded[broken] = shapely.set_precision(whole, step(WGS84))
    found[there] = as_multipolygons(rounded)
    return found


def _observed_event(extents: Sequence[Layer]) -> Layer:
    """One feature a polygon; its area is that on the ellipsoid of the imagery's CRS.

    Where frames of two CRSs saw the same flood it counts in the first: no two polygons overlap.
    """
    degrees = [_in_degrees(layer) for layer in extents]
    geometries, is_cut = apart(degrees, GRID_DEGREES, STRIP_DEGREES)
    areas_m2 = np.concatenate([np.empty(0), *(np.asarray(layer.columns["area_m2"]) for layer in extents)])
    areas_m2[is_cut] = ellipsoidal_area_m2(geometries[is_cut], WGS84)
    columns: dict[str, Column] = {
        **{name: _texts(extents, name) for name in ("event_type", "obj_desc", "det_method", "notation")},
        "dmg_src_id": _ids(extents),
        "area": areas_m2 / M2_PER_HECTARE,
    }
    columns["obj_desc"][columns["obj_desc"] == ANY_FLOOD] = NOT_AVAILABLE
    kept = ~shapely.is_empty(geometries)
    return Layer(
        "observedEventA", "MultiPolygon", WGS84, geometries[kept], {key: one[kept] for key, one in columns.items()}
    )


def _texts(extents: Sequence[Layer], name: str) -> ObjectArray:
    return np.concatenate([np.empty(0, np.object_), *(layer.columns[name] for layer in extents)])


def _ids(extents: Sequence[Layer]) -> IntArray:
    """(n,) number of the frame that saw most of each polygon; masked where none did."""
    columns = [layer.columns["src_id"] for layer in extents]
    values = np.concatenate([np.empty(0, np.int64), *(np.ma.getdata(one) for one in columns)])
    masks = np.concatenate([np.empty(0, np.bool_), *(np.ma.getmaskarray(one) for one in columns)])
    return np.ma.masked_array(values, masks)


def _area_of_interest(area: shapely.MultiPolygon, edition: Edition) -> Layer:
    geometries = objects([area] if not area.is_empty else [])
    event = edition.event.id or NOT_AVAILABLE
    texts = {
        "emsr_id": event,
        "glide_no": event if GLIDE.fullmatch(event) else NOT_AVAILABLE,
        "area_id": AREA_ID,
        "locality": edition.area_of_interest or edition.title,
        "map_type": DELINEATION,
    }
    columns: dict[str, Column] = {name: objects([text] * len(geometries)) for name, text in texts.items()}
    return Layer("areaOfInterestA", "MultiPolygon", WGS84, geometries, columns)


def _footprints(layers: Sequence[Layer], sources: Sequence[Source]) -> Layer:
    """One feature a frame whose place is known, also of frames without an answer."""
    ids = {one.tile: one.src_id for one in sources}
    rows = [
        (ids[tile], geometry)
        for layer in _of(layers, "tiles")
        for tile, geometry in zip(layer.columns["tile"].tolist(), _in_degrees(layer), strict=True)
        if geometry is not None
    ]
    rows.sort(key=lambda row: row[0])
    columns: dict[str, Column] = {
        "obj_type": objects([FOOTPRINT] * len(rows)),
        "or_src_id": np.array([src_id for src_id, _ in rows], np.int64),
    }
    return Layer("imageFootprintA", "MultiPolygon", WGS84, objects([geometry for _, geometry in rows]), columns)


def _not_analysed(ground: shapely.MultiPolygon) -> Layer:
    """One feature a connected part."""
    parts = as_multipolygons(shapely.get_parts(ground))
    columns: dict[str, Column] = {
        "obj_type": objects([NOT_ANALYSED] * len(parts)),
        "notation": objects([WHY] * len(parts)),
        "area": ellipsoidal_area_m2(parts, WGS84) / M2_PER_HECTARE,
    }
    return Layer("notAnalysedA", "MultiPolygon", WGS84, parts, columns)


def _source(sources: Sequence[Source]) -> Layer:
    """A row a frame: dates as dd/mm/yyyy, times as Thh:mm:ssZ; neither of a frame of which the month alone is known."""
    columns: dict[str, Column] = {
        "source_nam": objects([one.sensor or one.tile for one in sources]),
        "src_date": objects([_date(one.captured) for one in sources]),
        "source_tm": objects([_time(one.captured) for one in sources]),
        "sensor_gsd": objects([NOT_AVAILABLE if one.gsd_m is None else f"{one.gsd_m:.3g} m" for one in sources]),
        "eventphase": objects([one.phase.value for one in sources]),
        "src_id": np.array([one.src_id for one in sources], np.int64),
    }
    return table("source", columns)


def _date(time: CaptureTime | None) -> str:
    return NOT_AVAILABLE if time is None or time.precision is Precision.MONTH else time.start.strftime("%d/%m/%Y")


def _time(time: CaptureTime | None) -> str:
    return NOT_AVAILABLE if time is None or time.time is None else time.start.strftime("T%H:%M:%SZ")
