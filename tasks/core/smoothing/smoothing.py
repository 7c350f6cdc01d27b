"""Copies of the extent and its neighbours without pixel steps, for maps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely

from tasks.core.arrays import BoolMask, ObjectArray
from tasks.core.errors import UnusableArgument
from tasks.core.geo.areas import ellipsoidal_area_m2
from tasks.core.geo.reprojection import metres_per_unit
from tasks.core.product.layer import Column, Layer
from tasks.core.product.mapped_pixel import mapped_pixel_m
from tasks.core.smoothing.corners import CUT, ROUNDED, Scale, cut, rounded
from tasks.core.smoothing.dropping import DROPPED, dropped
from tasks.core.smoothing.hausdorff import hausdorff_distance
from tasks.core.smoothing.outlines import Outlines, outlines, vertices
from tasks.core.smoothing.proof import OutlineProof, Proof
from tasks.core.smoothing.soundness import unsound

BOUNDS = {"simplify": CUT + DROPPED, "smooth": CUT + DROPPED + ROUNDED}  # pixels that an outline may be displaced by
SMOOTHED = {
    "flood_extent": "smoothed_extent",
    "normal_water": "smoothed_normal_water",
    "flood_trace": "smoothed_trace",
    "excluded": "smoothed_excluded",
}
KEPT = ("flood_id", "reason")  # columns by which a smoothed polygon and its exact one are known to be the same
PRECISION_M = 1e-3  # of the largest displacement


def smoothed(layers: Sequence[Layer], method: str) -> tuple[list[Layer], Proof]:
    """Smooth the extent and, where they are there, normal water, trace and excluded water, as one coverage.

    Neighbours keep their shared edges, no polygon and no hole is lost, and what runs along the edge of the observed
    ground stays there. The result depends on the exact polygons alone, not on tiles or their order.

    Args:
        layers: Those of the product, as assembled; they stay as they are.
        method: ``simplify``: straight lines in place of pixel steps, with fewer vertices; ``smooth``: with corners
            rounded, too.

    Returns:
        For each CRS ``smoothed_extent`` and, likewise, ``smoothed_normal_water``, ``smoothed_trace``,
        ``smoothed_excluded``, each polygon in the place of its exact one, with its ``area_m2`` and by how much that is
        more than the exact one's, ``err_m2``; and what it has cost.

    Raises:
        UnusableArgument: There is no such method.
    """
    if method not in BOUNDS:
        raise UnusableArgument(f"smoothing: {method} is no method. Use one of: {', '.join(BOUNDS)}")
    made, proofs = [], []
    for suffix in (layer.suffix for layer in layers if layer.base == "flood_extent"):
        here = {layer.base: layer for layer in layers if layer.suffix == suffix}
        copies, proof = _of_crs(here, method)
        made += copies
        proofs.append(proof)
    return made, Proof(method, tuple(proofs))


def _of_crs(here: dict[str, Layer], method: str) -> tuple[list[Layer], OutlineProof]:
    classes = [here[base] for base in SMOOTHED if base in here]
    polygons = np.concatenate([layer.geometries for layer in classes])
    crs, observed = str(classes[0].crs), here["area_observed"].geometries
    pixel_m = _pixel_m(here["tiles"]) if len(polygons) else 0.0
    change = _change(polygons, observed, crs, pixel_m, method) if len(polygons) else _Change(polygons, polygons)
    ends = np.cumsum([len(layer) for layer in classes])[:-1]
    copies = [_copy(layer, part) for layer, part in zip(classes, np.split(change.after, ends), strict=True)]
    return copies, _proof(classes[0], copies[0], change, pixel_m, method)


def _pixel_m(tiles: Layer) -> float:
    """Side of the largest mapped pixel, to three digits: the projection's scale differs from tile to tile."""
    sides = mapped_pixel_m([tiles])
    if sides is None:
        raise ValueError(f"{tiles.name}: no tile says how large its mapped pixels are")
    return float(f"{sides[1]:.3g}")


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    before: ObjectArray
    after: ObjectArray
    left_exact: int = 0
    displacement_m: float = 0.0
    is_sound: bool = True


def _change(polygons: ObjectArray, observed: ObjectArray, crs: str, pixel_m: float, method: str) -> _Change:
    west, south, east, north = shapely.total_bounds(polygons)
    middle = np.array([[(west + east) / 2, (south + north) / 2]])
    scale = Scale(crs, metres_per_unit(middle, crs)[0], pixel_m, vertices(observed))
    exact = outlines(polygons, observed, crs)
    found, left_exact, bad = _without_steps(exact, scale, method)
    lines = [(one.points[one.edges] - middle) * scale.metres for one in (exact, found)]
    displacement_m = hausdorff_distance(lines[0], lines[1], BOUNDS[method] * pixel_m, PRECISION_M)
    after = np.where(bad, polygons, found.polygons())
    return _Change(polygons, after, int(left_exact.sum()), displacement_m, not bad.any())


def _without_steps(exact: Outlines, scale: Scale, method: str) -> tuple[Outlines, BoolMask, BoolMask]:
    """Smooth outlines; polygons left exact, as rounding would spoil them; those that were unsound before."""
    polygon_at = exact.polygon_of[exact.ring_of]
    left_exact = np.zeros(int(exact.polygon_of.max()) + 1, np.bool_)
    while True:
        held = exact.held.copy()
        held[exact.at[left_exact[polygon_at]]] = True
        found = dropped(cut(replace(exact, held=held), scale), scale)
        if method == "smooth":
            found = rounded(found, scale)
        bad = unsound(found)
        if not (bad & ~left_exact).any():
            return found, left_exact, bad
        left_exact |= bad


def _copy(layer: Layer, geometries: ObjectArray) -> Layer:
    areas = ellipsoidal_area_m2(geometries, str(layer.crs))
    columns: dict[str, Column] = {name: layer.columns[name] for name in KEPT if name in layer.columns}
    columns["area_m2"] = areas
    columns["err_m2"] = areas - np.asarray(layer.columns["area_m2"], np.float64)
    return Layer(SMOOTHED[layer.base], "Polygon", layer.crs, geometries, columns, layer.suffix)


def _proof(exact: Layer, copy: Layer, change: _Change, pixel_m: float, method: str) -> OutlineProof:
    area_m2, error_m2 = (float(np.sum(values)) for values in (exact.columns["area_m2"], copy.columns["err_m2"]))
    counts = [_counts(polygons) for polygons in (change.before, change.after)]
    return OutlineProof(
        layer=copy.name,
        pixel_m=pixel_m,
        bound_m=BOUNDS[method] * pixel_m,
        displacement_m=change.displacement_m,
        area_m2=area_m2,
        smoothed_m2=area_m2 + error_m2,
        error_percent=100 * error_m2 / area_m2 if area_m2 else 0.0,
        polygons=counts[0][0],
        smoothed_polygons=counts[1][0],
        holes=counts[0][1],
        smoothed_holes=counts[1][1],
        vertices=counts[0][2],
        smoothed_vertices=counts[1][2],
        left_exact=change.left_exact,
        is_valid=change.is_sound,
    )


def _counts(polygons: ObjectArray) -> tuple[int, int, int]:
    """How many polygons, holes, and vertices, without those that close a ring."""
    holes = int(shapely.get_num_interior_rings(polygons).sum())
    closing = len(polygons) + holes
    return len(polygons), holes, int(shapely.get_num_coordinates(polygons).sum()) - closing
