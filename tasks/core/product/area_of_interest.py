"""The area of interest: which frames lie outside it, tiles without what lies outside, and an account of all of it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import shapely
from shapely import MultiPolygon

from tasks.core.arrays import ObjectArray
from tasks.core.errors import UnusableArgument
from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.geo.precision import STEP_M, step
from tasks.core.geo.reprojection import is_ballpark, reproject
from tasks.core.given_areas.given_areas import GivenArea, GivenAreas
from tasks.core.given_areas.mask import Mask
from tasks.core.joining.uniting import as_multipolygons
from tasks.core.product.assessment import footprint, objects, place
from tasks.core.product.layer import AnsweredTile, Column, FailedTile, Layer
from tasks.core.product.places import Places
from tasks.core.tiles.tile import Tile

AREA_OF_INTEREST = "area_of_interest"


def frames_outside(tiles: Sequence[Tile], area: GivenArea) -> frozenset[str]:
    """Ids of the tiles that share no ground with the area of interest: they need not be fetched.

    By the ground that each header gives, which listing has read: of a frame in S3 that was a request for its first
    bytes. A tile whose place is not known stays.

    Raises:
        UnusableArgument: The area shares no ground with any tile whose place is known.
    """
    outside = _without_ground(tiles, area)
    placed = [tile for tile in tiles if tile.grid is not None]
    if placed and len(outside) == len(placed):
        raise UnusableArgument(
            f"{area.name}: no frame of the dataset shows this {AREA_OF_INTEREST}. Check the file, and its CRS "
            f"({_short(area.crs)})"
        )
    return outside


def doubts(tiles: Sequence[Tile], given: GivenAreas) -> list[str]:
    """What is odd about the areas that were given, a sentence each; ``tiles`` are those of the dataset."""
    placed = [tile for tile in tiles if tile.grid is not None]
    found = []
    for area in given.files:
        if placed and area is not given.area_of_interest and len(_without_ground(tiles, area)) == len(placed):
            found.append(f"{area.name}: {area.parameter} touches none of the frames. Is it the right file?")
        if area.left_out:
            found.append(f"{area.name}: {area.left_out} features of {area.parameter} are no polygons and were left out")
        found += [
            f"{area.name}: the shift from its CRS ({_short(area.crs)}) to {_short(crs)} is not known on this machine; "
            f"{area.parameter} may lie up to some hundred metres off. Reproject it with a GIS first"
            for crs in sorted({tile.grid.crs for tile in placed if tile.grid is not None})
            if is_ballpark(area.crs, crs)
        ]
    return found


def _without_ground(tiles: Sequence[Tile], area: GivenArea) -> frozenset[str]:
    grids = {tile.id: tile.grid for tile in tiles if tile.grid is not None}
    found: set[str] = set()
    for crs in {grid.crs for grid in grids.values()}:
        names = [name for name, grid in grids.items() if grid.crs == crs]
        frames = objects([footprint(grids[name]) for name in names])
        polygons = area.in_crs(crs, tuple(shapely.total_bounds(frames).tolist())).polygons
        shapely.prepare(polygons)
        frame, polygon = shapely.STRtree(polygons).query(frames, predicate="intersects")
        share = ~shapely.touches(polygons[polygon], frames[frame])
        found |= set(names) - {names[number] for number in frame[share]}
    return frozenset(found)


def _short(crs: str) -> str:
    return crs if crs.startswith("EPSG:") else crs.partition(",")[0].replace("[", " ")


def answered_in(tiles: Sequence[AnsweredTile], area: Mask) -> list[AnsweredTile]:
    """Answered tiles of which what was observed and what was not assessed ends at the area of interest."""
    observed = _cut([tile.extent.observed for tile in tiles], area)
    unassessed = _cut([tile.extent.unassessed for tile in tiles], area)
    return [
        replace(tile, extent=replace(tile.extent, observed=seen, unassessed=unseen))
        for tile, seen, unseen in zip(tiles, observed, unassessed, strict=True)
    ]


def failed_in(tiles: Sequence[FailedTile], area: Mask) -> list[FailedTile]:
    """Failed tiles of which the ground ends at the area of interest, without those whose ground lies outside.

    Those whose place is not known stay.
    """
    unknown = [tile for tile in tiles if place(tile) is None]
    placed = [tile for tile in tiles if place(tile) is not None]
    grounds = _cut([tile.area or MultiPolygon() for tile in placed], area)
    return unknown + [
        replace(tile, area=ground) for tile, ground in zip(placed, grounds, strict=True) if not ground.is_empty
    ]


def places_in(places: Places, area: Mask) -> Places:
    """Places to check without what of them lies outside."""
    return replace(places, geometries=objects(_cut(list(places.geometries), area)))


def _cut(grounds: Sequence[object], area: Mask) -> list[MultiPolygon]:
    """Multipolygons without what lies outside; one of which nothing does comes back as it is."""
    parts, owner = shapely.get_parts(objects(grounds), return_index=True)
    inside = area.inside(parts)
    clipped = np.full(len(grounds), MultiPolygon(), np.object_)
    shapely.multipolygons(inside.polygons, indices=owner[inside.owner], out=clipped)
    return list(clipped)


def area_of_interest_layers(area: GivenArea, layers: Sequence[Layer], suffixes: dict[str, str]) -> list[Layer]:
    """A row a CRS, which together are the area of interest once, however many CRSs show the same ground.

    What was observed counts in the first CRS in which it was; what was seen but not answered, in the first in which it
    lies, where none observed it; the rest, which no frame shows, in the first of all.

    Args:
        area: As it was given.
        layers: Those of the product, with ``area_observed`` and ``not_assessed`` of each CRS, clipped to the area.
        suffixes: Of the layers' names by CRS, in order.
    """
    names = [crs for crs in suffixes if crs]
    observed, unanswered = (_of(layers, base, names) for base in ("area_observed", "not_assessed"))
    rows = []
    for number, crs in enumerate(names):
        everywhere = _moved(observed, names, crs)
        seen = _minus(observed[crs], _moved(observed, names[:number], crs), crs)
        unseen = _minus(unanswered[crs], _union([everywhere, _moved(unanswered, names[:number], crs)], crs), crs)
        rest = MultiPolygon()
        if number == 0:
            ground = _united(area.in_crs(crs).polygons, crs)
            rest = _minus(ground, _union([everywhere, _moved(unanswered, names, crs)], crs), crs)
        rows.append(_row([seen, unseen, rest], crs, suffixes[crs]))
    return rows or [_row([MultiPolygon()] * 3, "", suffixes.get("", ""))]


def _row(areas: Sequence[object], crs: str, suffix: str) -> Layer:
    observed, unanswered, outside = ellipsoidal_area_m2(as_multipolygons(objects(areas)), crs).tolist()
    ground = as_multipolygons(objects([_union(areas, crs)]))
    columns: dict[str, Column] = {
        "area_m2": np.array([observed + unanswered + outside]),
        "observed_m2": np.array([observed]),
        "unanswered_m2": np.array([unanswered]),
        "outside_m2": np.array([outside]),
    }
    return Layer(AREA_OF_INTEREST, "MultiPolygon", crs or None, ground, columns, suffix)


def _of(layers: Sequence[Layer], base: str, names: Sequence[str]) -> dict[str, object]:
    """The ground of the layers of a name, by CRS."""
    nothing: dict[str, object] = dict.fromkeys(names, MultiPolygon())
    return nothing | {
        str(layer.crs): _united(layer.geometries, str(layer.crs))
        for layer in layers
        if layer.base == base and layer.crs is not None
    }


def _moved(grounds: dict[str, object], names: Sequence[str], crs: str) -> object:
    """The ground of some CRSs in one, to the step of coordinates: what is taken from there must not be missing here."""
    moved = [reproject(as_multipolygons(objects([grounds[name]])), name, crs, STEP_M) for name in names]
    return _united(np.concatenate([np.empty(0, np.object_), *moved]), crs)


def _united(polygons: ObjectArray, crs: str) -> object:
    return shapely.union_all(polygons, grid_size=step(crs))


def _union(areas: Sequence[object], crs: str) -> object:
    return _united(objects(areas), crs) if crs else MultiPolygon()


def _minus(area: object, other: object, crs: str) -> object:
    return area if shapely.is_empty(other) else shapely.difference(area, other, grid_size=step(crs))
