"""The structure of a JPEG2000 file, read without decoding a pixel: boxes, image size, where it ends.

Source: ISO/IEC 15444-1, annex A (codestream syntax) and annex I (the box file format); ISO/IEC 15444-15, annex A (the
capabilities of HTJ2K); ISO/IEC 15444-2, annex M (header boxes of one codestream and one layer). It is read here, before
GDAL sees the file, to find files that were cut (a decoder may leave its output unwritten without an error) and files
that declare more pixels than anybody has memory for.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.core.errors import CutShort, NotJpeg2000, UnreadableImage
from tasks.core.jpeg2000.metadata_boxes import children, is_cut_text, may_be_seen
from tasks.core.jpeg2000.tile_parts import CODESTREAM_END, START_OF_TILE_PART, ReadRange, TileParts, read_tile_parts

SIGNATURE = bytes.fromhex("0000000c6a5020200d0a870a")
CODESTREAM_START = bytes.fromhex("ff4fff51")  # SOC, then SIZ
JPEG_START = bytes.fromhex("ffd8ff")
MARKERS_FROM = 0xFF00
CAPABILITIES = 0xFF50
PACKED_PACKET_HEADERS = 0xFF60
IMAGE_SIZE = struct.Struct(">HH8IH")  # Lsiz, Rsiz, Xsiz … YTOsiz, Csiz
TILE_SIZE_START = 24  # XTsiz: behind SOC, SIZ, Lsiz, Rsiz and the image's size and origin

FIRST_READ_BYTES = 1 << 16  # one request gets the boxes and the main header of nearly every file
AFTER_MAIN_HEADER_BYTES = 1 << 12  # a decoder looks past the main header for the first tile part
MAX_MAIN_HEADER_BYTES = 4 << 20
MAX_METADATA_BYTES = 8 << 20  # GMLJP2 of a frame has kilobytes; a larger box is a thumbnail or an attack
MAX_BOXES = 1000
MAX_COMPONENTS = 64
PART_15_PROFILE = 1 << 14  # of Rsiz: the codestream needs the capabilities that CAP lists
PART_15_CAPABILITY = 1 << (32 - 15)  # of Pcap: bit 15, counted from the most significant as 1
HEADER_BOXES = (b"jplh", b"jpch", b"jp2h")  # the first that holds a kind of box is the one that counts
COLOUR_GROUP = b"cgrp"


@dataclass(frozen=True, slots=True)
class ImageSize:
    """The SIZ marker segment.

    Attributes:
        width_px: Columns of the image.
        height_px: Rows of the image.
        origin: Column and row of the image's first pixel on the reference grid, nearly always (0, 0).
        tiles: Number of codestream tiles.
        tile_px: Columns and rows of a codestream tile, at most the image's own.
        tile_grid_origin: Column and row where the first codestream tile begins, at most the image's own; nearly always
            the image's.
        tile_grid_px: Columns and rows of the tile grid, which may be larger than the image.
        depths: Bits a component.
        signed: Whether any component has signed samples.
        subsampled: Whether any component has fewer samples than the image has pixels.
    """

    width_px: int
    height_px: int
    origin: tuple[int, int]
    tiles: int
    tile_px: tuple[int, int]
    tile_grid_origin: tuple[int, int]
    tile_grid_px: tuple[int, int]
    depths: tuple[int, ...]
    signed: bool
    subsampled: bool


@dataclass(frozen=True, slots=True)
class Structure:
    """Where things are in a file whose structure holds.

    Attributes:
        size: What the codestream declares.
        header_boxes: Kind and content of the boxes that describe the samples; none in a bare codestream.
        high_throughput: Whether its blocks are coded as HTJ2K (JPEG2000 part 15).
        packed_packet_headers: Whether the main header holds the packet headers of all tile parts (PPM).
        codestream_start: Offset of the codestream in bytes.
        codestream_end: Offset behind its EOC marker, or behind its last tile part where there is none.
        has_end_marker: Whether the EOC marker follows the last tile part, as far as that was looked at.
        tile_parts_start: Offset of the first tile part, behind the main header.
        header_file: A small JPEG2000 file with all metadata and no image data, for GDAL to read the georeference from.
    """

    size: ImageSize
    header_boxes: tuple[tuple[bytes, bytes], ...]
    high_throughput: bool
    packed_packet_headers: bool
    codestream_start: int
    codestream_end: int
    has_end_marker: bool
    tile_parts_start: int
    header_file: bytes


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    content: int
    end: int
    declared_end: int


class _Reader:
    """Bounded reads that remember the file's first bytes, so that a header costs one request."""

    def __init__(self, read_range: ReadRange, size_bytes: int, name: str, *, whole: bool) -> None:
        self.size_bytes, self.name, self.whole = size_bytes, name, whole
        self._read_range = read_range
        self._first = read_range(0, min(FIRST_READ_BYTES, size_bytes)) if size_bytes else b""

    def read(self, start: int, length: int) -> bytes:
        """Exactly `length` bytes, or CutShort."""
        if start + length > self.size_bytes:
            raise CutShort(
                f"{self.name}: cut short: {self.size_bytes} of at least {start + length} bytes. Copy it again"
            )
        inside = start + length <= len(self._first)
        data = self._first[start : start + length] if inside else self._read_range(start, length)
        if len(data) != length:
            raise CutShort(f"{self.name}: cut short: it ends before byte {start + length}. Copy it again")
        return data


def read_structure(read_range: ReadRange, size_bytes: int, name: str, *, whole: bool = True) -> Structure:
    """Walk the boxes and the main header of a JP2 file or a bare codestream.

    Args:
        read_range: Reads a range of the file; asked for a few ranges, never for the image data.
        size_bytes: The file's size.
        name: The file's name, for messages.
        whole: Whether the file must be whole; if not, its header is enough.

    Raises:
        NotJpeg2000: The content is something else.
        CutShort: The file ends before its image does, or before the image begins.
        UnreadableImage: The structure is damaged.
    """
    reader = _Reader(read_range, size_bytes, name, whole=whole)
    boxes = list(_boxes(reader))
    codestream = next((box for box in boxes if box.kind == b"jp2c"), None)
    if codestream is None:
        raise UnreadableImage(f"{name}: holds no JPEG2000 codestream, only metadata. Export the image again")
    size, needs_part_15 = _image_size(reader, codestream.content)
    tile_parts_start, has_part_15, packed = _main_header(reader, codestream)
    end, has_end_marker = codestream.end, True
    if whole and not _ends_with_marker(reader, codestream):
        declared = codestream.declared_end
        parts = read_tile_parts(read_range, tile_parts_start, size_bytes, size.tiles, name, declared_end=declared)
        end, has_end_marker = parts.end, parts.has_end_marker
    return Structure(
        size,
        _header_boxes(reader, boxes),
        needs_part_15 or has_part_15,
        packed,
        codestream.content,
        end,
        has_end_marker,
        tile_parts_start,
        _header_file(reader, boxes, codestream, tile_parts_start),
    )


def check_tile_parts(read_range: ReadRange, structure: Structure, name: str) -> TileParts:
    """Follow the chain of tile parts: each must fit the codestream, and every tile must be there.

    Takes one small read a tile part, so it is for local files.

    Raises:
        CutShort: A tile part reaches beyond the end, or tiles are missing.
        UnreadableImage: The chain is broken.
    """
    start, end, tiles = structure.tile_parts_start, structure.codestream_end, structure.size.tiles
    return read_tile_parts(read_range, start, end, tiles, name, declared_end=end)


def with_wider_tile(codestream: bytes, size_px: tuple[int, int], origin: tuple[int, int]) -> bytes:
    """The codestream of one tile, its tile declared a column wider than the image: every sample stays as it is."""
    width, height = size_px
    placed = struct.pack(">4I", width + 1, height, *origin)  # XTsiz, YTsiz, XTOsiz, YTOsiz
    return codestream[:TILE_SIZE_START] + placed + codestream[TILE_SIZE_START + len(placed) :]


def _boxes(reader: _Reader) -> Iterator[_Box]:
    """The top-level boxes; a bare codestream looks like one box without a header.

    What follows the codestream may be anything: what is no box there ends the list.
    """
    start = reader.read(0, min(len(SIGNATURE), reader.size_bytes))
    if start.startswith(CODESTREAM_START):
        yield _Box(b"jp2c", 0, 0, reader.size_bytes, reader.size_bytes)
        return
    if start != SIGNATURE:
        raise NotJpeg2000(f"{reader.name}: {_what_it_is(start)}, not JPEG2000. Export it as JPEG2000 (.jp2)")
    position, has_codestream = 0, False
    for _ in range(MAX_BOXES):
        try:
            box = _box(reader, position, has_codestream=has_codestream)
        except UnreadableImage:
            if has_codestream:
                return
            raise
        yield box
        position, has_codestream = box.end, has_codestream or box.kind == b"jp2c"
        if position >= reader.size_bytes:
            return
    if not has_codestream:
        raise UnreadableImage(f"{reader.name}: damaged: more than {MAX_BOXES} boxes")


def _ends_with_marker(reader: _Reader, codestream: _Box) -> bool:
    """Whether the end-of-codestream marker is the last of the box, as it should be."""
    start = codestream.end - len(CODESTREAM_END)
    return codestream.end == codestream.declared_end and reader.read(start, len(CODESTREAM_END)) == CODESTREAM_END


def _what_it_is(start: bytes) -> str:
    if not start:
        return "empty (0 bytes)"
    if start.startswith(JPEG_START):
        return "a plain JPEG"
    return f"it begins with the bytes {start[:4].hex(' ')}"


def _box(reader: _Reader, start: int, *, has_codestream: bool) -> _Box:
    """The box at an offset. From the codestream on one may reach beyond the end: its content is what is there."""
    length, kind = struct.unpack(">I4s", reader.read(start, 8))
    header = 8
    if length == 1:
        (length,), header = struct.unpack(">Q", reader.read(start + 8, 8)), 16
    elif length == 0:
        length = reader.size_bytes - start
    if length < header:
        raise UnreadableImage(f"{reader.name}: damaged: a box of {length} bytes at byte {start}. Copy it again")
    end = start + length
    if end > reader.size_bytes and reader.whole and not has_codestream and kind != b"jp2c":
        raise CutShort(f"{reader.name}: cut short: {reader.size_bytes} of {end} bytes. Copy it again")
    return _Box(kind, start, start + header, min(end, reader.size_bytes), end)


def _image_size(reader: _Reader, start: int) -> tuple[ImageSize, bool]:
    """The SIZ marker segment, and whether its profile is that of part 15."""
    if reader.read(start, len(CODESTREAM_START)) != CODESTREAM_START:
        raise UnreadableImage(
            f"{reader.name}: damaged: its codestream does not begin with an image size. Copy it again"
        )
    fixed = reader.read(start + len(CODESTREAM_START), IMAGE_SIZE.size)
    _, profile, x1, y1, x0, y0, tile_width, tile_height, tile_x0, tile_y0, bands = IMAGE_SIZE.unpack(fixed)
    if x1 <= x0 or y1 <= y0 or not tile_width or not tile_height or not 0 < bands <= MAX_COMPONENTS:
        raise UnreadableImage(
            f"{reader.name}: damaged: declares {x1 - x0} x {y1 - y0} px, {bands} bands, "
            f"codestream tiles of {tile_width} x {tile_height}. Copy it again"
        )
    components = reader.read(start + len(CODESTREAM_START) + IMAGE_SIZE.size, 3 * bands)
    size = ImageSize(
        width_px=x1 - x0,
        height_px=y1 - y0,
        origin=(x0, y0),
        tiles=math.ceil((x1 - tile_x0) / tile_width) * math.ceil((y1 - tile_y0) / tile_height),
        tile_px=(min(tile_width, x1 - x0), min(tile_height, y1 - y0)),
        tile_grid_origin=(tile_x0, tile_y0),
        tile_grid_px=(tile_width, tile_height),
        depths=tuple((depth & 0x7F) + 1 for depth in components[::3]),
        signed=any(depth & 0x80 for depth in components[::3]),
        subsampled=any(step != 1 for at, step in enumerate(components) if at % 3),
    )
    return size, bool(profile & PART_15_PROFILE)


def _header_boxes(reader: _Reader, boxes: list[_Box]) -> tuple[tuple[bytes, bytes], ...]:
    """What the headers of the first layer, of the first codestream and of the file say, in this order of precedence."""
    found: list[tuple[bytes, bytes]] = []
    for kind in HEADER_BOXES:
        box = next((box for box in boxes if box.kind == kind and box.end - box.content <= MAX_METADATA_BYTES), None)
        if box is None:
            continue
        try:
            parts = list(children(reader.read(box.content, box.end - box.content)))
            parts += [part for kind, content in parts if kind == COLOUR_GROUP for part in children(content)]
        except (struct.error, ValueError) as error:
            raise UnreadableImage(f"{reader.name}: damaged: {error}. Copy it again") from error
        known = {kind for kind, _ in found}
        found += [part for part in parts if part[0] not in known]
    return tuple(found)


def _main_header(reader: _Reader, codestream: _Box) -> tuple[int, bool, bool]:
    """Where the first tile part begins, and by the marker segments before it: whether CAP lists part 15, and of PPM."""
    position, high_throughput, packed = codestream.content + 2, False, False
    while position < min(codestream.end, codestream.content + MAX_MAIN_HEADER_BYTES):
        marker, length = struct.unpack(">HH", reader.read(position, 4))
        if marker == START_OF_TILE_PART:
            return position, high_throughput, packed
        if marker == CAPABILITIES:
            (capabilities,) = struct.unpack(">I", reader.read(position + 4, 4))
            high_throughput = bool(capabilities & PART_15_CAPABILITY)
        packed = packed or marker == PACKED_PACKET_HEADERS
        if marker < MARKERS_FROM or length < 2:  # noqa: PLR2004 - a segment's length counts itself
            break
        position += 2 + length
    raise UnreadableImage(f"{reader.name}: damaged: its main header is broken at byte {position}. Copy it again")


def _header_file(reader: _Reader, boxes: list[_Box], codestream: _Box, tile_parts_start: int) -> bytes:
    """The boxes that place the image, their lengths spelled out, and the codestream cut behind its main header."""
    stop = min(codestream.end, tile_parts_start + AFTER_MAIN_HEADER_BYTES)
    main_header = reader.read(codestream.content, stop - codestream.content)
    if codestream.content == 0:
        return main_header
    parts, spent = [], 0
    for box in boxes:
        length = box.end - box.content
        if box is codestream:
            parts.append(struct.pack(">I4s", 8 + len(main_header), b"jp2c") + main_header)
        elif box.kind != b"jp2c" and spent + length <= MAX_METADATA_BYTES:
            content = reader.read(box.content, length)
            spent += length
            if box.end < box.declared_end and is_cut_text(box.kind, content):
                raise CutShort(
                    f"{reader.name}: cut short: {reader.size_bytes} of {box.declared_end} bytes. Copy it again"
                )
            if may_be_seen(box.kind, content):
                parts.append(struct.pack(">I4s", 8 + length, box.kind) + content)
    return b"".join(parts)
