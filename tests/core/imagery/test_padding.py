"""Padding found from pixels alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from tasks.core.imagery.padding import BLACK, FlatAreas, find_padding, seek_padding
from tasks.core.jpeg2000.no_data import Colour

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


def _slanted(scene: NDArray[np.uint8], colour: Colour) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A scene (bands, height, width) with a slanted collar, and where the collar is."""
    rows, columns = np.mgrid[: scene.shape[1], : scene.shape[2]]
    truth = columns + 0.3 * rows < 300
    filled = scene.copy()
    filled[:, truth] = np.array(colour)[:, None]
    return filled, truth


def _union(areas: FlatAreas, shape: tuple[int, int]) -> NDArray[np.bool_]:
    return np.any([np.zeros(shape, bool), *(area.mask for area in areas.padding)], axis=0)


@pytest.mark.parametrize("quality", [3, 10, 25])
@pytest.mark.parametrize("colour", [(255, 255, 255), (128, 128, 128), (255, 0, 255), (0, 0, 255), (200, 120, 60)])
def test_collars_of_any_colour_are_found(colour: Colour, quality: int, write_jp2: Make, make_scene: Make) -> None:
    """White, grey and coloured collars go whole after lossy compression, and the imagery beside them stays."""
    pixels, truth = _slanted(make_scene(600, 800, 3), colour)
    found = seek_padding(_read(write_jp2(pixels, quality=quality)))
    mask = _union(found, truth.shape)
    assert (mask & truth).sum() > 0.98 * truth.sum()
    assert (mask & ~truth).sum() < 0.005 * truth.sum()


def test_the_edge_of_a_lossless_white_collar_is_exact(make_scene: Make) -> None:
    """Without compression the padding is what was filled, to the pixel."""
    pixels, truth = _slanted(make_scene(600, 800, 3), (255, 255, 255))
    found = seek_padding(np.ascontiguousarray(np.moveaxis(pixels, 0, 2)))
    assert [area.colour for area in found.padding] == [(255, 255, 255)]
    assert np.array_equal(found.padding[0].mask, truth)


@pytest.mark.parametrize("quality", [3, 25, 60])
@pytest.mark.parametrize(("noise", "slope"), [(0.4, 0), (1, 0), (1.5, 4), (3, 0)])
def test_a_calm_lake_at_the_border_is_never_padding(
    noise: float, slope: float, quality: int, write_jp2: Make, make_scene: Make
) -> None:
    """Strong compression makes calm water flat: what has a colour of water stays imagery."""
    pixels, truth = _slanted(make_scene(600, 800, 3), (40, 60, 70))
    random = np.random.default_rng(1)
    drift = slope * np.mgrid[:600, :800][0][truth] / 600
    pixels[:, truth] = (np.array([[40], [60], [70]]) + random.normal(0, noise, (3, truth.sum())) + drift).round()
    assert seek_padding(_read(write_jp2(pixels, quality=quality))).padding == []


def test_flat_colour_of_water_is_pointed_out(make_scene: Make) -> None:
    """What may be padding or water stays imagery, and is not passed over in silence."""
    pixels, truth = _slanted(make_scene(600, 800, 3), (14, 40, 72))
    found = seek_padding(np.ascontiguousarray(np.moveaxis(pixels, 0, 2)))
    assert found.padding == []
    assert [(area.colour, np.array_equal(area.mask, truth)) for area in found.imagery] == [((14, 40, 72), True)]


def test_a_plateau_of_a_smooth_slope_is_imagery() -> None:
    """Ground so smooth that a whole step of its brightness is flat has no edge, and padding has."""
    rows, columns = np.mgrid[:500, :600]
    smooth = 120 + 12 * np.sin(rows / 160) + 12 * np.cos(columns / 190)
    nrg = np.stack([smooth + 40, smooth - 40, smooth - 25], axis=2).astype(np.uint8)
    assert seek_padding(nrg).padding == []


@pytest.mark.parametrize(("colour", "is_padding"), [((30, 60, 90), False), ((150, 70, 85), False), (BLACK, True)])
def test_a_flat_tile_is_padding_only_where_it_is_black_or_white(colour: Colour, *, is_padding: bool) -> None:
    """Where the whole tile is one value, nothing says that it is padding, but for black, white and declared NoData."""
    nrg = np.full((200, 300, 3), colour, np.uint8)
    assert bool(seek_padding(nrg).padding) == is_padding
    assert bool(seek_padding(nrg).imagery) != is_padding
    assert seek_padding(nrg, nodata=colour).padding[0].mask.all()


def test_a_flat_corner_below_one_percent_is_imagery(make_scene: Make) -> None:
    """A white roof at the border is too small to be a collar."""
    nrg = np.moveaxis(make_scene(400, 600, 3), 0, 2).copy()
    nrg[:40, :50] = 255
    assert seek_padding(nrg).padding == []


def test_glint_and_bright_cloud_at_the_border_are_imagery(make_scene: Make) -> None:
    """Nearly saturated ground has texture, however bright."""
    nrg = np.moveaxis(make_scene(400, 600, 3), 0, 2).copy()
    bright = np.random.default_rng(3).normal(252, 4, (400, 150, 3))
    nrg[:, :150] = bright.clip(0, 255)
    assert seek_padding(nrg).padding == []


@pytest.mark.parametrize("quality", [10, 60])
def test_declared_nodata_counts_inside_the_tile_too(quality: int, write_jp2: Make, make_scene: Make) -> None:
    """Where metadata name the colour, a flat area of it is padding wherever it lies."""
    pixels = make_scene(400, 600, 3)
    pixels[:, 100:200, 200:350] = np.array([9, 99, 199])[:, None, None]
    nrg = _read(write_jp2(pixels, quality=quality))
    found = _union(seek_padding(nrg, nodata=(9, 99, 199)), (400, 600))
    assert found[101:199, 201:349].all()
    assert found.sum() < 1.05 * 100 * 150
    assert seek_padding(nrg).padding == []


@pytest.mark.parametrize("noise", [1, 2])
def test_declared_black_makes_no_holes_in_black_water(noise: float, make_scene: Make) -> None:
    """Ripples that are 0 in all bands are water, though 0 is declared: NoData is flat, they are not."""
    nrg = np.moveaxis(make_scene(400, 600, 3), 0, 2).copy()
    ripples = np.abs(np.random.default_rng(4).normal(0, noise, (200, 300, 3)))
    nrg[100:300, 200:500] = ripples.clip(0, 255)
    assert (nrg[100:300, 200:500] == 0).all(axis=2).mean() > 0.005
    assert seek_padding(nrg, nodata=BLACK).padding == []


def test_declared_black_leaves_water_without_near_infrared(make_scene: Make) -> None:
    """Water of no near infrared is not NoData: its other bands are not 0."""
    nrg = np.moveaxis(make_scene(400, 600, 3), 0, 2).copy()
    nrg[100:300, 200:500] = (0, 30, 45)
    assert seek_padding(nrg, nodata=BLACK).padding == []


def test_averages_of_dark_water_are_looked_at_in_full_resolution(make_scene: Make) -> None:
    """A black lake is flat once it is averaged; a look at full resolution shows its noise, and small ones follow it."""
    nrg = np.moveaxis(make_scene(400, 600, 3), 0, 2).copy()
    nrg[:, :150] = 1
    nrg[:40, 500:540] = 1
    noise = np.abs(np.random.default_rng(5).normal(0, 2, (64, 64, 3))).clip(0, 255).astype(np.uint8)
    assert seek_padding(nrg, look=lambda *_: noise).padding == []
    (found,) = seek_padding(nrg, look=lambda *_: np.zeros((64, 64, 3), np.uint8)).padding
    assert found.mask.sum() == 400 * 150 + 40 * 40


@pytest.mark.parametrize("year", [2009, 2016, 2020])
def test_real_frames_without_alpha_lose_nothing_but_their_collar(year: int) -> None:
    """In real frames of lakes, only the black collar of the fourth is padding."""
    folder = Path(__file__).parents[4] / "shared" / "data" / f"prairie_{year}"
    if not folder.is_dir():
        pytest.skip(f"the real imagery is not here: {folder}")
    frames = [seek_padding(_read(path)[..., :3].copy()).padding for path in sorted(folder.glob("*.jp2"))]
    assert [[area.colour for area in padding] for padding in frames] == [[], [], [], [BLACK]]
