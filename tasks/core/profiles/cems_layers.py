"""The layers of a product as Copernicus EMS Rapid Mapping names and types them, in EPSG:4326.

There, no event means no event only on the ground that an image shows, in the area of interest, and that was analysed:
(``imageFootprintA`` ∩ ``areaOfInterestA``) - ``notAnalysedA``. So ``notAnalysedA`` is all ground of the frames that was
not observed: tiles that failed, padding, and what the model left open.

Source: Copernicus EMS Rapid Mapping, online manual, vector package, groups A and B (2020); field ``area`` in hectares.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import shapely

from tasks.core.arrays import ObjectArray
from tasks.core.geo.areas import M2_PER_HECTARE, ellipsoidal_area_m2
from tasks.core.geo.precision import round_coordinates
from tasks.core.geo.reprojection import reproject
from tasks.core.joining.uniting import as_multipolygons
from tasks.core.product.assessment import objects
from tasks.core.product.edition import CaptureTime, Edition, Precision, Source
from tasks.core.product.layer import Column, Layer, table

WGS84 = "EPSG:4326"
NOT_AVAILABLE = "Not available"  # of texts that the tables want and nobody knows
FOOTPRINT, NOT_ANALYSED, NO_METHOD = "Image footprint", "Not analysed", "Not applicable"
WHY = "no answer of the model, padding of a frame, or left open by the model"


def cems_layers(layers: Sequence[Layer], edition: Edition) -> list[Layer]:
    """``observedEventA``, ``areaOfInterestA``, ``imageFootprintA``, ``notAnalysedA`` and the table ``source``.

    Args:
        layers: Of the product, with the attributes of ``attributes.described``.
        edition: Whose product it is.
    """
    footprints = _footprints(layers, edition.sources)
    shown = _ground(footprints.geometries)
    given = [geometry for layer in _of(layers, "area_of_interest") for geometry in _in_degrees(layer)]
    area = _ground(given) if given else shown
    observed = _ground(geometry for layer in _of(layers, "area_observed") for geometry in _in_degrees(layer))
    missing = shapely.difference(shapely.intersection(shown, area), observed)
    return [
        _observed_event(_of(layers, "flood_extent")),
        _area_of_interest(area, edition),
        footprints,
        _not_analysed(missing),
        _source(edition.sources),
    ]


def _of(layers: Sequence[Layer], base: str) -> list[Layer]:
    return [layer for layer in layers if layer.base == base]


def _in_degrees(layer: Layer) -> ObjectArray:
    """(n,) valid multipolygons on the lattice of 1e-9 degrees; missing places stay None."""
    there = ~shapely.is_missing(layer.geometries)
    found = np.full(len(layer), None, np.object_)
    if layer.crs is None or not there.any():
        return found
    moved = reproject(layer.geometries[there], layer.crs, WGS84)
    rounded = shapely.transform(moved, lambda points: round_coordinates(points, WGS84))
    broken = ~shapely.is_valid(rounded)
    rounded[broken] = shapely.make_valid(rounded[broken], method="structure", keep_collapsed=False)
    found[there] = as_multipolygons(rounded)
    return found


def _ground(geometries: Iterable[object]) -> shapely.MultiPolygon:
    present = [one for one in geometries if one is not None]
    united = shapely.union_all(objects(present)) if present else shapely.MultiPolygon()
    ground: shapely.MultiPolygon = as_multipolygons(objects([united]))[0]
    return ground


def _observed_event(extents: Sequence[Layer]) -> Layer:
    """One feature a polygon; the area is that on the ellipsoid of the imagery's CRS."""
    geometries = [geometry for layer in extents for geometry in _in_degrees(layer)]

    def joined(name: str) -> list[object]:
        return [value for layer in extents for value in layer.columns[name].tolist()]

    texts = ("event_type", "obj_desc", "det_method", "notation")
    sources = np.ma.masked_array(
        np.array([0 if one is None else one for one in joined("src_id")], np.int64),
        np.array([one is None for one in joined("src_id")], np.bool_),
    )
    columns: dict[str, Column] = {
        **{name: objects(joined(name)) for name in texts},
        "dmg_src_id": sources,
        "area": np.array(joined("area_m2"), np.float64) / M2_PER_HECTARE,
    }
    return Layer("observedEventA", "MultiPolygon", WGS84, objects(geometries), columns)


def _area_of_interest(area: shapely.MultiPolygon, edition: Edition) -> Layer:
    geometries = objects([area] if not area.is_empty else [])
    name = edition.area_of_interest or edition.title
    columns: dict[str, Column] = {
        "name": objects([name] * len(geometries)),
        "emsr_id": objects([edition.event.id] * len(geometries)),
        "aoi_id": np.ones(len(geometries), np.int64),
        "area": ellipsoidal_area_m2(geometries, WGS84) / M2_PER_HECTARE,
    }
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


def _not_analysed(ground: shapely.Geometry) -> Layer:
    parts = as_multipolygons(shapely.get_parts(as_multipolygons(objects([ground]))))
    columns: dict[str, Column] = {
        "obj_type": objects([NOT_ANALYSED] * len(parts)),
        "det_method": objects([NO_METHOD] * len(parts)),
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
