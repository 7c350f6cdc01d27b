"""Codestream tiles of a large image taken out a group at a time, each group as a codestream of its own.

GDAL asks OpenJPEG for one codestream tile after the other, each time from the main header on, so that its time grows
with the square of their number; and it takes for granted that the first tile is whole. A group has few tiles, and its
own first tile is whole.

Everything that a tile's samples depend on is anchored at the reference grid's origin or in the tile itself, not in the
image or the tile grid: so a tile decodes to the same samples wherever the image around it begins and ends.

Sources: ISO/IEC 15444-1:2019, B.3 to B.7 (reference grid, tiles, subbands, precincts, code-blocks), A.7 (the marker
segments that point into the codestream: TLM, PLM, PPM).
"""

import math
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tasks.core.jpeg2000.structure import ImageSize, Structure
from tasks.core.jpeg2000.tile_parts import CODESTREAM_END, SEGMENT, TILE_PART_HEADER, ReadRange, TilePart

MANY_TILES = 256  # beyond which GDAL alone is slow: 256 tiles took it 0.6 s, 2,304 took 24 s where groups took 2
# To a smaller group GDAL does not offer the resolutions at which its tiles still have a pixel; below 1025 px a side it
# reads tiles of less than 32 px in another way, which is slow.
GROUP_TILES, GROUP_PX = 65, 1025
SIZE_START = 8  # Xsiz: behind SOC, SIZ, Lsiz and Rsiz
FIRST_SEGMENT_START = 2  # SIZ: behind SOC
POINTERS = {0xFF55, 0xFF57}  # TLM, PLM: lengths of all tile parts and packets, which a group does not have

Edges = Sequence[int]
"""Where codestream tiles begin on the reference grid, and where the last one ends."""


@dataclass(frozen=True, slots=True)
class TileGroup:
    """Neighbouring codestream tiles, of one size but for the last column and row.

    Attributes:
        columns: Left edges of its columns of tiles on the reference grid, and the right edge of the last.
        rows: Upper edges of its rows of tiles, and the lower edge of the last.
        tiles: Indexes of its tiles in the image, row by row.
        tile_px: Columns and rows of its first tile; of the image's tile grid where only the image's end cuts it.
    """

    columns: Edges
    rows: Edges
    tiles: tuple[int, ...]
    tile_px: tuple[int, int]

    @property
    def origin(self) -> tuple[int, int]:
        """Column and row of its first pixel on the reference grid."""
        return self.columns[0], self.rows[0]

    @property
    def size_px(self) -> tuple[int, int]:
        """Columns and rows of pixels."""
        return self.columns[-1] - self.columns[0], self.rows[-1] - self.rows[0]


def is_read_in_groups(size: ImageSize) -> bool:
    """Whether an image has more codestream tiles than GDAL reads at a good rate, or a tile grid that it cannot read."""
    return size.tiles > 1 and (size.tiles > MANY_TILES or size.tile_grid_origin != size.origin)


def tile_groups(size: ImageSize) -> list[TileGroup]:
    """All tiles of an image in groups, row by row."""
    columns, rows = (_edges(size, axis) for axis in (0, 1))
    width, height = size.tile_grid_px
    across = _runs(columns, width, max(GROUP_TILES, math.ceil(GROUP_PX / width)))
    return [_group(size, columns, rows, run, row) for row in _runs(rows, height, 1) for run in across]


def main_header_of_groups(read_range: ReadRange, structure: Structure) -> bytes:
    """The main header without the marker segments that no group can share."""
    start, end = structure.codestream_start, structure.tile_parts_start
    header = read_range(start, end - start)
    position, kept = FIRST_SEGMENT_START, [header[:FIRST_SEGMENT_START]]
    while position < len(header):
        marker, length = SEGMENT.unpack_from(header, position)
        if marker not in POINTERS:
            kept.append(header[position : position + 2 + length])
        position += 2 + length
    return b"".join(kept)


def group_codestream(
    read_range: ReadRange, main_header: bytes, parts: Mapping[int, Sequence[TilePart]], group: TileGroup
) -> bytes:
    """The codestream of a group, with the `main_header_of_groups`; its image and tile grid begin at its first tile."""
    placed = struct.pack(">8I", group.columns[-1], group.rows[-1], *group.origin, *group.tile_px, *group.origin)
    header = main_header[:SIZE_START] + placed + main_header[SIZE_START + len(placed) :]
    return b"".join([header, *_tile_parts(read_range, parts, group.tiles), CODESTREAM_END])


def _tile_parts(
    read_range: ReadRange, parts: Mapping[int, Sequence[TilePart]], tiles: Iterable[int]
) -> Iterator[bytes]:
    """The tile parts of some tiles, numbered anew, each with its length."""
    for number, tile in enumerate(tiles):
        for part in parts[tile]:
            data = read_range(part.start, part.end - part.start)
            marker, length, _, _, at, count = TILE_PART_HEADER.unpack_from(data)
            yield TILE_PART_HEADER.pack(marker, length, number, len(data), at, count)
            yield data[TILE_PART_HEADER.size :]


def _edges(size: ImageSize, axis: int) -> Edges:
    """Along an axis of the reference grid."""
    start, end = size.origin[axis], size.origin[axis] + (size.width_px, size.height_px)[axis]
    first, step = size.tile_grid_origin[axis], size.tile_grid_px[axis]
    return [start, *range(first + step, end, step), end]


def _runs(edges: Edges, tile_px: int, least: int) -> list[tuple[int, int]]:
    """Number of the first tile of each group, and of the one behind its last: at least so many, if there are so many.

    A first tile that is not whole is a group of its own.
    """
    count = len(edges) - 1
    first = int(count > 1 and edges[1] - edges[0] < tile_px)
    groups = max(1, (count - first) // least)
    bounds = [first + (count - first) * at // groups for at in range(groups + 1)]
    return [*([(0, 1)] if first else []), *pairwise(bounds)]


def _group(size: ImageSize, columns: Edges, rows: Edges, across: tuple[int, int], down: tuple[int, int]) -> TileGroup:
    in_a_row = len(columns) - 1
    tiles = tuple(row * in_a_row + column for row in range(*down) for column in range(*across))
    width, height = size.tile_grid_px
    return TileGroup(
        columns[across[0] : across[1] + 1],
        rows[down[0] : down[1] + 1],
        tiles,
        (_first_px(columns, across, width), _first_px(rows, down, height)),
    )


def _first_px(edges: Edges, run: tuple[int, int], tile_px: int) -> int:
    """Of a group's first tile along an axis, as its own tile grid has it."""
    return min(tile_px, edges[1] - edges[0]) if run == (0, 1) and len(edges) > 2 else tile_px  # noqa: PLR2004
