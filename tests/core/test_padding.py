"""Padding found from pixels alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from tasks.core.padding import find_padding

Make = Callable[..., Any]


def _read(path: Path) -> NDArray[np.uint8]:
    with rasterio.open(path) as dataset:
        return np.ascontiguousarray(np.moveaxis(dataset.read(), 0, 2))


@pytest.mark.parametrize("quality", [3, 10, 25])
def test_slanted_compressed_padding_is_found(quality: int, write_jp2: Make, make_scene: Make) -> None:
    """Padding behind a slanted edge goes whole after lossy compression, and the imagery beside it stays."""
    pixels = make_scene(600, 800, 3)
    rows, columns = np.mgrid[:600, :800]
    truth = columns + 0.3 * rows < 300
    pixels[:, truth] = 0
    found = find_padding(_read(write_jp2(pixels, quality=quality)))
    assert (found & truth).sum() > 0.995 * truth.sum()
    assert not (found & (columns + 0.3 * rows > 303)).any()


@pytest.mark.parametrize(("mean", "noise"), [(3, 2), (6, 3), (8, 0.4), (0, 2), (0, 1.5)])
def test_black_lake_at_the_border_stays(mean: float, noise: float, write_jp2: Make, make_scene: Make) -> None:
    """Water that is nearly black up to the tile's border has noise or a little light: it is not padding."""
    pixels = make_scene(600, 800, 3)
    random = np.random.default_rng(1)
    lake = np.abs(random.normal(mean, noise, (3, 300, 400))).clip(0, 255)
    pixels[:, :300, :400] = lake
    assert not find_padding(_read(write_jp2(pixels, quality=60))).any()


def test_lake_beside_padding_keeps_its_water(make_scene: Make) -> None:
    """Padding does not spread over a dark lake that adjoins it, but for the few pixels that compression may blur."""
    pixels = np.moveaxis(make_scene(400, 600, 3), 0, 2).copy()
    pixels[:, :100] = 0
    pixels[:, 100:300] = np.random.default_rng(2).normal(7, 2, (400, 200, 3)).clip(0, 16)
    found = find_padding(pixels)
    assert found[:, :100].all()
    assert not found[:, 110:].any()


def test_black_inside_the_tile_is_not_padding(make_scene: Make) -> None:
    """Flat black that does not touch the border is imagery."""
    pixels = np.moveaxis(make_scene(300, 300, 3), 0, 2).copy()
    pixels[100:200, 100:200] = 0
    assert not find_padding(pixels).any()
    pixels[100:200, :200] = 0
    assert find_padding(pixels)[100:200, :200].all()


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("lossy_padding_without_alpha.jp2", 0.2545),
        ("zero_nir_over_water.jp2", 0),
        ("all_padding.jp2", 1),
        ("all_water.jp2", 0),
        ("three_bands.jp2", 0),
    ],
)
def test_odd_files_have_the_padding_that_people_see(name: str, share: float, edge_folder: Path) -> None:
    """Lossy padding is found, near infrared of zero over water is kept, all and nothing are all and nothing."""
    assert float(find_padding(_read(edge_folder / name)).mean()) == pytest.approx(share, abs=0.002)
