"""What smoothing has cost, for run.json."""

from dataclasses import dataclass

from tasks.core.record import Record


@dataclass(frozen=True, slots=True)
class OutlineProof(Record):
    """How the smoothed outlines of one CRS differ from the exact ones.

    Attributes:
        layer: Name of the smoothed extent.
        pixel_m: Side of the largest mapped pixel, metres: all tolerances are shares of it.
        bound_m: No outline is displaced farther, by the way it was made; metres.
        displacement_m: Largest displacement, measured: the Hausdorff distance of all outlines, both ways; metres.
        area_m2: Of the exact extent, on the ellipsoid.
        smoothed_m2: Of the smoothed one.
        error_percent: By how much that is more; of the exact area.
        polygons: Of the extent and its neighbours, exact.
        smoothed_polygons: Likewise, smoothed.
        holes: Of these, exact.
        smoothed_holes: Likewise, smoothed.
        vertices: Of these, exact.
        smoothed_vertices: Likewise, smoothed.
        left_exact: How many polygons are as they were, because smoothing would have spoilt them.
        is_valid: Whether all are valid and neighbours share their edges, without gap or overlap.
    """

    layer: str
    pixel_m: float
    bound_m: float
    displacement_m: float
    area_m2: float
    smoothed_m2: float
    error_percent: float
    polygons: int
    smoothed_polygons: int
    holes: int
    smoothed_holes: int
    vertices: int
    smoothed_vertices: int
    left_exact: int
    is_valid: bool


@dataclass(frozen=True, slots=True)
class Proof(Record):
    """What smoothing has cost.

    Attributes:
        method: ``simplify`` or ``smooth``.
        extents: A CRS each.
    """

    method: str
    extents: tuple[OutlineProof, ...]
