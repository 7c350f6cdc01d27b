"""The product's ground in one plane: where flood was found, what was seen, and what was not assessed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from tasks.core.arrays import FloatArray, ObjectArray
from tasks.core.exposure.equal_area_plane import Plane, plane_around
from tasks.core.exposure.pieces import Pieces, pieces_of, without
from tasks.core.exposure.window import window_of
from tasks.core.geo.precision import STEP_M
from tasks.core.joining.uniting import as_multipolygons, unite
from tasks.core.product.layer import Layer

FLOOD, OBSERVED, NOT_ASSESSED = "flood_extent", "area_observed", "not_assessed"


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What a product says of the ground, all its CRSs together; where it is in none of these, it says nothing.

    Attributes:
        plane: That its geometries lie in.
        flood: Where any tile found flood.
        seen: Where any tile was answered, and all flood, also where somebody has drawn it elsewhere.
        not_assessed: Ground of the layer ``not_assessed`` that no tile saw.
        places: Its bounds, as ``bounds_of`` has them.
    """

    plane: Plane
    flood: Pieces
    seen: Pieces
    not_assessed: Pieces
    places: Sequence[tuple[str, FloatArray]]

    def window(self, crs: str) -> BaseGeometry | None:
        """Where it lies, in another CRS, with a margin."""
        return window_of(self.places, crs)


def ground_of(layers: Sequence[Layer]) -> Ground | None:
    """The ground of a product, of its layers flood_extent, area_observed and not_assessed; None where it has no place.

    Flood in any tile or zone wins over none there, and what any of them saw over what others did not.
    """
    places = bounds_of(layers)
    if not places:
        return None
    plane = plane_around(*places[0])
    flood = pieces_of(_united(layers, FLOOD, plane))
    observed = pieces_of(_united(layers, OBSERVED, plane))
    drawn_elsewhere = without(flood.polygons, observed, STEP_M)
    seen = Pieces(np.concatenate([observed.polygons, drawn_elsewhere])) if len(drawn_elsewhere) else observed
    not_assessed = pieces_of(_united(layers, NOT_ASSESSED, plane))
    return Ground(plane, flood, seen, Pieces(without(not_assessed.polygons, seen, STEP_M)), places)


def bounds_of(layers: Sequence[Layer]) -> list[tuple[str, FloatArray]]:
    """Where a product lies: each CRS once, with (4,) west, south, east, north in its units."""
    found: dict[str, ObjectArray] = {}
    for layer in _of(layers, FLOOD, OBSERVED, NOT_ASSESSED):
        found[str(layer.crs)] = np.concatenate([found.get(str(layer.crs), np.empty(0, np.object_)), layer.geometries])
    return [
        (crs, bounds)
        for crs, geometries in found.items()
        if np.isfinite(bounds := np.asarray(shapely.total_bounds(geometries), np.float64)).all()
    ]


def _of(layers: Sequence[Layer], *bases: str) -> Iterator[Layer]:
    return (layer for layer in layers if layer.base in bases and layer.crs is not None)


def _united(layers: Sequence[Layer], base: str, plane: Plane) -> ObjectArray:
    """Polygons of a layer in all its CRSs that overlap nowhere."""
    parts, source_of = [np.empty(0, np.object_)], [np.empty(0, np.int64)]
    sources = 0
    for layer in _of(layers, base):
        projected = as_multipolygons(plane.project(layer.geometries, str(layer.crs)))
        polygons, feature_of = shapely.get_parts(projected, return_index=True)
        # Features of one layer lie apart; but tiles that were not assessed may overlap.
        is_apart = base != NOT_ASSESSED
        parts.append(polygons)
        source_of.append(sources + (np.zeros(len(polygons), np.int64) if is_apart else feature_of))
        sources += 1 if is_apart else len(layer)
    return unite(np.concatenate(parts), np.concatenate(source_of))
