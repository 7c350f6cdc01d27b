"""Tile parts of a JPEG2000 codestream: the chain that they form, and whether every tile is there whole.

What lies behind an image (padding, text, a broken box) says nothing of its samples, nor does a lost end marker. The
tile parts do: each says how long it is, and of how many its tile consists.

Source: ISO/IEC 15444-1:2019, A.4.2 (SOT), A.4.3 (SOD), A.4.4 (EOC).
"""

import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tasks.core.errors import CutShort, UnreadableImage

ReadRange = Callable[[int, int], bytes]
"""(start, length) -> bytes of the file, fewer where it ends."""

CODESTREAM_END = bytes.fromhex("ffd9")  # EOC
START_OF_TILE_PART = 0xFF90
START_OF_DATA = 0xFF93
SEGMENT = struct.Struct(">HH")  # marker and length of a segment
TILE_PART_HEADER = struct.Struct(">HHHIBB")  # SOT, Lsot, Isot, Psot, TPsot, TNsot
TILE_PART_HEADER_BYTES = 10  # Lsot
AHEAD_BYTES = 1 << 14  # small tile parts are many: one read gets the headers of a hundred
SCAN_BYTES = 1 << 20
MAX_TILE_PARTS = 1 << 20
MAX_TILE_PART_SEGMENTS = 1000
# Packets without data are zeros of a byte each, but so many in a row are the end of a file that was never written.
MAX_ZEROS_AT_END = 64
AGAIN = "Copy it again; if the original is the same, export it again"


@dataclass(frozen=True, slots=True)
class TilePart:
    """A tile part, from its SOT marker.

    Attributes:
        tile: Index of its tile, row by row.
        declared: Number of tile parts that it says its tile has; 0 where it does not say.
        start: Offset of its SOT marker in the file.
        end: Offset behind its last byte.
    """

    tile: int
    declared: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TileParts:
    """The chain of tile parts of a whole codestream.

    Attributes:
        parts: In the order of the file.
        end: Offset behind the EOC marker, or behind the last tile part where there is none.
        has_end_marker: Whether the EOC marker follows the last tile part.
    """

    parts: tuple[TilePart, ...]
    end: int
    has_end_marker: bool


class _Ahead:
    """Reads that follow each other closely, made a few at a time."""

    def __init__(self, read_range: ReadRange, limit: int) -> None:
        self._read_range, self._limit = read_range, limit
        self._start, self._data = 0, b""

    def read(self, start: int, length: int) -> bytes:
        """The bytes, fewer where the limit comes first."""
        length = max(0, min(length, self._limit - start))
        if not self._start <= start <= start + length <= self._start + len(self._data):
            wanted = min(max(length, AHEAD_BYTES), self._limit - start)
            self._start, self._data = start, self._read_range(start, wanted) if wanted > 0 else b""
        return self._data[start - self._start :][:length]


def read_tile_parts(
    read_range: ReadRange, start: int, size_bytes: int, tiles: int, name: str, *, declared_end: int
) -> TileParts:
    """Follow the chain of tile parts, whatever comes behind them.

    Args:
        read_range: Reads a range of the file: its tile parts' headers, so it is asked often where they lie far apart.
        start: Offset of the first tile part.
        size_bytes: The file's size.
        tiles: Number of codestream tiles that there must be.
        name: The file's name, for messages.
        declared_end: Where the codestream's box says that it ends.

    Raises:
        CutShort: A tile part is not there whole, or nobody can tell that the last one is.
        UnreadableImage: The chain is broken.
    """
    ahead = _Ahead(read_range, size_bytes)
    parts = tuple(_chain(ahead, start, tiles, min(declared_end, size_bytes), name))
    position = parts[-1].end if parts else start
    cut = f"{name}: cut short" + (f": {size_bytes} of {declared_end} bytes" if declared_end > size_bytes else "")
    if position > size_bytes:
        raise CutShort(f"{cut}: its last tile part lacks {position - size_bytes} bytes. Copy it again")
    behind = ahead.read(position, TILE_PART_HEADER.size)
    has_end_marker = behind.startswith(CODESTREAM_END)
    ended = has_end_marker or ahead.read(position - 2, 2) == CODESTREAM_END  # counted as the last tile part's own
    lacking = _lacking(parts, tiles, ended=ended)
    if lacking and (ended or len(behind) < TILE_PART_HEADER.size):
        raise CutShort(f"{cut}: {lacking}. {AGAIN}")
    if lacking:
        raise UnreadableImage(f"{name}: damaged: no tile part begins at byte {position}, and {lacking}. {AGAIN}")
    # Half a marker is one that was cut; anything else there shows that the marker came before its time.
    ends_here = any(
        ahead.read(position, end - position) == CODESTREAM_END[: end - position]
        for end in (declared_end, size_bytes)
        if 0 <= end - position < len(CODESTREAM_END)
    )
    if not ended and not ends_here and any(behind):
        raise UnreadableImage(
            f"{name}: damaged: neither a tile part nor the end-of-codestream marker is at byte {position}. {AGAIN}"
        )
    if not ended and _ends_in_zeros(ahead, parts[-1]):
        raise CutShort(f"{cut}: it ends in zeros, without the end-of-codestream marker. Copy it again")
    return TileParts(parts, position + len(CODESTREAM_END) * has_end_marker, has_end_marker)


def _chain(ahead: _Ahead, start: int, tiles: int, declared_end: int, name: str) -> Iterator[TilePart]:
    position = start
    for _ in range(MAX_TILE_PARTS):
        header = ahead.read(position, TILE_PART_HEADER.size)
        if len(header) < TILE_PART_HEADER.size:
            return
        marker, header_bytes, tile, length, _, declared = TILE_PART_HEADER.unpack(header)
        if marker != START_OF_TILE_PART or header_bytes != TILE_PART_HEADER_BYTES or tile >= tiles:
            return
        if 0 < length < TILE_PART_HEADER.size:
            raise UnreadableImage(f"{name}: damaged: a tile part of {length} bytes at byte {position}. Copy it again")
        end = position + length if length else _open_end(ahead, position, declared_end, name)
        yield TilePart(tile, declared, position, end)
        position = end
    raise UnreadableImage(f"{name}: more than {MAX_TILE_PARTS:,} tile parts. Export it again, in fewer of them")


def _open_end(ahead: _Ahead, start: int, declared_end: int, name: str) -> int:
    """Where a tile part ends that does not say how long it is: before the end marker, which no packet can hold."""
    before = declared_end - len(CODESTREAM_END)
    if before > start and ahead.read(before, len(CODESTREAM_END)) == CODESTREAM_END:
        return before
    position = _data_start(ahead, start)
    while data := ahead.read(position, SCAN_BYTES):
        found = data.find(CODESTREAM_END)
        if found >= 0:
            return position + found
        position += max(1, len(data) - 1) if len(data) == SCAN_BYTES else len(data)
    raise CutShort(
        f"{name}: cut short, or written without an end: its last tile part has no length, and no end-of-codestream "
        f"marker follows. {AGAIN}"
    )


def _data_start(ahead: _Ahead, start: int) -> int:
    """Offset behind the tile part's header; of the header where that is broken: then the decoder will say so."""
    position = start + TILE_PART_HEADER.size
    for _ in range(MAX_TILE_PART_SEGMENTS):
        segment = ahead.read(position, SEGMENT.size)
        if len(segment) < SEGMENT.size:
            break
        marker, length = SEGMENT.unpack(segment)
        if marker == START_OF_DATA:
            return position + 2
        position += 2 + length
    return start


def _lacking(parts: Sequence[TilePart], tiles: int, *, ended: bool) -> str | None:
    """What is not there; None where nothing is missing.

    Where no tile part of a tile says how many there are, one is all that most encoders write; of a tile that has more,
    further ones may be missing unless the codestream has ended.
    """
    seen = Counter(part.tile for part in parts)
    declared: dict[int, int] = {}
    for part in parts:
        declared[part.tile] = max(part.declared, declared.get(part.tile, 0))
    missing = tiles - len(seen)
    if missing > 0:
        return f"{missing} of {tiles} codestream tiles are missing"
    short = [tile for tile in seen if seen[tile] < declared[tile]]
    if short:
        lost = declared[short[0]] - seen[short[0]]
        return f"{lost} of {declared[short[0]]} tile parts of codestream tile {short[0]} are missing"
    if not ended and any(seen[tile] > 1 and not declared[tile] for tile in seen):
        return "there is no end-of-codestream marker, nor does it say how many tile parts there should be"
    return None


def _ends_in_zeros(ahead: _Ahead, last: TilePart) -> bool:
    """As a copy does that was not finished: many programs reserve the room of a file beforehand."""
    tail = ahead.read(max(last.start, last.end - MAX_ZEROS_AT_END - 1), MAX_ZEROS_AT_END + 1)
    return len(tail) > MAX_ZEROS_AT_END and not any(tail)
