"""What a pixel shows where tiles overlap: the rules of the layers."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.arrays import UInt8Array
from tasks.core.masks.labels import split
from tasks.core.rasters.merging import merge_answers, merge_pictures, percent

NO_DATA = 255
PIXELS = st.lists(st.tuples(st.sampled_from([0, 1, 2, 3, NO_DATA]), st.integers(0, 100)), min_size=1, max_size=3)


def _merged(pixels: list[tuple[int, int]], flood_labels: tuple[int, ...]) -> tuple[int, int]:
    labels, confidence = (np.full((1, 1), NO_DATA, np.uint8) for _ in range(2))
    for label, sure in pixels:
        sure_or_none = NO_DATA if label == NO_DATA else sure
        merge_answers(labels, confidence, _one(label), _one(sure_or_none), flood_labels)
    return int(labels[0, 0]), int(confidence[0, 0])


def _one(value: int) -> UInt8Array:
    return np.full((1, 1), value, np.uint8)


@given(PIXELS, st.sampled_from([(1, 2), (1,)]))
def test_flood_and_observed_are_those_of_the_layers(
    pixels: list[tuple[int, int]], flood_labels: tuple[int, ...]
) -> None:
    """Flood where any tile has flood, observed where any tile observed: as ``split`` tells them, in any order."""
    masks = [split(_one(label), np.full((1, 1), label != NO_DATA), flood_labels) for label, _ in pixels]
    for order in permutations(pixels):
        label, _ = _merged(list(order), flood_labels)
        found = split(_one(label), np.full((1, 1), label != NO_DATA), flood_labels)
        assert found.flood.any() == any(mask.flood.any() for mask in masks)
        assert found.observed.any() == any(mask.observed.any() for mask in masks)


@given(PIXELS)
def test_confidence_is_of_the_label_that_is_shown(pixels: list[tuple[int, int]]) -> None:
    """That of the surest tile with this label."""
    label, confidence = _merged(pixels, (1, 2))
    sure = [one for other, one in pixels if other == label and label != NO_DATA]
    assert confidence == max(sure, default=NO_DATA)


def test_percent() -> None:
    """0 and 255 of a model are 0 and 100; nothing is known outside the valid mask, and without a confidence."""
    valid = np.array([[True, True, True, False]])
    assert percent(np.array([[0, 128, 255, 255]], np.uint8), valid).tolist() == [[0, 50, 100, NO_DATA]]
    assert percent(None, valid).tolist() == [[NO_DATA] * 4]


@pytest.mark.parametrize(("colour", "expected"), [((5, 5, 5), (90, 80, 70)), ((12, 0, 0), (12, 0, 0))])
def test_what_may_be_padding_covers_nothing(colour: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """A pixel that is dark in all bands shows only where nothing else does."""
    mosaic = np.zeros((4, 1, 2), np.uint8)
    mosaic[:, 0, 0] = 90, 80, 70, 255
    merge_pictures(mosaic, np.full((1, 2, 3), colour, np.uint8), np.ones((1, 2), np.bool_))
    assert tuple(mosaic[:3, 0, 0].tolist()) == expected
    assert mosaic[:, 0, 1].tolist() == [*colour, 255]
