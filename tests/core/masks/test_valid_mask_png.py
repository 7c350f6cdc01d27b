"""Valid masks as files."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from tasks.core.errors import UnreadableImage
from tasks.core.masks.valid_mask_png import decode_valid, encode_valid

MASK = np.array([[True, False, True], [False, True, True]])


def declared(width_px: int, height_px: int, depth: int = 8, colour: int = 0) -> bytes:
    """A PNG that declares a size, with a row of pixels in it."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width_px, height_px, depth, colour, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(1 + min(width_px, 99)))),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def test_a_valid_mask_survives_being_kept() -> None:
    """What is written is read back the same."""
    np.testing.assert_array_equal(decode_valid(encode_valid(MASK), 3, 2, "a"), MASK)


@pytest.mark.parametrize(
    "png",
    [
        b"",
        declared(32_000, 32_000),
        declared(2, 3),
        declared(3, 2, depth=16),
        declared(3, 2, colour=2),
        encode_valid(MASK)[:-5],
        cv2.imencode(".jpg", MASK.astype(np.uint8))[1].tobytes(),
    ],
)
def test_another_file_is_refused_by_its_header(png: bytes) -> None:
    """Of another size, depth or kind, or cut: nothing is decoded that is not this tile's mask."""
    with pytest.raises(UnreadableImage, match=r"a\.png: the valid mask is damaged"):
        decode_valid(png, 3, 2, "a.png")
