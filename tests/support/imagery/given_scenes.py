"""Areas that people give, over the scenes of ``cut_scenes``: wavy outlines, in any CRS."""

from collections.abc import Sequence

import numpy as np
import pyproj
import shapely
from cut_scenes import MGA, answered, blobs, grid_of, windows

from tasks.core.arrays import BoolMask, ObjectArray
from tasks.core.given_areas.given_areas import GivenArea
from tasks.core.product.layer import AnsweredTile, Layer


def scene(mask: BoolMask, angle: float = 0.0, overlap: int = 0, crs: str = MGA) -> list[AnsweredTile]:
    """A mask of flood, cut into tiles of 20 px."""
    parts = windows(mask, grid_of(mask, angle, crs=crs), 20, overlap)
    return [answered(f"{crs[-4:]}/{number}.jp2", part, grid) for number, (part, grid) in enumerate(parts)]


def stars(seed: int, number: int, crs: str = MGA) -> ObjectArray:
    """Stars with slanted edges, anywhere on the scene and around it; some are invalid, some overlap."""
    random = np.random.default_rng(seed)
    west, south, east, north = shapely.bounds(shapely.Polygon(grid_of(blobs(0, (40, 50)), crs=crs).corners))
    centres = random.uniform((west - 5, south - 5), (east + 5, north + 5), (number, 2))
    rings = []
    for centre in centres:
        angles = np.sort(random.uniform(0, 2 * np.pi, 9))
        radii = random.uniform(2, 25, 9)
        rings.append(centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1))
    return np.array([*(shapely.Polygon(ring) for ring in rings), None], np.object_)[:-1]


def given(
    polygons: Sequence[object] | ObjectArray, parameter: str, crs: str = MGA, reasons: Sequence[str] = ()
) -> GivenArea:
    """Polygons as a file of them would be read."""
    areas = shapely.make_valid(np.array([*polygons, None], np.object_)[:-1], method="structure", keep_collapsed=False)
    texts = np.array([*(reasons or [""] * len(areas)), None], np.object_)[:-1]
    parts, owner = shapely.get_parts(areas, return_index=True)
    return GivenArea(parameter, f"{parameter}.gpkg", "0" * 64, parts, crs, texts[owner])


def moved(polygons: ObjectArray, source: str, target: str) -> ObjectArray:
    """Polygons in another CRS by their vertices alone."""
    transformer = pyproj.Transformer.from_crs(source, target, always_xy=True)
    return np.asarray(
        shapely.transform(polygons, lambda points: np.stack(transformer.transform(*points.T), axis=1)), np.object_
    )


def by_name(layers: Sequence[Layer]) -> dict[str, Layer]:
    """Layers by their names."""
    return {layer.name: layer for layer in layers}


def area(layer: Layer | ObjectArray) -> float:
    """Planar area of all of it, square units of the CRS."""
    return float(shapely.area(layer.geometries if isinstance(layer, Layer) else layer).sum())
