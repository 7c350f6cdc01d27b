"""Alpha that takes ground away where no padding is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.core.geo.grid import Grid
from tasks.core.imagery.alpha import alpha_warnings
from tasks.core.imagery.preparation import prepare_image

Make = Callable[..., Any]
SHAPE = (200, 200)


@pytest.fixture
def scene(make_scene: Make) -> NDArray[np.uint8]:
    """Textured imagery, (height, width, 3)."""
    return np.ascontiguousarray(np.moveaxis(make_scene(*SHAPE, 3), 0, 2))


def test_padding_at_the_border_is_as_it_should_be(scene: NDArray[np.uint8]) -> None:
    """A black collar under alpha of 0 is no cause for a warning."""
    valid = np.ones(SHAPE, bool)
    valid[:, :50] = False
    scene[:, :50] = 0
    assert alpha_warnings(scene, valid, 0.0, "frame.jp2") == ()


def test_a_hole_in_the_middle_is_warned_of_with_its_share(scene: NDArray[np.uint8]) -> None:
    """More than 1 % of a frame that is invalid inside it is said, and that it counts as not observed."""
    valid = np.ones(SHAPE, bool)
    valid[80:120, 80:120] = False
    scene[~valid] = 0
    (warning,) = alpha_warnings(scene, valid, 0.0, "frame.jp2")
    assert "frame.jp2: alpha leaves holes in the middle of it (4.0%" in warning
    assert "counts as not observed" in warning


def test_a_small_hole_is_not_worth_a_warning(scene: NDArray[np.uint8]) -> None:
    """Up to 1 % nobody needs to look."""
    valid = np.ones(SHAPE, bool)
    valid[80:100, 80:100] = False
    scene[~valid] = 0
    assert alpha_warnings(scene, valid, 0.0, "frame.jp2") == ()


def test_alpha_over_imagery_up_to_the_border_is_warned_of(scene: NDArray[np.uint8]) -> None:
    """A fifth of a frame that alpha hides though imagery lies there is a mask, or a damaged band."""
    valid = np.ones(SHAPE, bool)
    valid[:, :40] = False
    (warning,) = alpha_warnings(scene, valid, 0.0, "frame.jp2")
    assert "hides imagery" in warning
    assert "20.0% of it is invalid" in warning


def test_alpha_between_0_and_255_is_warned_of(scene: NDArray[np.uint8]) -> None:
    """Alpha is 0 or 255; much of anything else looks like damage."""
    (warning,) = alpha_warnings(scene, np.ones(SHAPE, bool), 0.108, "frame.jp2")
    assert "neither 0 nor 255 on 10.8%" in warning


def test_a_flipped_alpha_band_is_warned_of(edge_folder: Path) -> None:
    """Real damage: random bytes punched holes all over a frame's alpha."""
    grid = Grid(467, 361, (5.0, 0.0, 5e5, 0.0, -5.0, 5e6), "EPSG:26914")
    flipped, whole = (
        prepare_image(edge_folder / name, grid, 467, 361, max_pixels=1 << 20).warnings
        for name in ("bit_flips_06.jp2", "bit_flips_00.jp2")
    )
    assert any("holes in the middle" in warning for warning in flipped)
    assert whole == ()
