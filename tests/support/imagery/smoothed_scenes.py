"""Assembled scenes of blobs, with neighbours, whose outlines are smoothed."""

from dataclasses import dataclass

import numpy as np
import shapely
from cut_scenes import MGA, answered, blobs, grid_of, windows

from tasks.core.arrays import ObjectArray
from tasks.core.given_areas.given_areas import NOTHING_GIVEN, GivenArea, GivenAreas
from tasks.core.product.layer import Layer
from tasks.core.product.layer_assembly import assemble

SHAPE = (60, 70)
CLASSES = ("flood_extent", "normal_water", "flood_trace", "excluded")


@dataclass(frozen=True)
class Scene:
    """What is cut into tiles.

    Attributes:
        seed: Of the blobs.
        sigma: Their size, in pixels.
        angle: By which the grid is turned, radians.
        pixel: Side of a pixel in units of the CRS.
        crs: Of the grid.
    """

    seed: int
    sigma: float = 2.0
    angle: float = 0.0
    pixel: float = 1.5
    crs: str = MGA

    def layers(self, size: int = 25, overlap: int = 0, given: GivenAreas = NOTHING_GIVEN) -> list[Layer]:
        """The layers of its product; some of its pixels are not valid, and none of its polygons is too small."""
        flood, unseen = blobs(self.seed, SHAPE, self.sigma), ~blobs(self.seed + 1, SHAPE, 4.0)
        valid = ~(unseen & blobs(self.seed + 2, SHAPE, 4.0))
        codes = (flood & valid) + valid.astype(np.uint8)
        parts = windows(codes, grid_of(flood, self.angle, self.pixel, self.crs), size, overlap)
        tiles = [answered(f"t{number}", part == 2, grid, part > 0) for number, (part, grid) in enumerate(parts)]
        return assemble(tiles, [], 0.0, given)

    def neighbours(self) -> GivenAreas:
        """Normal water in other blobs, a slanted wedge that is excluded, and an area of interest."""
        other = Scene(self.seed + 7, self.sigma, self.angle, self.pixel, self.crs).layers()
        ground = shapely.union_all(of("area_observed", other))
        west, south, east, north = ground.bounds
        wedge = shapely.Polygon([(west, south), ((west + east) / 2, south), (east, north)])
        around = shapely.Point(ground.centroid).buffer((north - south) * 0.45, quad_segs=3)
        return GivenAreas(
            _given("normal_water", of("flood_extent", other), self.crs),
            _given("exclude", np.array([wedge], np.object_), self.crs),
            _given("area_of_interest", np.array([around], np.object_), self.crs),
            0.0,
        )


def of(base: str, layers: list[Layer]) -> ObjectArray:
    """The geometries of a layer; none where it is not there."""
    return np.concatenate([np.empty(0, np.object_), *(layer.geometries for layer in layers if layer.base == base)])


def _given(parameter: str, polygons: ObjectArray, crs: str) -> GivenArea:
    reasons = np.full(len(polygons), "levee", np.object_)
    return GivenArea(parameter, f"{parameter}.gpkg", "0", polygons, crs, reasons)
