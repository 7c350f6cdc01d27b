"""A PMTiles archive: map tiles in one file, of which a browser reads the parts that it shows.

Source: PMTiles specification, version 3 (https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md).
"""

import gzip
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tasks.core.formats.extents import Box
from tasks.core.protobuf_wire import of_varint

VERSION = 3
HEADER_BYTES = 127
ROOT_BYTES = 16_384 - HEADER_BYTES  # a reader's first request holds header and root directory
LEAF_ENTRIES = 4_096
GZIP, MVT = 2, 1
SCALE = 10_000_000  # of degrees


class TilePlace(NamedTuple):
    """A tile: its zoom level, its column from the west, its row from the north."""

    zoom: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a directory: a tile, or in a root directory the leaf directory that begins with this tile."""

    tile_id: int
    offset: int
    length: int
    run: int = 1


def write_archive(
    tiles: Mapping[TilePlace, bytes],
    path: Path,
    *,
    metadata: Mapping[str, Any],
    bounds: Box,
    zooms: tuple[int, int],
) -> None:
    """Write vector tiles.

    Args:
        tiles: Content of each, compressed with gzip.
        path: Replaced where it is there.
        metadata: As TileJSON 3.0 has it: ``vector_layers`` at least.
        bounds: West, south, east, north, degrees.
        zooms: Least and most.

    Raises:
        OSError: It cannot be written.
    """
    entries, contents = _placed({tile_id(place): content for place, content in tiles.items()})
    about = gzip.compress(json.dumps(metadata, ensure_ascii=False).encode(), mtime=0)
    root, leaves = _directories(entries)
    sizes = (len(root), len(about), len(leaves), sum(map(len, contents)))
    counts = (len(entries), len(entries), len(contents))
    path.write_bytes(b"".join((_header(sizes, counts, bounds, zooms), root, about, leaves, *contents)))


def tile_id(place: TilePlace) -> int:
    """Number of a tile along the Hilbert curves of all zoom levels, the coarsest first."""
    x, y, number = place.x, place.y, ((1 << 2 * place.zoom) - 1) // 3
    side = 1 << place.zoom >> 1
    while side:
        right, low = int(bool(x & side)), int(bool(y & side))
        number += side * side * ((3 * right) ^ low)
        x, y = x & (side - 1), y & (side - 1)
        if not low:
            if right:
                x, y = side - 1 - x, side - 1 - y
            x, y = y, x
        side >>= 1
    return number


def _placed(by_id: Mapping[int, bytes]) -> tuple[list[Entry], list[bytes]]:
    """Entries by number, and contents in the order in which they first come; the same content is there once."""
    entries, offsets, end = [], dict[bytes, int](), 0
    for number, content in sorted(by_id.items()):
        if content not in offsets:
            offsets[content] = end
            end += len(content)
        entries.append(Entry(number, offsets[content], len(content)))
    return entries, list(offsets)


def _directories(entries: Sequence[Entry]) -> tuple[bytes, bytes]:
    """Root directory and leaf directories: none where all fits into the root."""
    root, leaves, size = _directory(entries), b"", LEAF_ENTRIES
    while len(root) > ROOT_BYTES:
        pages = [entries[start : start + size] for start in range(0, len(entries), size)]
        packed = [_directory(page) for page in pages]
        starts = [sum(map(len, packed[:number])) for number in range(len(packed))]
        links = zip(pages, starts, packed, strict=True)
        root, leaves = (
            _directory([Entry(page[0].tile_id, at, len(leaf), 0) for page, at, leaf in links]),
            b"".join(packed),
        )
        size *= 2
    return root, leaves


def _directory(entries: Sequence[Entry]) -> bytes:
    """Four columns: number (its distance from the one before), run length, length, offset (0: right behind)."""
    numbers, offsets, last, end = [], [], 0, None
    for entry in entries:
        numbers.append(entry.tile_id - last)
        offsets.append(0 if entry.offset == end else entry.offset + 1)
        last, end = entry.tile_id, entry.offset + entry.length
    runs, lengths = [entry.run for entry in entries], [entry.length for entry in entries]
    columns = (len(entries), *numbers, *runs, *lengths, *offsets)
    return gzip.compress(b"".join(map(of_varint, columns)), mtime=0)


def _header(
    sizes: tuple[int, int, int, int],
    counts: tuple[int, int, int],
    bounds: Box,
    zooms: tuple[int, int],
) -> bytes:
    places, at = [], HEADER_BYTES
    for size in sizes:
        places += [at, size]
        at += size
    west, south, east, north = bounds
    degrees = [round(one * SCALE) for one in (*bounds, (west + east) / 2, (south + north) / 2)]
    kinds = (1, GZIP, GZIP, MVT, *zooms)  # 1: tiles lie in the order of their numbers
    return struct.pack(
        "<7sB11Q6B4iB2i", b"PMTiles", VERSION, *places, *counts, *kinds, *degrees[:4], zooms[0], *degrees[4:]
    )
