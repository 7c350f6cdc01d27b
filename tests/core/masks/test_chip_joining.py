"""The answers to chips become one answer."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.core.chip_layout import ChipLayout
from tasks.core.errors import WrongMaskFormat
from tasks.core.masks.answers import answer_of
from tasks.core.masks.chip_joining import join

LAYOUTS = st.builds(
    ChipLayout, st.integers(1, 300), st.integers(1, 300), st.sampled_from([64, 96, 128]), st.integers(16, 32)
)


def probabilities(shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    """Of two or three labels, another in each pixel."""
    scores = np.random.default_rng(seed).random(shape, np.float32) + np.float32(0.01)
    return np.asarray(scores / scores.sum(axis=0), np.float32)


@given(LAYOUTS, st.sampled_from([2, 3]), st.integers(0, 99))
def test_chips_of_one_answer_give_it_back(layout: ChipLayout, labels: int, seed: int) -> None:
    """Where all chips say the same of a pixel, so does what is joined: label, and confidence to a rounding."""
    whole = probabilities((labels, layout.height_px, layout.width_px), seed)
    found, expected = join(layout, (whole[:, *chip.whole] for chip in layout), "tile"), answer_of(whole)
    assert found.confidence is not None
    assert expected.confidence is not None
    np.testing.assert_array_equal(found.labels[expected.confidence > 0], expected.labels[expected.confidence > 0])
    np.testing.assert_allclose(found.confidence, expected.confidence.astype(int), atol=1)


def test_the_middle_of_a_chip_weighs_more_than_its_edge() -> None:
    """Of two chips that contradict each other the nearer wins, and in the middle between them nobody is sure."""
    layout = ChipLayout(104, 8, 64, 16)
    left, right = (np.full((2, 8, chip.columns.length), 0, np.float32) for chip in layout)
    left[0], right[1] = 1, 1
    found = join(layout, [left, right], "tile")
    assert found.confidence is not None
    assert found.labels[0].tolist() == [0] * 52 + [1] * 52
    assert found.confidence[0, 42] == 255 > found.confidence[0, 49] > 200
    assert found.confidence[0, 51] < 100


@given(LAYOUTS, st.integers(0, 99))
def test_labels_are_those_of_the_nearest_chip(layout: ChipLayout, seed: int) -> None:
    """No pixel is lost, and none is mixed of two; how sure they are nobody has said."""
    labels = np.random.default_rng(seed).integers(0, 3, (layout.height_px, layout.width_px), dtype=np.uint8)
    found = join(layout, (labels[chip.whole] for chip in layout), "tile")
    assert found.confidence is None
    np.testing.assert_array_equal(found.labels, labels)


@given(st.integers(1, 300), st.integers(64, 72), st.integers(0, 99))
def test_a_model_that_looks_around_itself_is_not_believed_at_a_chips_edge(width: int, height: int, seed: int) -> None:
    """What it makes up beyond a chip's edge, eight pixels far, changes nothing, however little of the image is left."""
    layout = ChipLayout(width, height, 64, 16)
    image = np.random.default_rng(seed).random((height, width), np.float32)

    def model(part: NDArray[np.float32]) -> NDArray[np.float32]:
        brightest = cv2.dilate(part, np.ones((17, 17), np.uint8))  # of what it sees
        return np.stack([1 - brightest, brightest])

    found, expected = join(layout, (model(image[chip.whole]) for chip in layout), "tile"), answer_of(model(image))
    np.testing.assert_array_equal(found.labels, expected.labels)


def test_answers_of_two_kinds_are_an_error() -> None:
    """A model that answers some chips with labels alone is not believed to know how sure it is."""
    layout = ChipLayout(104, 8, 64, 16)
    sizes = [(chip.rows.length, chip.columns.length) for chip in layout]
    with pytest.raises(WrongMaskFormat, match="tile: the endpoint answered some of its chips in another form"):
        join(layout, [probabilities((2, *sizes[0]), 1), np.zeros(sizes[1], np.uint8)], "tile")
