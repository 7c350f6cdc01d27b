"""A tile as the agency flies them: 10,000 x 10,000 px unless told otherwise, NRG and alpha, lossy."""

import tempfile
from pathlib import Path

import cv2
import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.transform import from_origin
from rasterio.windows import Window

SIDE_PX = 10_000
PATCH_PX = 1000


def big_tile(side_px: int = SIDE_PX) -> Path:
    """The tile, made on first use and kept in the temporary folder for the next benchmark."""
    folder = Path(tempfile.gettempdir()) / "flood-extent-benchmark"
    tile = folder / f"tile_{side_px}.jp2"
    if not tile.exists():
        folder.mkdir(exist_ok=True)
        print(f"making a {side_px} x {side_px} px tile (once, about a minute) …", flush=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            _write(Path(scratch), side_px)
            (Path(scratch) / "tile.jp2").rename(tile)
    return tile


def _write(folder: Path, side_px: int) -> None:
    """By way of a GeoTIFF written in patches, so that no copy of the tile is ever in memory."""
    shape = {"width": side_px, "height": side_px, "count": 4, "dtype": "uint8"}
    place = {"crs": "EPSG:7855", "transform": from_origin(500_000, 6_000_000, 0.15, 0.15)}
    random = np.random.default_rng(7)
    layout = {"tiled": True, "blockxsize": PATCH_PX // 40 * 16, "blockysize": PATCH_PX // 40 * 16}
    with rasterio.open(folder / "tile.tif", "w", driver="GTiff", **shape, **place, **layout, photometric="RGB") as tile:
        tile.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
        for top in range(0, side_px, PATCH_PX):
            for left in range(0, side_px, PATCH_PX):
                tile.write(_patch(random, left, top, side_px), window=Window(left, top, PATCH_PX, PATCH_PX))
    rasterio.shutil.copy(folder / "tile.tif", folder / "tile.jp2", driver="JP2OpenJPEG", QUALITY="10", RESOLUTIONS="6")


def _patch(random: np.random.Generator, left: int, top: int, side_px: int) -> NDArray[np.uint8]:
    """Fields with texture and sensor noise, dark water in waves, a slanted padded edge."""
    rows, columns = np.mgrid[top : top + PATCH_PX, left : left + PATCH_PX]
    water = np.sin(columns / 900) + np.cos(rows / 700) > 0.7
    fine, coarse = (
        cv2.GaussianBlur(random.normal(0, sigma * 60, (PATCH_PX, PATCH_PX)), (0, 0), sigma) for sigma in (2, 20)
    )
    bands = [np.where(water, dark, light + fine + coarse) for dark, light in ((15, 150), (40, 100), (60, 90))]
    noisy = np.stack(bands) + random.normal(0, 3, (3, PATCH_PX, PATCH_PX))
    alpha = np.where(columns + rows // 4 > side_px // 10, 255, 0)
    return np.concatenate([np.where(alpha > 0, noisy, 0), alpha[None]]).clip(0, 255).astype(np.uint8)
