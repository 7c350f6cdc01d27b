"""An endpoint's answer is believed only if it is a label mask of the image that was sent."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from tasks.core.errors import WrongMask
from tasks.core.labels import decode_mask, encode_mask, split

LABELS = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.integers(0, 2))
MASK = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)


def _png(width: int, height: int, depth: int = 8, colour: int = 0) -> bytes:
    """A PNG that declares much and holds nothing."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IEND\xaeB`\x82"


def _encoded(extension: str, array: np.ndarray) -> bytes:
    return bytes(cv2.imencode(extension, array)[1])


@given(LABELS)
def test_labels_survive_the_journey(labels: np.ndarray) -> None:
    """What is encoded comes back the same."""
    height, width = labels.shape
    assert np.array_equal(decode_mask(encode_mask(labels), width, height, "a"), labels)


def test_an_independent_writer_s_mask_is_read() -> None:
    """A mask written by another library than ours is read just so."""
    file = io.BytesIO()
    Image.fromarray(MASK).save(file, "PNG")
    assert np.array_equal(decode_mask(file.getvalue(), 3, 2, "a"), MASK)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "not a PNG"),
        (b"<html>", "not a PNG"),
        (_encoded(".jpg", MASK), "not a PNG"),
        (_encoded(".png", np.zeros((3, 2), np.uint8)), "2 x 3 px"),
        (_encoded(".png", np.zeros((2, 3, 3), np.uint8)), "RGB"),
        (_encoded(".png", np.zeros((2, 3), np.uint16)), "16-bit"),
        (_encoded(".png", MASK + 1), "label 3"),
        (_encoded(".png", MASK * 127), "label 254"),
        (encode_mask(MASK)[:-5], "cut short"),
        (encode_mask(MASK)[:40], "cut short"),
        (_png(3, 2), "damaged"),
        (_png(3, 2, depth=1), "1-bit"),
        (_png(3, 2, colour=3), "palette"),
    ],
)
def test_anything_else_is_refused(answer: bytes, message: str) -> None:
    """Other formats, sizes, channels, depths, values and cut files are refused with the tile and the reason."""
    with pytest.raises(WrongMask, match=rf"north/a\.jp2: .*{message}"):
        decode_mask(answer, 3, 2, "north/a.jp2")


def test_a_bomb_is_refused_by_its_header() -> None:
    """A PNG of a few bytes that declares gigabytes of pixels is refused for its size, before it is decoded."""
    with pytest.raises(WrongMask, match="2000000000 x 2000000000 px"):
        decode_mask(_png(2_000_000_000, 2_000_000_000), 3, 2, "a")


@given(LABELS, st.randoms(use_true_random=False), st.sampled_from([{1}, {2}, {1, 2}, {0, 1}]))
def test_every_valid_pixel_is_observed_or_not_assessed(labels: np.ndarray, random: object, counts: set[int]) -> None:
    """Observed and unassessed share the valid pixels, flood lies in observed, and nothing is both."""
    seed = random.randrange(2**32)  # type: ignore[attr-defined]
    valid = np.random.default_rng(seed).random(labels.shape) < 0.7
    masks = split(labels, valid, counts)
    assert np.array_equal(masks.observed ^ masks.unassessed, valid)
    assert not (masks.flood & ~masks.observed).any()
    assert masks.flood.sum() + masks.removed_px == np.isin(labels, list(counts)).sum()


def test_flood_under_cloud_counts_or_is_not_assessed() -> None:
    """Label 2 is flood where it counts as flood, else not assessed; it is never plain dry ground."""
    valid = np.ones(MASK.shape, bool)
    assert split(MASK, valid, [1, 2]).flood.sum() == 4
    assert np.array_equal(split(MASK, valid, [1]).unassessed, MASK == 2)
