"""Valid pixels of images of many megapixels, judged in a smaller copy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.core.imagery.valid_pixels import valid_pixels
from tasks.core.jpeg2000.jpeg2000 import decode

Make = Callable[..., Any]
SIDE_PX, PADDED_PX = 600, 150
FEWER = SIDE_PX**2 // 9  # pixels: a third of the side


def judged(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Valid pixels at full resolution."""
    return valid_pixels(decode(path, SIDE_PX, SIDE_PX, 1 << 26), path, None, many_pixels=FEWER)


def test_padding_is_found_in_the_smaller_copy(write_jp2: Make, make_scene: Make) -> None:
    """None of it is left, imagery is lost for a few pixels beside it alone, and the warning is the same."""
    pixels = make_scene(SIDE_PX, SIDE_PX)[:3]
    pixels[:, :, :PADDED_PX] = 0
    valid, warnings = judged(write_jp2(pixels))
    assert not valid[:, :PADDED_PX].any()
    assert valid[:, PADDED_PX + 8 :].all()
    assert len(warnings) == 1
    assert "no alpha band: 25" in warnings[0]


@pytest.mark.parametrize("opaque", [0, 255])
def test_alpha_is_taken_as_it_is(write_jp2: Make, make_scene: Make, opaque: int) -> None:
    """To the pixel, whatever the imagery under it is like."""
    pixels = make_scene(SIDE_PX, SIDE_PX)
    pixels[3], pixels[3, :, :PADDED_PX] = 255, opaque
    valid, _ = judged(write_jp2(pixels))
    assert valid[:, PADDED_PX:].all()
    assert valid[:, :PADDED_PX].all() == bool(opaque)


def test_an_image_without_padding_loses_nothing(write_jp2: Make, make_scene: Make) -> None:
    """Every pixel is valid."""
    valid, warnings = judged(write_jp2(make_scene(SIDE_PX, SIDE_PX)[:3]))
    assert valid.all()
    assert not warnings
