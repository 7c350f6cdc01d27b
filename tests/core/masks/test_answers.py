"""Answers of endpoints: probabilities as SageMaker sends them become labels and how sure they are."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from tasks.core.errors import WrongMask, WrongMaskFormat
from tasks.core.masks import probabilities
from tasks.core.masks.answers import answer_of, decode_answer
from tasks.core.masks.labels import encode_mask
from tasks.core.masks.png_masks import decode_grey, encode
from tasks.core.protobuf_wire import of_bytes, of_varint

SCORES = arrays.arrays(
    np.float32, st.tuples(st.integers(2, 3), st.integers(1, 9), st.integers(1, 9)), elements=st.floats(0, 1, width=32)
)


def of_scores(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities: scores that sum up to 1."""
    return ((scores + np.float32(0.01)) / (scores + np.float32(0.01)).sum(axis=0)).astype(np.float32)


def sent(values: list[float], shape: list[int], *, packed: bool = True) -> bytes:
    """A record, written field by field after the schema, as another program may write it."""
    numbers = [of_varint(side) for side in shape]
    sides = of_bytes(1, b"".join(numbers)) if packed else b"".join(of_varint(1 << 3) + number for number in numbers)
    target = of_bytes(2, of_bytes(1, struct.pack(f"<{len(values)}f", *values)))
    entries = [(b"shape", of_bytes(7, sides)), (b"target", target)]
    record = b"".join(of_bytes(1, of_bytes(1, name) + of_bytes(2, tensor)) for name, tensor in entries)
    return struct.pack("<II", 0xCED7230A, len(record)) + record + bytes(-len(record) % 4)


@given(SCORES)
def test_the_most_probable_label_wins(scores: NDArray[np.float32]) -> None:
    """The first of equals; and the confidence is its lead, as sorting has it."""
    found = of_scores(scores)
    answer = answer_of(decode_answer(probabilities.encode(found), found.shape[2], found.shape[1], "tile"))
    np.testing.assert_array_equal(answer.labels, found.argmax(axis=0))
    ordered = np.sort(found, axis=0)
    assert answer.confidence is not None
    np.testing.assert_allclose(answer.confidence, 255 * (ordered[-1] - ordered[-2]), atol=0.51)


@pytest.mark.parametrize("packed", [True, False])
def test_records_of_other_programs_are_read(packed: bool) -> None:
    """Features in any order, integers packed or each a field."""
    answer = decode_answer(sent([0.9, 0.2, 0.1, 0.8], [1, 2, 1, 2], packed=packed), 2, 1, "tile")
    assert answer.argmax(axis=0).tolist() == [[0, 1]]


def test_a_label_mask_is_an_answer_too() -> None:
    """As who cannot say how sure it is gives it."""
    labels = np.array([[0, 1, 2]], np.uint8)
    np.testing.assert_array_equal(decode_answer(encode_mask(labels), 3, 1, "tile"), labels)


@pytest.mark.parametrize(
    "content",
    [
        sent([0.9, 0.1], [1, 2, 1, 2]),
        sent([0.9, 0.2, 0.1, 0.8], [1, 2, 1, 2])[:-9],
        sent([0.9, 0.2, 0.1, 0.8], [2, 1, 2]),
        struct.pack("<II", 0xCED7230A, 2) + b"\xff\xff\0\0",
        struct.pack("<II", 0xCED7230A, 0),
        struct.pack("<II", 0xCED7230A, 1 << 29 | 4) + bytes(4),
        struct.pack("<I", 0xCED7230A),
        struct.pack("<II", 0xCED7230A, 2_000_000) + b"\x0a\x00" * 1_000_000,
        sent([0.9, 0.2, 0.1, 0.8], [1] * 300_000),
    ],
    ids=["values", "cut", "axes", "no message", "empty", "part of a record", "no length", "many fields", "many axes"],
)
def test_damaged_probabilities_are_an_error(content: bytes) -> None:
    """Nothing of them is believed."""
    with pytest.raises(WrongMask, match="tile: the probabilities of") as raised:
        decode_answer(content, 2, 1, "tile")
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize(
    ("values", "shape", "message"),
    [
        ([0.9, 0.2, 0.1, 0.8], [1, 2, 2, 1], "for an image of 2 x 1 px"),
        ([0.25] * 8, [1, 4, 1, 2], "two or three classes"),
        ([1.0, 1.0], [1, 1, 1, 2], "two or three classes"),
        ([3.0, -2.0, 1.0, 5.0], [1, 2, 1, 2], "does not sum up to 1"),
        ([float("nan"), 0.5, 0.5, 0.5], [1, 2, 1, 2], "does not sum up to 1"),
        ([1.5, 0.5, -0.5, 0.5], [1, 2, 1, 2], "does not sum up to 1"),
    ],
)
def test_other_numbers_are_no_probabilities(values: list[float], shape: list[int], message: str) -> None:
    """Of another size, of other classes, or scores: none of the model's answers would be better."""
    with pytest.raises(WrongMaskFormat, match=message):
        decode_answer(sent(values, shape), 2, 1, "tile")


def test_a_confidence_comes_back_from_its_file() -> None:
    """Of its own size alone."""
    confidence = answer_of(of_scores(np.random.default_rng(1).random((2, 4, 5), np.float32))).confidence
    assert confidence is not None
    np.testing.assert_array_equal(decode_grey(encode(confidence), 5, 4, "tile"), confidence)
    with pytest.raises(WrongMask):
        decode_grey(encode(confidence), 4, 5, "tile")


@given(
    arrays.arrays(np.float32, (6, 3, 4), elements=st.floats(0, 1, width=32)),
    st.lists(st.integers(0, 3), min_size=6, max_size=6).filter(lambda labels: 1 in labels),
)
def test_probabilities_of_many_classes_are_those_of_labels(scores: NDArray[np.float32], class_map: list[int]) -> None:
    """The label is that of the most probable class, the confidence its lead over the next label, as sorting has it."""
    found = of_scores(scores)
    by_label = decode_answer(probabilities.encode(found), 4, 3, "tile", class_map)
    answer = answer_of(by_label)
    best = np.stack([np.where(np.equal(class_map, one)[:, None, None], found, 0).max(axis=0) for one in range(4)])
    chosen = np.take_along_axis(best, answer.labels[np.newaxis], axis=0)[0]
    np.testing.assert_array_equal(chosen, found.max(axis=0))
    ordered = np.sort(best, axis=0)
    assert answer.confidence is not None
    np.testing.assert_allclose(answer.confidence, 255 * (ordered[-1] - ordered[-2]) / best.sum(axis=0), atol=0.51)


@pytest.mark.parametrize("class_map", [[0, 1], [0, 1, 0, 3]])
def test_a_map_names_each_class_of_the_probabilities(class_map: list[int]) -> None:
    """Of too few or too many it is another model's, and every label might be wrong."""
    content = sent([0.2, 0.2, 0.1, 0.1, 0.7, 0.7], [1, 3, 1, 2])
    with pytest.raises(WrongMaskFormat, match=f"{len(class_map)} classes of its size are needed.*`labels`"):
        decode_answer(content, 2, 1, "tile", class_map)
