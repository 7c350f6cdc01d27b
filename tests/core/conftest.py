"""Imagery for the tests of the core: scenes written by GDAL, and the odd files beside the project where they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"

WriteJp2 = Callable[..., Path]


@pytest.fixture(scope="session")
def edge_folder() -> Path:
    """The folder of odd and hostile files."""
    folder = SHARED_DATA / "edge"
    if not folder.is_dir():
        pytest.skip(f"the odd files are not here: {folder}")
    return folder


@pytest.fixture
def write_jp2(tmp_path: Path) -> WriteJp2:
    """A function that writes (bands, height, width) as JP2: one codestream tile, six resolutions by default."""

    def write(pixels: NDArray[Any], name: str = "tile.jp2", **options: Any) -> Path:
        bands, height, width = pixels.shape
        profile: dict[str, Any] = {
            "crs": "EPSG:7855",
            "transform": from_origin(500_000, 6_000_000, 0.5, 0.5),
            "quality": 25,
            "resolutions": 6,
            "blockxsize": width,
            "blockysize": height,
        }
        profile |= {"alpha": "YES"} if bands == 4 else {}
        shape = {"width": width, "height": height, "count": bands, "dtype": pixels.dtype}
        with rasterio.open(tmp_path / name, "w", driver="JP2OpenJPEG", **shape, **(profile | options)) as dataset:
            dataset.write(pixels)
        return tmp_path / name

    return write


@pytest.fixture(scope="session")
def make_scene() -> Callable[..., NDArray[np.uint8]]:
    """A function that makes uint8 (bands, height, width): structure at several scales, opaque alpha as band 4."""

    def make(height: int, width: int, bands: int = 4, seed: int = 0) -> NDArray[np.uint8]:
        random = np.random.default_rng(seed)
        layers = []
        for sigma in (1.5, 6, 25):
            layer = cv2.GaussianBlur(random.normal(0, 1, (height, width)).astype(np.float32), (0, 0), sigma)
            layers.append(layer / layer.std())
        mixes = ((15, 20, 25), (10, 25, 15), (20, 15, 20))
        colours = [120 + sum(part * layer for part, layer in zip(mix, layers, strict=True)) for mix in mixes]
        opaque = [np.full((height, width), 255.0)] * (bands - 3)
        return np.stack([*colours, *opaque]).clip(20, 255).astype(np.uint8)

    return make
