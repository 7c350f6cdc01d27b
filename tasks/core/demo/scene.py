"""The demo scene: an invented flood as adjoining JPEG2000 tiles, with the truth as polygons.

Tiles are lossy JPEG2000 with GeoJP2, as an aerial survey delivers them: 8 bit, near infrared, red, green and alpha, in
GDA2020 / MGA zone 55. A slanted flight edge leaves padding (all bands 0) in the easternmost tiles. A tile always covers
300 x 300 m: fewer pixels make coarser ones of the same landscape.
"""

import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pyogrio.raw
import rasterio
import shapely
from rasterio.enums import ColorInterp

from tasks.core.arrays import BoolMask
from tasks.core.demo.landscape import Landscape, make_landscape
from tasks.core.demo.painting import View, paint
from tasks.core.disk_space import TEMP_PREFIX
from tasks.core.geo.grid import Grid
from tasks.core.polygons.tracing import mask_polygons, to_crs

SEED = 2026
CRS = "EPSG:7855"
# Near Brewarrina, New South Wales: 146.86 E, 29.96 S.
WEST_M, NORTH_M = 486_500.0, 6_685_500.0
TILE_M = 300.0
# The flight edge, as shares of the scene's width at its upper and lower rim.
EDGE_ABOVE, EDGE_BELOW = 0.985, 0.89
TRUTH_LAYER = "reference"
DATASET = "demo_flood"
# Lossy, about 1.6 bit a pixel and band; six resolutions, so that a reader can decode a small image only.
JPEG2000_OPTIONS = {
    "QUALITY": "20",
    "REVERSIBLE": "NO",
    "RESOLUTIONS": "6",
    "BLOCKXSIZE": "1024",
    "BLOCKYSIZE": "1024",
    "GEOJP2": "YES",
    "GMLJP2": "NO",
}


@dataclass(frozen=True)
class _Scene:
    """The landscape and how it is cut: rows x columns of square tiles of ``tile_px``, from the upper left."""

    landscape: Landscape
    seed: int
    rows: int
    columns: int
    tile_px: int

    @property
    def pixel_m(self) -> float:
        """Pixel size."""
        return TILE_M / self.tile_px

    def name(self, row: int, column: int) -> str:
        """A survey's file name."""
        number = row * self.columns + column + 1
        return f"Demo_Flood_2026_01_{round(100 * self.pixel_m)}cm_NRG_{number}.jp2"

    def grid(self, row: int = 0, column: int = 0, *, rows: int = 1, columns: int = 1) -> Grid:
        """Of a tile, or of a block of tiles."""
        west_m, north_m = WEST_M + column * TILE_M, NORTH_M - row * TILE_M
        transform = (self.pixel_m, 0.0, west_m, 0.0, -self.pixel_m, north_m)
        return Grid(columns * self.tile_px, rows * self.tile_px, transform, CRS)

    def seen(self, view: View) -> BoolMask:
        """Pixels on the near side of the flight edge: bool (tile_px, tile_px)."""
        centres = (np.arange(self.tile_px) + 0.5) * self.pixel_m
        down = (view.y_m + centres) / self.landscape.height_m
        edge_m = self.landscape.width_m * (EDGE_ABOVE + (EDGE_BELOW - EDGE_ABOVE) * down)
        return np.asarray((view.x_m + centres)[np.newaxis, :] < edge_m[:, np.newaxis], np.bool_)


def make_scene(folder: Path, *, seed: int = SEED, rows: int = 2, columns: int = 3, tile_px: int = 2000) -> Path:
    """Write the tiles to ``folder/demo_flood`` and the truth beside them.

    The truth is every pixel of water that can be seen, under thin cloud too, and within the observed area, as exact
    pixel-edge polygons at full resolution.

    Args:
        folder: Made if need be; files of the same names are replaced.
        seed: The same files' content for the same seed and sizes.
        rows: Of tiles.
        columns: Of tiles.
        tile_px: Width and height of a tile; 2000 gives pixels of 15 cm.

    Returns:
        The truth: a GeoPackage with the polygon layer ``reference`` in EPSG:7855.
    """
    scene = _Scene(make_landscape(columns * TILE_M, rows * TILE_M, seed), seed, rows, columns, tile_px)
    tiles = folder / DATASET
    tiles.mkdir(parents=True, exist_ok=True)
    water = np.zeros((rows * tile_px, columns * tile_px), np.bool_)

    def make(place: tuple[int, int]) -> None:
        row, column = place
        part = slice(row * tile_px, (row + 1) * tile_px), slice(column * tile_px, (column + 1) * tile_px)
        water[part] = _write_tile(tiles / scene.name(row, column), scene, row, column)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(make, product(range(rows), range(columns))))
    return _write_truth(folder / "truth.gpkg", water, scene.grid(rows=rows, columns=columns))


def _write_tile(path: Path, scene: _Scene, row: int, column: int) -> BoolMask:
    """Paint and encode one tile; returns its visible water."""
    view = View(column * TILE_M, row * TILE_M, scene.pixel_m, scene.tile_px)
    nrg, water = paint(scene.landscape, view, seed=scene.seed + row * scene.columns + column)
    seen = scene.seen(view)
    bands = np.dstack([nrg, np.full_like(nrg[..., 0], 255)])
    bands[~seen] = 0
    grid = scene.grid(row, column)
    size = {"width": grid.width_px, "height": grid.height_px, "count": 4, "dtype": "uint8"}
    place = {"crs": grid.crs, "transform": rasterio.Affine(*grid.transform)}
    with rasterio.open(path, "w", driver="JP2OpenJPEG", **size, **place, **JPEG2000_OPTIONS) as target:
        target.colorinterp = (ColorInterp.undefined,) * 3 + (ColorInterp.alpha,)
        target.write(np.moveaxis(bands, 2, 0))
    return np.asarray(water & seen, np.bool_)


def _write_truth(path: Path, water: BoolMask, grid: Grid) -> Path:
    path.unlink(missing_ok=True)
    polygons = to_crs(mask_polygons(water), grid)
    geometry = shapely.to_wkb(shapely.get_parts(polygons))
    target = {"layer": TRUTH_LAYER, "driver": "GPKG", "geometry_type": "Polygon", "crs": CRS}
    # On this machine first: where it goes there may be no locks, and without them SQLite writes nothing.
    with tempfile.TemporaryDirectory(prefix=f"{TEMP_PREFIX}-") as folder:
        written = Path(folder) / path.name
        pyogrio.raw.write(written, geometry=geometry, field_data=[], fields=[], **target)
        shutil.copyfile(written, path)
    return path
