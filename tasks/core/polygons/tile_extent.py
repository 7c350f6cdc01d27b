"""From a tile's labels to what is flooded, observed and not assessed on the ground."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

import shapely
from shapely import GeometryCollection, MultiPolygon, Point

from tasks.core.arrays import BoolMask, LabelArray, UInt8Array
from tasks.core.geo.grid import Grid
from tasks.core.masks import labels as label_masks
from tasks.core.polygons.extent_grid import check_on_grid
from tasks.core.polygons.extent_wkb import LITTLE_ENDIAN, read_layout
from tasks.core.polygons.regions import LabelRegions, regions_of
from tasks.core.polygons.tracing import mask_polygons, to_crs


@dataclass(frozen=True, slots=True)
class TileExtent:
    """What one answered tile says, in units of its CRS.

    Attributes:
        flood: Flooded ground, exact to the pixel's edge.
        observed: Ground that the model answered for, flooded or not; contains ``flood``.
        unassessed: Valid ground labelled flood under cloud where that does not count as flood; disjoint from both.
        clouded: The part of ``flood`` that was labelled flood under cloud.
        flood_px: Pixels in ``flood``.
        flood_px_in_padding: Pixels labelled flood that were outside the valid mask.
        regions: How sure its labels are; None where the model gave labels alone.
    """

    flood: MultiPolygon
    observed: MultiPolygon
    unassessed: MultiPolygon
    clouded: MultiPolygon
    flood_px: int
    flood_px_in_padding: int
    regions: LabelRegions | None = None

    def __post_init__(self) -> None:
        if not all(isinstance(area, MultiPolygon) for area in self.areas):
            raise ValueError("a tile's extent is made of multipolygons")
        if min(self.flood_px, self.flood_px_in_padding) < 0:
            raise ValueError(
                f"a tile cannot have {self.flood_px} flooded and {self.flood_px_in_padding} removed pixels"
            )

    @property
    def areas(self) -> tuple[MultiPolygon, MultiPolygon, MultiPolygon, MultiPolygon]:
        """Flood, observed, unassessed and clouded, in that order."""
        return self.flood, self.observed, self.unassessed, self.clouded

    def to_bytes(self) -> bytes:
        """One WKB geometry collection: the four areas, then a point that carries the two pixel counts.

        After it the table of the regions, where there is one.
        """
        collection = GeometryCollection([*self.areas, Point(self.flood_px, self.flood_px_in_padding)])
        table = b"" if self.regions is None else self.regions.to_bytes()
        return bytes(shapely.to_wkb(collection, byte_order=LITTLE_ENDIAN)) + table

    @classmethod
    def from_bytes(cls, content: bytes, grid: Grid) -> Self:
        """Rebuild from ``to_bytes``: GEOS gets what is of our own layout and lies on the grid, nothing else.

        Raises:
            ValueError: The content is damaged, is something else, or is no extent of this grid.
        """
        try:
            outlines, counts, length = read_layout(content)
            check_on_grid(outlines, counts, grid)
            regions = _regions(memoryview(content)[length:], counts[0], grid)
            flood, observed, unassessed, clouded, _ = shapely.from_wkb(content[:length]).geoms
            extent = cls(flood, observed, unassessed, clouded, *counts, regions)
        except (shapely.errors.ShapelyError, ValueError) as error:
            raise ValueError(f"not this tile's extent ({len(content)} bytes): {error}") from error
        if not shapely.is_valid(extent.areas).all():
            raise ValueError(f"not this tile's extent ({len(content)} bytes): its polygons are invalid")
        return extent


def _regions(table: memoryview, flood_px: int, grid: Grid) -> LabelRegions | None:
    regions = LabelRegions.from_bytes(table, grid.width_px * grid.height_px) if len(table) else None
    if regions is not None and regions.wet_px != flood_px:
        raise ValueError(f"it counts {flood_px} flooded pixels, and its regions {regions.wet_px}")
    return regions


def extract(
    labels: LabelArray,
    valid: BoolMask,
    grid: Grid,
    flood_labels: Collection[int],
    confidence: UInt8Array | None = None,
) -> TileExtent:
    """Turn a label mask and a valid mask into polygons by the labels that count as flood.

    Both are on the resized grid, as is how sure each label is (``answers.Answer``), where the model gave that.
    """
    masks = label_masks.split(labels, valid, flood_labels)
    flood, observed, unassessed, clouded = (
        to_crs(mask_polygons(mask), grid) for mask in (masks.flood, masks.observed, masks.unassessed, masks.clouded)
    )
    regions = None if confidence is None else regions_of(masks.flood, masks.observed, confidence)
    return TileExtent(flood, observed, unassessed, clouded, int(masks.flood.sum()), masks.flood_px_in_padding, regions)
