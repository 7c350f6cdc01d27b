"""How an image is cut into chips."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.chip_layout import BLOCK_PX, ChipLayout

CHIPS = (
    st.integers(8, 40)
    .map(lambda blocks: 8 * blocks)
    .flatmap(lambda chip: st.tuples(st.just(chip), st.integers(16, chip // 2)))
)


@given(st.integers(1, 2000), st.integers(1, 2000), CHIPS)
def test_each_pixel_has_one_chip_that_has_the_say(width: int, height: int, chips: tuple[int, int]) -> None:
    """The own parts cover the image, once; every chip is no larger than asked, and begins at a block of JPEG."""
    owners = np.zeros((height, width), np.uint16)
    layout = ChipLayout(width, height, *chips)
    for chip in layout:
        owners[chip.own] += 1
        for span in chip:
            assert span.length <= chips[0]
            assert span.whole.start % BLOCK_PX == 0
    assert (owners == 1).all()
    assert len(layout) == len(list(layout))


@given(st.integers(1, 5000), CHIPS)
def test_neighbours_share_at_least_the_overlap(length: int, chips: tuple[int, int]) -> None:
    """And each has the say up to the middle of what they share, so far from its own edge."""
    spans = ChipLayout(length, 1, *chips).columns
    for before, after in pairwise(spans):
        shared = before.whole.stop - after.whole.start
        assert shared >= chips[1]
        assert before.own.stop == after.own.start
        assert min(before.whole.stop - before.own.stop, after.own.start - after.whole.start) >= shared // 2


@pytest.mark.parametrize("chip_px", [None, 300, 304])
def test_an_image_that_fits_is_one_chip(chip_px: int | None) -> None:
    """Nothing is cut that need not be."""
    (chip,) = ChipLayout(300, 200, chip_px, 16)
    assert chip.whole == chip.own == (slice(0, 200), slice(0, 300))
