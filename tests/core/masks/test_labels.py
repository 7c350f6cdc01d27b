"""An endpoint's answer is believed only if it is a label mask of the image that was sent."""

import io
import struct
import zlib
from contextlib import suppress

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from tasks.core.errors import WrongMask, WrongMaskFormat
from tasks.core.masks.labels import decode_mask, encode_mask, split

LABELS = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.integers(0, 2))
MAPPED = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.integers(0, 3))
MASK = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)


SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Adam7: first column and row of each pass, and the steps between its columns and rows.
WHOLE = [(0, 0, 1, 1)]
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def _chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _file(*chunks: bytes) -> bytes:
    return SIGNATURE + b"".join(chunks) + _chunk(b"IEND")


def _ihdr(width: int, height: int, depth: int = 8, colour: int = 0, interlaced: int = 0) -> bytes:
    return _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))


def _png(width: int, height: int, depth: int = 8, colour: int = 0) -> bytes:
    """A PNG that declares much and holds nothing."""
    return _file(_ihdr(width, height, depth, colour))


def _idat(labels: np.ndarray, depth: int = 8, passes: list[tuple[int, int, int, int]] = WHOLE) -> bytes:
    """Samples packed bit by bit, rows unfiltered, as the standard has them."""
    rows = [row for x, y, right, down in passes for row in labels[y::down, x::right] if row.size]
    bits = [np.unpackbits(row[:, None], axis=1)[:, 8 - depth :].ravel() for row in rows]
    return _chunk(b"IDAT", zlib.compress(b"".join(b"\0" + np.packbits(row).tobytes() for row in bits)))


def _written(labels: np.ndarray, depth: int, colour: int, *more: bytes, interlaced: bool = False) -> bytes:
    """Labels in any of the forms of PNG that can hold them; the palette of an indexed one is noise."""
    height, width = labels.shape
    palette = [_chunk(b"PLTE", np.random.default_rng(depth).bytes(3 * 2**depth))] if colour == 3 else []
    passes = ADAM7 if interlaced else WHOLE
    return _file(_ihdr(width, height, depth, colour, interlaced), *more, *palette, _idat(labels, depth, passes))


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


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("colour", [0, 3], ids=["grey", "indexed"])
@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@given(labels=LABELS)
@settings(max_examples=25)
def test_every_form_of_one_channel_is_read(labels: np.ndarray, depth: int, colour: int, interlaced: bool) -> None:
    """Samples of a grey mask, indices of an indexed one whatever its palette, at any depth, are the labels."""
    labels = np.minimum(labels, 2**depth - 1)
    height, width = labels.shape
    answer = _written(labels, depth, colour, interlaced=interlaced)
    assert np.array_equal(decode_mask(answer, width, height, "a"), labels)


def test_an_indexed_mask_as_aws_trains_with_is_read() -> None:
    """The usual palette of such annotations makes label 2 green: the colours do not matter."""
    image, file = Image.fromarray(MASK).convert("P"), io.BytesIO()
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    image.save(file, "PNG")
    assert np.array_equal(decode_mask(file.getvalue(), 3, 2, "a"), MASK)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "not a PNG"),
        (b"<html>", "not a PNG"),
        (_encoded(".jpg", MASK), "not a PNG"),
        (_encoded(".png", np.zeros((3, 2), np.uint8)), "2 x 3 px"),
        (_encoded(".png", np.zeros((2, 3, 3), np.uint8)), "RGB"),
        (_encoded(".png", np.zeros((2, 3, 4), np.uint8)), "RGB with alpha"),
        (_png(3, 2, colour=4), "grey with alpha"),
        (_encoded(".png", np.zeros((2, 3), np.uint16)), "16-bit"),
        (_encoded(".png", MASK + 1), "label 3"),
        (_encoded(".png", MASK * 127), "label 254"),
        (_written(MASK + 1, 2, 0), "label 3"),
        (_written(MASK * 7, 4, 3), "label 14"),
        (_written(MASK, 8, 0, _chunk(b"acTL", bytes(8))), "animated"),
    ],
)
def test_a_wrong_format_is_refused_as_such(answer: bytes, message: str) -> None:
    """Other formats, sizes, channels, depths and values are refused as what every answer of the model will be."""
    with pytest.raises(WrongMaskFormat, match=rf"north/a\.jp2: .*{message}"):
        decode_mask(answer, 3, 2, "north/a.jp2")


def _flipped(answer: bytes, place: int) -> bytes:
    return answer[:place] + bytes([answer[place] ^ 1]) + answer[place + 1 :]


@pytest.mark.parametrize(
    "answer",
    [
        encode_mask(MASK)[:-5],
        encode_mask(MASK)[:40],
        encode_mask(MASK)[:12],
        _png(3, 2),
        _png(3, 2, depth=1),
        _png(3, 2, colour=3),
        _flipped(encode_mask(MASK), 24),
        _flipped(encode_mask(MASK), 45),
        _file(_ihdr(3, 2), _idat(MASK[:1])),
        _file(_ihdr(3, 2), _ihdr(60_000, 60_000), _idat(MASK)),
        _file(_ihdr(3, 2), _chunk(b"WHAT"), _idat(MASK)),
        _file(_ihdr(3, 2), _chunk(b"IDAT", b"not zlib")),
        _file(_chunk(b"tEXt"), _ihdr(3, 2), _idat(MASK)),
    ],
)
def test_damage_of_one_answer_is_no_wrong_format(answer: bytes) -> None:
    """What is cut or corrupted says nothing of the model's other answers: a depth that a flipped bit made least."""
    with pytest.raises(WrongMask, match=r"north/a\.jp2: .*damaged or cut short") as refused:
        decode_mask(answer, 3, 2, "north/a.jp2")
    assert not isinstance(refused.value, WrongMaskFormat)


@given(st.binary(max_size=200), st.integers(0, 200))
def test_no_bytes_are_a_fault_of_the_program(noise: bytes, place: int) -> None:
    """Whatever lies in an answer, it is labels or an error that says so."""
    whole = _written(MASK, 2, 3)
    for answer in (noise, whole[:place] + noise, SIGNATURE + noise, whole[:place] + noise + whole[place:]):
        with suppress(WrongMask):
            assert decode_mask(answer, 3, 2, "a").shape == (2, 3)


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP", b"tRNS", b"eXIf"])
def test_what_holds_no_pixels_is_not_unfolded(kind: bytes) -> None:
    """A text or profile of some kilobytes that unfolds to a gigabyte costs nothing, and the mask is read."""
    bomb = _chunk(kind, b"a\0\0" + zlib.compress(bytes(50_000_000)))
    assert np.array_equal(decode_mask(_written(MASK, 8, 3, bomb), 3, 2, "a"), MASK)


def test_the_same_labels_give_the_same_bytes() -> None:
    """What is kept goes by the labels alone, whatever file the model sent."""
    files = [_written(MASK, depth, colour) for depth in (2, 4, 8) for colour in (0, 3)]
    assert {encode_mask(decode_mask(file, 3, 2, "a")) for file in files} == {encode_mask(MASK)}


def test_a_bomb_is_refused_by_its_header() -> None:
    """A PNG of a few bytes that declares gigabytes of pixels is refused for its size, before it is decoded."""
    with pytest.raises(WrongMask, match="2000000000 x 2000000000 px"):
        decode_mask(_png(2_000_000_000, 2_000_000_000), 3, 2, "a")


@given(MAPPED, st.randoms(use_true_random=False), st.sampled_from([{1}, {2}, {1, 2}, {0, 1}]))
def test_every_valid_pixel_is_observed_or_not_assessed(labels: np.ndarray, random: object, counts: set[int]) -> None:
    """Observed and unassessed share the valid pixels, flood lies in observed, and nothing is both."""
    seed = random.randrange(2**32)  # type: ignore[attr-defined]
    valid = np.random.default_rng(seed).random(labels.shape) < 0.7
    masks = split(labels, valid, counts)
    assert np.array_equal(masks.observed ^ masks.unassessed, valid)
    assert not (masks.flood & ~masks.observed).any()
    assert masks.flood.sum() + masks.flood_px_in_padding == np.isin(labels, list(counts)).sum()


def test_flood_under_cloud_counts_or_is_not_assessed() -> None:
    """Label 2 is flood where it counts as flood, else not assessed; it is never plain dry ground."""
    valid = np.ones(MASK.shape, bool)
    assert split(MASK, valid, [1, 2]).flood.sum() == 4
    assert np.array_equal(split(MASK, valid, [1]).unassessed, MASK == 2)


def test_classes_of_another_model_are_labels_by_a_map() -> None:
    """Of any number; one beyond the map is refused with the parameter to mend."""
    classes = np.array([[0, 17, 200]], np.uint8)
    class_map = [0] * 17 + [1] + [0] * 182 + [3]
    assert decode_mask(encode_mask(classes), 3, 1, "a", class_map).tolist() == [[0, 1, 3]]
    with pytest.raises(WrongMask, match=r"the label 200: .*`labels`"):
        decode_mask(encode_mask(classes), 3, 1, "a", class_map[:-1])


@pytest.mark.parametrize("counts", [[1], [1, 2]])
def test_ignored_ground_is_never_dry(counts: list[int]) -> None:
    """It is not assessed, whatever counts as flood, and outside the valid mask it is nothing."""
    labels, valid = np.array([[0, 1, 3, 3]], np.uint8), np.array([[True, True, True, False]])
    masks = split(labels, valid, counts)
    assert masks.unassessed.tolist() == [[False, False, True, False]]
    assert masks.observed.tolist() == [[True, True, False, False]]
