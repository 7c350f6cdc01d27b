"""What finding the places to check adds to making the product's layers of tiles that lie in the cache."""

import time
from collections.abc import Callable

import cv2
import numpy as np
from cut_scenes import MGA, answered, grid_of, windows

from tasks.core.joining.cutting import cut
from tasks.core.polygons.tile_extent import TileExtent
from tasks.core.product.layer import AnsweredTile
from tasks.core.product.layer_assembly import assemble
from tasks.core.product.polygon_confidence import AllRegions, mean, unsure_holes, unsure_polygons
from tasks.core.product.seam_cuts import seam_cuts
from tasks.core.product.tile_disagreements import disagreements

TILES_A_SIDE, TILE_PX = 5, 600
LEAST_M2 = 25.0


def run() -> None:
    """Print the share of CPU time, of scenes of some 9,000 ponds in 25 tiles."""
    print("places to check, with the confidence of each polygon: share of the CPU of reading the tiles and assembling")
    for overlap in (0, 60, 300):
        tiles = _scene(overlap)
        contents = [(tile.extent.to_bytes(), tile.grid) for tile in tiles]
        read_s = _cpu_seconds(lambda these=contents: [TileExtent.from_bytes(*one) for one in these])
        all_s = read_s + _cpu_seconds(lambda these=tiles: assemble(these, [], LEAST_M2))
        places_s = _places_s(tiles)
        print(f"  overlap {overlap:3} px: {places_s:.2f} of {all_s:.2f} s = {places_s / all_s:.0%}")


def _scene(overlap: int) -> list[AnsweredTile]:
    random = np.random.default_rng(3).random((TILES_A_SIDE * TILE_PX,) * 2).astype(np.float32)
    height = cv2.GaussianBlur(random, (0, 0), 4)
    height = (height - height.mean()) / height.std() - 0.7
    sure = np.clip(np.abs(height) * 200, 0, 255).astype(np.uint8)
    parts = zip(*(windows(one, grid_of(one), TILE_PX, overlap) for one in (height > 0, sure)), strict=True)
    return [
        answered(f"{name}.jp2", flood, grid, None, confidence)
        for name, ((flood, grid), (confidence, _)) in enumerate(parts)
    ]


def _places_s(tiles: list[AnsweredTile]) -> float:
    flood = assemble(tiles, [], LEAST_M2)[0].geometries
    pieces = cut(flood, [tile.extent.observed for tile in tiles], MGA)

    def find() -> None:
        regions = AllRegions.of(tiles)
        unsure_polygons(flood, mean(regions.within(flood, wet=True)))
        unsure_holes(flood, regions)
        disagreements(tiles, pieces, LEAST_M2, MGA)
        seam_cuts(tiles, flood, MGA)

    return _cpu_seconds(find)


def _cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
