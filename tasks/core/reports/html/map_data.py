"""What the page's map shows, as its script takes it: a set of layers for each CRS."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyproj
import shapely

from tasks.core.arrays import FloatArray, IntArray, ObjectArray
from tasks.core.product.layer import Column, Layer
from tasks.core.product.mapped_pixel import mapped_pixel_m
from tasks.core.reports.html.elements import head, one_line
from tasks.core.reports.html.map_plane import MapPlane
from tasks.core.reports.html.outlines import VERTICES, Outlines, thin_enough
from tasks.core.reports.html.pictures import Imagery
from tasks.core.reports.html.signs import (
    EXPOSURE,
    FLOOD_PCT,
    NOT_ASSESSED,
    TILES,
    TO_CHECK,
    UNSEEN_PCT,
    on_map,
    sign_of,
    title,
)

FEATURES = 20_000  # of a layer, which can be clicked on; a browser holds as many
PRECISION = 3
SHARES = 1_000  # a flooded share counts so much more than an unseen one


@dataclass(frozen=True, slots=True)
class MapSet:
    """The layers of one CRS.

    Attributes:
        plane: Where they lie.
        layers: In the order in which they are drawn.
        tolerance_m: How far their outlines on the map are from the exact ones, at most; 0 where they are exact.
        data: All of it for the page's script.
    """

    plane: MapPlane
    layers: tuple[Layer, ...]
    tolerance_m: float
    data: dict[str, Any]


def map_sets(layers: Sequence[Layer], imagery: Iterable[Imagery] = (), most: int = VERTICES) -> list[MapSet]:
    """A set for each CRS in which something has a place, that with most tiles first.

    Args:
        layers: Of the product.
        imagery: Pictures of the ground, at most one a CRS.
        most: Vertices of all sets together.
    """
    there = [layer for layer in on_map(layers) if layer.crs]
    crss = {str(layer.crs) for layer in there if layer.base == TILES and _has_place(layer)}
    groups = {crs: _group(crs, there, crss) for crs in crss}
    pictures = {picture.crs: picture for picture in imagery}
    ranks = place_ranks(layers)
    ordered = sorted(groups, key=lambda crs: (-_tiles(groups[crs]), crs))
    return [_set(crs, groups[crs], pictures.get(crs), ranks, most // len(groups)) for crs in ordered]


def place_ranks(layers: Sequence[Layer]) -> dict[tuple[str, int], int]:
    """The places to check of all CRSs in order: name of the layer and row, to their ranks from 1."""
    weights = [
        (-float(weight), layer.name, row)
        for layer in layers
        if layer.base == TO_CHECK
        for row, weight in enumerate(layer.columns["weight_m2"])
    ]
    return {(name, row): rank for rank, (_, name, row) in enumerate(sorted(weights), 1)}


def feature_name(layer: Layer, row: int) -> str:
    """By which a link of the page finds a feature on the map."""
    return f"{layer.name}:{row}"


def _group(crs: str, layers: Sequence[Layer], crss: Collection[str]) -> list[Layer]:
    """The layers of a CRS; and exposure, and layers of CRSs without tiles, as far as they lie there."""
    own = [layer for layer in layers if layer.crs == crs]
    bounds = shapely.total_bounds(np.concatenate([layer.geometries for layer in own if layer.base != EXPOSURE]))
    others = [layer for layer in layers if layer.base == EXPOSURE or layer.crs not in crss]
    foreign = {id(layer): _drawn_in(layer, crs, bounds) for layer in others}
    return [foreign.get(id(layer), layer) for layer in layers if layer.crs == crs or id(layer) in foreign]


def _drawn_in(layer: Layer, crs: str, bounds: FloatArray) -> Layer:
    """A layer in this CRS, to be looked at: its rows within bounds; where there are many, those that matter most."""
    to_map = pyproj.Transformer.from_crs(str(layer.crs), crs, always_xy=True)
    places = shapely.transform(layer.geometries, to_map.transform, interleaved=False)
    low, high = np.split(shapely.bounds(places), 2, axis=1)
    rows = np.flatnonzero(
        ((low <= bounds[2:]) & (high >= bounds[:2]) & np.isfinite(low) & np.isfinite(high)).all(axis=1)
    )
    if len(rows) > FEATURES:
        rows = np.sort(rows[np.argsort(-_sizes(layer)[rows], kind="stable")[:FEATURES]])
    columns = {name: values[rows] for name, values in layer.columns.items()}
    return Layer(layer.base, layer.geometry_type, crs, places[rows], columns, layer.suffix, len(layer) - len(rows))


def _has_place(layer: Layer) -> bool:
    return not bool((shapely.is_missing(layer.geometries) | shapely.is_empty(layer.geometries)).all())


def _tiles(layers: Iterable[Layer]) -> int:
    return sum(len(layer) for layer in layers if layer.base == "tiles")


def _set(
    crs: str, layers: Sequence[Layer], picture: Imagery | None, ranks: Mapping[tuple[str, int], int], most: int
) -> MapSet:
    ends = np.array([shapely.total_bounds(layer.geometries) for layer in layers if _has_place(layer)])
    bounds = (*ends[:, :2].min(axis=0).tolist(), *ends[:, 2:].max(axis=0).tolist())
    pixels = mapped_pixel_m(layers)
    plane = MapPlane.around(bounds, crs, pixels[0] if pixels else None)
    ground = [*(layer.geometries for layer in layers), unseen(layers)]
    (*outlines, hatched), tolerance = thin_enough([Outlines.of(geometries) for geometries in ground], plane.pixel, most)
    found = [_layer(layer, lines, plane, ranks) for layer, lines in zip(layers, outlines, strict=True)]
    for data in found:
        if data["base"] == NOT_ASSESSED:
            data["others"] += hatched.to_lists(plane)[0]
    data = {
        **plane.to_dict(),
        "picture": None if picture is None else picture.to_dict(plane),
        "layers": found,
    }
    return MapSet(plane, tuple(layers), tolerance * plane.unit_m, data)


def unseen(layers: Iterable[Layer]) -> ObjectArray:
    """Ground of one CRS that is not assessed and that no tile has observed, as one geometry."""
    kinds = {layer.base: layer.geometries for layer in layers}
    none = np.empty(0, np.object_)
    lost, observed = (shapely.union_all(kinds.get(base, none)) for base in (NOT_ASSESSED, "area_observed"))
    return np.array([shapely.difference(lost, observed)], np.object_)


def _layer(layer: Layer, outlines: Outlines, plane: MapPlane, ranks: Mapping[tuple[str, int], int]) -> dict[str, Any]:
    features = outlines.to_lists(plane)
    rows = _own_rows(layer)
    others = set(range(len(layer))) - set(rows.tolist())
    data = {
        "name": layer.name,
        "base": layer.base,
        "title": title(layer),
        "sign": sign_of(layer).to_dict(),
        "rows": rows.tolist(),
        "features": [features[row] for row in rows],
        "others": [part for row in sorted(others) for part in features[row]],
        "heads": [head(name) for name in layer.columns],
        "columns": [_values(values[rows]) for values in layer.columns.values()],
        "names": list(layer.columns),
    }
    if layer.base == TO_CHECK:
        data["ranks"] = [ranks[layer.name, row] for row in rows.tolist()]
    return data


def _own_rows(layer: Layer) -> IntArray:
    """The rows that can be clicked on: all, or those of the largest areas."""
    rows = np.arange(len(layer))
    if len(layer) <= FEATURES:
        return rows
    return np.asarray(np.sort(np.argsort(-_sizes(layer), kind="stable")[:FEATURES]), np.int64)


def _sizes(layer: Layer) -> FloatArray:
    """What is kept where a browser could not hold all: of exposure what is flooded, then what nobody knows of."""
    if FLOOD_PCT in layer.columns:
        flooded, unseen = (
            np.nan_to_num(np.asarray(layer.columns[name], np.float64)) for name in (FLOOD_PCT, UNSEEN_PCT)
        )
        return np.asarray(flooded * SHARES + unseen)
    known = layer.columns.get("area_m2")
    sizes = shapely.area(layer.geometries) if known is None else np.asarray(known, np.float64)
    return np.asarray(np.nan_to_num(sizes))


def _values(column: Column) -> list[Any] | dict[str, list[Any]]:
    """Numbers one by one; texts once each, and which of them a row has; what is the same in all rows once."""
    found = [_number(value) for value in column.tolist()]
    texts = list(dict.fromkeys(found))
    if len(found) > 1 and len(texts) == 1:
        return {"values": [_shown(texts[0])]}
    if column.dtype != np.object_:
        return found
    places = {value: place for place, value in enumerate(texts)}
    return {"values": [_shown(value) for value in texts], "at": [places[value] for value in found]}


def _number(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, PRECISION) if math.isfinite(value) else None
    return value


def _shown(value: Any) -> Any:
    return value if isinstance(value, int | float | None) else one_line(str(value))


def placed_rows(layers: Sequence[Layer], base: str) -> Iterator[tuple[Layer, int]]:
    """Layer and row of each feature of a kind that is on the map."""
    for layer in layers:
        if layer.base == base and layer.crs:
            yield from ((layer, int(row)) for row in np.flatnonzero(~shapely.is_missing(layer.geometries)))
