"""From a tile to the model's JPEG, the valid mask and the resized grid."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tasks.core.errors import FinalError, UnreadableImage
from tasks.core.geo.grid import Grid
from tasks.core.imagery.preparation import encode_jpeg, erode, prepare_image
from tasks.core.tiles.jobs import target_size

Make = Callable[..., Any]
LIMIT = 1 << 26


def _grid(width_px: int, height_px: int) -> Grid:
    return Grid(width_px, height_px, (0.5, 0.0, 5e5, 0.0, -0.5, 6e6), "EPSG:7855")


def test_prepared_tile_has_one_size_and_the_tiles_corners(write_jp2: Make, make_scene: Make) -> None:
    """JPEG, mask and grid agree in size, and the grid covers the tile's ground."""
    grid = _grid(801, 640)
    prepared = prepare_image(write_jp2(make_scene(640, 801)), grid, 300, 240, max_pixels=LIMIT)
    with Image.open(io.BytesIO(prepared.jpegs)) as jpeg:
        assert (jpeg.format, jpeg.size, jpeg.mode) == ("JPEG", (300, 240), "RGB")
    assert prepared.valid.shape == (240, 300)
    assert prepared.valid.all()
    assert np.allclose(prepared.grid.corners, grid.corners, rtol=0, atol=1e-6)
    assert prepared.warnings == ()


def test_bands_keep_their_order(write_jp2: Make) -> None:
    """Near infrared is the JPEG's red band, red its green, green its blue."""
    pixels = np.empty((3, 64, 64), np.uint8)
    pixels[:] = np.array([200, 120, 40])[:, None, None]
    prepared = prepare_image(write_jp2(pixels), _grid(64, 64), 32, 32, max_pixels=LIMIT)
    colours = np.asarray(Image.open(io.BytesIO(prepared.jpegs))).reshape(-1, 3)
    assert np.abs(colours.mean(axis=0) - [200, 120, 40]).max() < 2


def test_alpha_decides_over_black_and_leaves_no_half_pixel(write_jp2: Make, make_scene: Make) -> None:
    """With alpha, opaque black stays valid and transparent bright does not; the mask shrinks by one pixel there."""
    pixels = make_scene(400, 400)
    pixels[:3, :200, :200] = 0
    pixels[3, :, 300:] = 0
    valid = prepare_image(write_jp2(pixels, quality=60), _grid(400, 400), 100, 100, max_pixels=LIMIT).valid
    assert valid[:, :74].all()
    assert not valid[:, 74:].any()


def test_found_padding_is_warned_of(write_jp2: Make, make_scene: Make) -> None:
    """Without alpha, padding above 1 % of the tile is removed and said, with the file's name."""
    pixels = make_scene(400, 400, 3)
    pixels[:, :, :100] = 0
    prepared = prepare_image(write_jp2(pixels), _grid(400, 400), 200, 200, max_pixels=LIMIT)
    assert float(prepared.valid.mean()) == pytest.approx(0.745, abs=0.01)
    assert len(prepared.warnings) == 1
    assert "tile.jp2: no alpha band: 24.7%" in prepared.warnings[0]


def test_transparent_tile_is_warned_of(write_jp2: Make, make_scene: Make) -> None:
    """A tile whose alpha is 0 everywhere is prepared, has nothing valid, and says so."""
    pixels = make_scene(100, 100)
    pixels[3] = 0
    prepared = prepare_image(write_jp2(pixels), _grid(100, 100), 50, 50, max_pixels=LIMIT)
    assert not prepared.valid.any()
    assert "no pixel" in prepared.warnings[0]


def test_valid_mask_is_not_eroded_at_the_tiles_own_border() -> None:
    """One pixel goes beside invalid pixels only: tiles must join at their borders."""
    valid = np.ones((20, 30), bool)
    assert erode(valid).all()
    valid[5:8, 0:4] = False
    expected = np.ones((20, 30), bool)
    expected[4:9, 0:5] = False
    assert np.array_equal(erode(valid), expected)


def test_another_image_under_the_same_name_is_refused(write_jp2: Make, make_scene: Make) -> None:
    """A tile that changed its size since it was listed does not get the listed georeference."""
    with pytest.raises(UnreadableImage, match="100 x 100 px now, 120 x 100 px when it was listed"):
        prepare_image(write_jp2(make_scene(100, 100)), _grid(120, 100), 50, 50, max_pixels=LIMIT)


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.floats(1e-4, 4))
def test_tiles_share_a_scale_and_are_never_enlarged(width_px: int, height_px: int, scale: float) -> None:
    """Sizes follow the scale to the nearest pixel, have at least one, and never exceed the tile's."""
    small = target_size(_grid(width_px, height_px), scale)
    for resized, full in zip(small, (width_px, height_px), strict=True):
        assert 1 <= resized <= full
        assert abs(resized - min(1, scale) * full) <= max(0.5, 1 - scale * full)


def _noise(side: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)


def test_jpeg_is_fine_enough_and_below_the_limit() -> None:
    """Chroma is not subsampled, quality is at least 90, and 6 MB are not reached even by noise."""
    plain = encode_jpeg(_noise(256))
    with Image.open(io.BytesIO(plain)) as jpeg:
        assert [component[1:3] for component in jpeg.layer] == [(1, 1)] * 3
        assert max(jpeg.quantization[0]) <= 24  # of 121 at quality 50, by the standard's scaling at quality 90
    assert len(encode_jpeg(_noise(1500))) < 6_000_000


def test_jpeg_that_cannot_fit_says_what_to_do() -> None:
    """Noise too large for the endpoint is a final error with the remedy."""
    with pytest.raises(FinalError, match="smaller `width`"):
        encode_jpeg(_noise(2600), "noisy.jp2")


def test_odd_tiles_are_prepared(edge_folder: Path) -> None:
    """A legal name of many scripts is read, and padding without alpha leaves the mask that people see."""
    name = next(path.name for path in edge_folder.iterdir() if path.name.startswith("dashes and spaces"))
    for file, share in ((name, 1.0), ("lossy_padding_without_alpha.jp2", 0.743), ("all_padding.jp2", 0.0)):
        prepared = prepare_image(edge_folder / file, _grid(467, 361), 467, 361, max_pixels=LIMIT)
        assert float(prepared.valid.mean()) == pytest.approx(share, abs=0.003)


def test_a_white_collar_is_not_observed_and_is_warned_of(write_jp2: Make, make_scene: Make) -> None:
    """Without alpha, a white collar above 1 % of the tile is removed and said, with its value."""
    pixels = make_scene(400, 400, 3)
    pixels[:, :, :100] = 255
    prepared = prepare_image(write_jp2(pixels), _grid(400, 400), 200, 200, max_pixels=LIMIT)
    assert float(prepared.valid.mean()) == pytest.approx(0.745, abs=0.01)
    assert "padding (the flat value 255, 255, 255 up to the border)" in prepared.warnings[0]


def test_declared_nodata_is_not_observed(write_jp2: Make, make_scene: Make) -> None:
    """Declared NoData is removed at a reduced resolution too; in the middle of a tile it is said, at its border not."""
    pixels = make_scene(400, 400, 3)
    pixels[:, :, :100] = np.array([9, 99, 199])[:, None, None]
    prepare = {"max_pixels": LIMIT, "nodata": (9, 99, 199)}
    prepared = prepare_image(write_jp2(pixels), _grid(400, 400), 100, 100, **prepare)
    assert float(prepared.valid.mean()) == pytest.approx(0.74, abs=0.01)
    assert prepared.warnings == ()
    pixels[:, 100:300, 200:300] = np.array([9, 99, 199])[:, None, None]
    (warning,) = prepare_image(write_jp2(pixels), _grid(400, 400), 100, 100, **prepare).warnings
    assert "NoData (9, 99, 199) leaves holes in the middle of it (11.7%" in warning
    assert "counts as not observed" in warning


def test_alpha_comes_before_nodata(write_jp2: Make, make_scene: Make) -> None:
    """Where there is alpha, it alone says what was observed."""
    pixels = make_scene(400, 400)
    pixels[:3, :, :100] = 255
    options = {"max_pixels": LIMIT, "nodata": (255, 255, 255)}
    assert prepare_image(write_jp2(pixels), _grid(400, 400), 100, 100, **options).valid.all()


def test_black_water_that_averaging_makes_flat_stays(write_jp2: Make, make_scene: Make) -> None:
    """The noise of a black lake is gone at 1/8, and full resolution still shows it: not padding, declared or not."""
    pixels = make_scene(1024, 1024, 3)
    lake = np.abs(np.random.default_rng(6).normal(0, 2.2, (3, 512, 512)))
    pixels[:, :512, :512] = lake.clip(0, 255)
    path = write_jp2(pixels, quality=60)
    for nodata in (None, (0, 0, 0)):
        assert prepare_image(path, _grid(1024, 1024), 128, 128, max_pixels=LIMIT, nodata=nodata).valid.all()


@pytest.mark.parametrize("kind", ["plain", "with-nodata"])
def test_the_collar_of_an_orthophoto_is_not_observed(kind: str, edge_folder: Path) -> None:
    """The left 180 of 600 columns are white: with NoData declared and without, 70 % of the frame was seen."""
    path = edge_folder.parent / "found" / "white-collar" / kind / "frame.jp2"
    nodata = (255, 255, 255) if kind == "with-nodata" else None
    prepared = prepare_image(path, _grid(600, 500), 600, 500, max_pixels=LIMIT, nodata=nodata)
    assert float(prepared.valid.mean()) == pytest.approx(419 / 600)
    assert len(prepared.warnings) == (1 if kind == "plain" else 0)
