"""Codestreams that are whole but unusual, made of ordinary ones: end markers, lengths and numbers of tile parts."""

import io
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

EOC = bytes.fromhex("ffd9")
SOT = bytes.fromhex("ff90000a")
LENGTH_AT, DECLARED_AT = 6, 11  # Psot and TNsot in a tile part's header


@dataclass(frozen=True)
class TilePartPlace:
    """Where a tile part lies in a codestream."""

    start: int
    end: int


def waves(height: int, width: int, bands: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    """uint8 (height, width, bands): smooth with a little noise, none of it like another part."""
    down, across = np.mgrid[:height, :width]
    noise = np.random.default_rng(seed).normal(0, 3, (height, width, bands))
    shapes = [128 + 60 * np.sin(across / (9 + 4 * band) + down / (31 - 5 * band)) for band in range(bands)]
    return (np.stack(shapes, axis=2) + noise).clip(0, 255).astype(np.uint8)


def encoded(pixels: NDArray[np.uint8], **options: Any) -> bytes:
    """A lossless codestream by Pillow, which can place image and tile grid anywhere on the reference grid."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG2000", **({"no_jp2": True, "num_resolutions": 3} | options))
    return file.getvalue()


def tile_parts(stream: bytes) -> list[TilePartPlace]:
    """Where the tile parts of a whole codestream lie."""
    found, position = [], stream.index(SOT)
    while stream[position : position + len(SOT)] == SOT:
        (length,) = struct.unpack_from(">I", stream, position + LENGTH_AT)
        found.append(TilePartPlace(position, position + length))
        position += length
    return found


def without_last_length(stream: bytes) -> bytes:
    """The last tile part reaches to the end marker, without saying how long it is."""
    at = tile_parts(stream)[-1].start + LENGTH_AT
    return stream[:at] + bytes(4) + stream[at + 4 :]


def with_end_in_last_length(stream: bytes) -> bytes:
    """The last tile part counts the end marker among its own bytes."""
    place = tile_parts(stream)[-1]
    return (
        stream[: place.start + LENGTH_AT]
        + struct.pack(">I", place.end + len(EOC) - place.start)
        + stream[place.start + LENGTH_AT + 4 :]
    )


def without_counts(stream: bytes) -> bytes:
    """No tile part says how many its tile has."""
    changed = bytearray(stream)
    for place in tile_parts(stream):
        changed[place.start + DECLARED_AT] = 0
    return bytes(changed)


def declaring(stream: bytes, number: int, parts: int) -> bytes:
    """A tile part says that its tile has so many."""
    at = tile_parts(stream)[number].start + DECLARED_AT
    return stream[:at] + bytes([parts]) + stream[at + 1 :]
