"""Datasets of many small frames, and ways to break some of them."""

from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

ACROSS = 20


def make_tiles(folder: Path, number: int, px: int = 64, across: int = ACROSS) -> Path:
    """Frames side by side, half of each water.

    Args:
        folder: Made, and filled.
        number: Of frames.
        px: Width and height of each, of 1 m.
        across: How many of them lie in a row.
    """
    folder.mkdir(parents=True)
    random = np.random.default_rng(1)
    for one in range(number):
        pixels = random.integers(120, 160, (3, px, px), np.uint8)
        pixels[0, :, : px // 2] = 20
        place = from_origin(500_000 + one % across * px, 6_000_000 - one // across * px, 1, 1)
        write_frame(folder / f"tile_{one:04}.jp2", pixels, transform=place)
    return folder


def write_frame(path: Path, pixels: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]", **more: object) -> None:
    """Write bands, rows, columns as a frame in MGA zone 55."""
    bands, rows, columns = pixels.shape
    profile = {"width": columns, "height": rows, "count": bands, "dtype": pixels.dtype, "crs": "EPSG:7855"}
    with rasterio.open(path, "w", driver="JP2OpenJPEG", quality=50, **{**profile, **more}) as frame:
        frame.write(pixels)


def break_seven(folder: Path) -> dict[str, str]:
    """Break seven frames as deliveries do; their names with a word that the error must have."""
    frames = sorted(folder.glob("*.jp2"))
    gray = np.full((3, 64, 64), 130, np.uint8)
    broken = [frames[number] for number in (3, 31, 64, 100, 128, 150, 199)]
    cut, text, empty, deep, lost, four, one = broken
    places = {}
    for path in broken:
        with rasterio.open(path) as frame:
            places[path] = frame.transform
    cut.write_bytes(cut.read_bytes()[:-200])
    text.write_text("the server is busy")
    empty.write_bytes(b"")
    write_frame(deep, gray.astype(np.uint16), transform=places[deep])
    write_frame(lost, gray, transform=places[lost], crs=None)
    write_frame(four, np.random.default_rng(2).integers(0, 255, (4, 64, 64), np.uint8), transform=places[four])
    write_frame(one, gray[:1], transform=places[one])
    words = ("cut short", "not JPEG2000", "empty", "8-bit", "no CRS", "alpha", "1 band")
    return dict(zip((path.name for path in broken), words, strict=True))
