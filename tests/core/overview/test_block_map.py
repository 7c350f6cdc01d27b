"""The picture of a campaign's blocks: where each lies, and in which state it is."""

import numpy as np
import pytest

from tasks.core.overview.block_map import COLOURS, LONGER_SIDE_PX, MARGIN_PX, Bounds, block_map


def cell(column: int, row: int) -> Bounds:
    """A block of 10 m, counted from the south-west."""
    return (column * 10.0, row * 10.0, column * 10.0 + 10, row * 10.0 + 10)


def test_each_block_has_the_colour_of_its_state_where_it_lies() -> None:
    """North is up."""
    states = {(0, 0): "waiting", (1, 0): "running", (0, 1): "done", (1, 1): "failed"}
    picture = block_map([(cell(*place), state) for place, state in states.items()])
    quarter = LONGER_SIDE_PX // 4
    for (column, row), state in states.items():
        x, y = MARGIN_PX + quarter * (1 + 2 * column), MARGIN_PX + quarter * (3 - 2 * row)
        assert tuple(picture[y, x]) == COLOURS[state]


@pytest.mark.parametrize(("wide", "high"), [(4, 1), (1, 4), (1, 1)])
def test_the_longer_side_is_the_same_whatever_the_shape(wide: int, high: int) -> None:
    """A long valley is a long picture."""
    picture = block_map([(cell(x, y), "done") for x in range(wide) for y in range(high)])
    height, width = (side - 2 * MARGIN_PX for side in picture.shape[:2])
    assert max(height, width) == LONGER_SIDE_PX
    assert width * high == pytest.approx(height * wide, abs=4)


def test_states_are_told_apart_in_grey() -> None:
    """As who cannot see colours, or prints them, has it."""
    grey = sorted(float(np.dot(colour, (0.114, 0.587, 0.299))) for colour in COLOURS.values())
    assert np.diff(grey).min() > 20


def test_a_thousand_blocks_are_all_seen() -> None:
    """Each has some pixels of its colour, though it is smaller than the line around it."""
    done = block_map([(cell(x, y), "done") for x in range(32) for y in range(32)])
    one = [(cell(x, y), "failed" if (x, y) == (7, 9) else "done") for x in range(32) for y in range(32)]
    changed = (block_map(one) != done).any(axis=2)
    assert 50 < changed.sum() < 1000
