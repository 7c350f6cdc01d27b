"""Masks as PNG of one channel: written the same way each time, and nothing of a stranger's file believed unchecked.

Only what holds the pixels reaches the decoder, each chunk with its checksum verified, which Pillow leaves out for
IDAT: text, profiles and animations, where a few bytes can unfold to gigabytes, are not looked into.
"""

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from tasks.core.arrays import UInt8Array
from tasks.core.errors import WrongMask, WrongMaskFormat

GREY, INDEXED = 0, 3
DEPTHS = (1, 2, 4, 8)
COLOUR_TYPES = {GREY: "grey", 2: "RGB", INDEXED: "indexed", 4: "grey with alpha", 6: "RGB with alpha"}

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NEEDED = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_ANIMATED = b"acTL"
_HEADER_BYTES = 13
_FRAME_BYTES, _DATA = 12, slice(8, -4)  # of a chunk: length and type before the data, checksum after
_ANCILLARY = 0x20  # bit of a chunk type's first letter: without it nobody may skip the chunk
# Adam7, the one way of interlacing: first column and row of each pass, and the steps between its columns and rows.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_IN_ONE_PASS = ((0, 0, 1, 1),)
# Runs of one value are what masks are made of: measured the fastest and the smallest of zlib's strategies.
_RUN_LENGTHS, _FAST = zlib.Z_RLE, 1


@dataclass(frozen=True, slots=True)
class Header:
    """What a PNG declares itself to be.

    Attributes:
        width_px: Columns.
        height_px: Rows.
        depth: Bits of a sample.
        colour: Colour type, a key of ``COLOUR_TYPES``.
        interlaced: Whether its rows come in seven passes.
    """

    width_px: int
    height_px: int
    depth: int
    colour: int
    interlaced: bool = False

    @property
    def data_bytes(self) -> int:
        """Bytes of its one-channel pixels, each row with a byte that names its filter, before compression."""
        return sum(
            rows * (1 + -(-columns * self.depth // 8))
            for x, y, right, down in (_ADAM7 if self.interlaced else _IN_ONE_PASS)
            if (columns := -(-(self.width_px - x) // right)) > 0 and (rows := -(-(self.height_px - y) // down)) > 0
        )


def encode(values: UInt8Array) -> bytes:
    """Encode (height, width) uint8 as a grey 8-bit PNG: the same values give the same bytes."""
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG", compress_level=_FAST, compress_type=_RUN_LENGTHS)
    return file.getvalue()


def read_header(png: bytes, name: str) -> Header:
    """The header, before anything else is looked at.

    Raises:
        WrongMaskFormat: It is not a PNG.
        WrongMask: It is one, and damaged.
    """
    if not png.startswith(_SIGNATURE):
        raise WrongMaskFormat(
            f"{name}: the answer is not a PNG (it starts with {png[:8]!r}): check the endpoint's accept type"
        )
    kind, chunk = next(_chunks(png, name))
    data = chunk[_DATA]
    if kind != b"IHDR" or len(data) != _HEADER_BYTES:
        raise damaged(png, name)
    compression, filtering, interlace = data[10:]
    if compression or filtering or interlace > 1:
        raise damaged(png, name)
    size = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")
    return Header(*size, depth=data[8], colour=data[9], interlaced=bool(interlace))


def decode(png: bytes, name: str) -> UInt8Array:
    """The samples of a grey mask, the palette indices of an indexed one, as (height, width) uint8.

    The caller has judged the header: as many pixels as it declares are decoded.

    Raises:
        WrongMaskFormat: It is animated.
        WrongMask: It is damaged, or cut short.
    """
    header, kept, pixels = read_header(png, name), [_SIGNATURE], []
    for kind, chunk in _chunks(png, name):
        pixels += [chunk[_DATA]] if kind == b"IDAT" else []
        if kind == _ANIMATED:
            raise WrongMaskFormat(f"{name}: the mask is an animated PNG, not a single image")
        if kind in _NEEDED:
            kept.append(chunk)
        elif not kind[0] & _ANCILLARY:
            raise damaged(png, name)
    if not _is_whole(b"".join(pixels), header):
        raise damaged(png, name)
    values = _unscaled(_decoded(b"".join(kept), png, name), header)
    if values.shape != (header.height_px, header.width_px):
        raise damaged(png, name)
    return values


def decode_grey(png: bytes, width_px: int, height_px: int, name: str) -> UInt8Array:
    """Decode (height, width) uint8 as ``encode`` writes it; the header is judged first, as it can declare gigabytes.

    Raises:
        WrongMask: It is not whole, or of another size or form.
    """
    if read_header(png, name) != Header(width_px, height_px, 8, GREY):
        raise damaged(png, name)
    return decode(png, name)


def damaged(png: bytes, name: str) -> WrongMask:
    """The error for a PNG that is not whole."""
    return WrongMask(f"{name}: the mask of {len(png)} bytes is damaged or cut short: predict it again")


def _is_whole(pixels: bytes, header: Header) -> bool:
    """Whether the compressed data hold every row: Pillow leaves rows that are missing at 0, which would be no flood."""
    unpacking = zlib.decompressobj()
    try:
        return len(unpacking.decompress(pixels, header.data_bytes + 1)) == header.data_bytes and unpacking.eof
    except zlib.error:
        return False


def _decoded(whole: bytes, png: bytes, name: str) -> UInt8Array:
    try:
        # Not Image.open: its limit of pixels is for images whose size nobody has judged.
        with PngImageFile(io.BytesIO(whole)) as image:
            return np.asarray(image, np.uint8)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise damaged(png, name) from error


def _unscaled(values: UInt8Array, header: Header) -> UInt8Array:
    """Undo Pillow's stretching of grey samples of 2 and 4 bit to 0..255; those of 1 bit come as they are."""
    if header.colour != GREY or header.depth in (1, 8):
        return values
    return values // np.uint8(255 // (2**header.depth - 1))


def _chunks(png: bytes, name: str) -> Iterator[tuple[bytes, bytes]]:
    """Type of each chunk, and the whole of it, up to the last, IEND; what follows that is no part of the image."""
    place, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        length, kind = int.from_bytes(png[place : place + 4], "big"), png[place + 4 : place + 8]
        end = place + _FRAME_BYTES + length
        if end > len(png) or zlib.crc32(png[place + 4 : end - 4]) != int.from_bytes(png[end - 4 : end], "big"):
            raise damaged(png, name)
        yield kind, png[place:end]
        place = end
