"""From a tile's labels to what is flooded, observed and not assessed on the ground."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

import shapely
from shapely import GeometryCollection, MultiPolygon, Point

from tasks.core.arrays import BoolMask, LabelArray
from tasks.core.geo.grid import Grid
from tasks.core.masks import labels as label_masks
from tasks.core.polygons.extent_grid import check_on_grid
from tasks.core.polygons.extent_wkb import LITTLE_ENDIAN, read_layout
from tasks.core.polygons.tracing import mask_polygons, to_crs


@dataclass(frozen=True, slots=True)
class TileExtent:
    """What one answered tile says, in units of its CRS.

    Attributes:
        flood: Flooded ground, exact to the pixel's edge.
        observed: Ground that the model answered for, flooded or not; contains ``flood``.
        unassessed: Valid ground labelled flood under cloud where that does not count as flood; disjoint from both.
        flood_px: Pixels in ``flood``.
        flood_px_in_padding: Pixels labelled flood that were outside the valid mask.
    """

    flood: MultiPolygon
    observed: MultiPolygon
    unassessed: MultiPolygon
    flood_px: int
    flood_px_in_padding: int

    def __post_init__(self) -> None:
        if not all(isinstance(area, MultiPolygon) for area in self.areas):
            raise ValueError("a tile's extent is made of multipolygons")
        if min(self.flood_px, self.flood_px_in_padding) < 0:
            raise ValueError(
                f"a tile cannot have {self.flood_px} flooded and {self.flood_px_in_padding} removed pixels"
            )

    @property
    def areas(self) -> tuple[MultiPolygon, MultiPolygon, MultiPolygon]:
        """Flood, observed and unassessed, in that order."""
        return self.flood, self.observed, self.unassessed

    def to_bytes(self) -> bytes:
        """One WKB geometry collection: the three areas, then a point that carries the two pixel counts."""
        collection = GeometryCollection([*self.areas, Point(self.flood_px, self.flood_px_in_padding)])
        return bytes(shapely.to_wkb(collection, byte_order=LITTLE_ENDIAN))

    @classmethod
    def from_bytes(cls, content: bytes, grid: Grid) -> Self:
        """Rebuild from ``to_bytes``: GEOS gets what is of our own layout and lies on the grid, nothing else.

        Raises:
            ValueError: The content is damaged, is something else, or is no extent of this grid.
        """
        try:
            outlines, counts = read_layout(content)
            check_on_grid(outlines, counts, grid)
            flood, observed, unassessed, _ = shapely.from_wkb(content).geoms
            extent = cls(flood, observed, unassessed, *counts)
        except (shapely.errors.ShapelyError, ValueError) as error:
            raise ValueError(f"not this tile's extent ({len(content)} bytes): {error}") from error
        if not shapely.is_valid(extent.areas).all():
            raise ValueError(f"not this tile's extent ({len(content)} bytes): its polygons are invalid")
        return extent


def extract(labels: LabelArray, valid: BoolMask, grid: Grid, flood_labels: Collection[int]) -> TileExtent:
    """Turn a label mask and a valid mask, both on the resized grid, into polygons by the labels that count as flood."""
    masks = label_masks.split(labels, valid, flood_labels)
    flood, observed, unassessed = (
        to_crs(mask_polygons(mask), grid) for mask in (masks.flood, masks.observed, masks.unassessed)
    )
    return TileExtent(flood, observed, unassessed, int(masks.flood.sum()), masks.flood_px_in_padding)
