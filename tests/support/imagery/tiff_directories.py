"""A TIFF's structure, read byte by byte: TIFF 6.0, section 2, and OGC 21-026, OGC Cloud Optimized GeoTIFF Standard.

Nothing of GDAL or libtiff is in it.
"""

import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

NEW_SUBFILE_TYPE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
DESCRIPTION, DATETIME, COLOURS, COPYRIGHT = 270, 306, 320, 33432
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_SIZES = 322, 323, 324, 325
PIXEL_SCALE, TIE_POINT, GEO_KEYS, GDAL_METADATA, GDAL_NODATA = 33550, 33922, 34735, 42112, 42113
OVERVIEW, MASK = 1, 4  # bits of NewSubfileType
FORMATS = {1: "B", 2: "s", 3: "H", 4: "I", 5: "Q", 7: "s", 12: "d", 16: "Q"}  # by TIFF type; 5 as one number
GHOST_MARK = b"GDAL_STRUCTURAL_METADATA_SIZE="


@dataclass(frozen=True)
class Directory:
    """An image of the file: its tags, and where it stands."""

    offset: int
    end: int
    tags: dict[int, Any]

    def __getitem__(self, tag: int) -> Any:
        return self.tags[tag]

    @property
    def kind(self) -> int:
        """Bits of NewSubfileType."""
        return int(self.tags.get(NEW_SUBFILE_TYPE, (0,))[0])

    @property
    def size(self) -> tuple[int, int]:
        """Columns, rows."""
        return self.tags[WIDTH][0], self.tags[HEIGHT][0]

    @property
    def tiles(self) -> list[tuple[int, int]]:
        """Start and size of each tile's data."""
        return list(zip(self.tags[TILE_OFFSETS], self.tags[TILE_SIZES], strict=True))


def directories(path: Path) -> list[Directory]:
    """The images of a classic little-endian TIFF, in the order of the chain; ``end`` is behind all values of tags."""
    content = path.read_bytes()
    assert content[:4] == b"II*\0"
    found, (offset,) = [], struct.unpack_from("<I", content, 4)
    while offset:
        found.append(_directory(content, offset))
        (offset,) = struct.unpack_from("<I", content, offset + 2 + 12 * struct.unpack_from("<H", content, offset)[0])
    return found


def _directory(content: bytes, offset: int) -> Directory:
    (count,) = struct.unpack_from("<H", content, offset)
    tags, end = {}, offset + 2 + 12 * count + 4
    for place in range(offset + 2, offset + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from("<HHI", content, place)
        layout = f"<{number}{FORMATS[kind]}"
        size = struct.calcsize(layout)
        start = place + 8 if size <= 4 else struct.unpack_from("<I", content, place + 8)[0]
        values = struct.unpack_from(layout, content, start)
        tags[tag] = values[0].rstrip(b"\0").decode() if kind == 2 else values
        end = max(end, start + size if size > 4 else 0)
    return Directory(offset, end, tags)


def ghost_area(path: Path) -> dict[str, str]:
    """What GDAL's driver says of the layout, between the header and the first directory."""
    content = path.read_bytes()[8:]
    assert content.startswith(GHOST_MARK)
    length = int(content[len(GHOST_MARK) :][:6])
    start = len(GHOST_MARK) + len("000000 bytes\n")
    lines = content[start : start + length].decode().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def faults(path: Path) -> list[str]:
    """Where a file is not cloud optimized: each rule that it breaks."""
    images = directories(path)
    data = [tile for image in images for tile in image.tiles if tile[1]]
    wrong = [f"not tiled: {image.size}" for image in images if TILE_WIDTH not in image.tags]
    if [image.offset for image in images] != sorted(image.offset for image in images):
        wrong.append("directories are not in order")
    if max(image.end for image in images) > min(start for start, _ in data):
        wrong.append("data stand before the last directory")
    if images[0].kind:
        wrong.append("the first image is not that of full resolution")
    for kind in (0, MASK):
        levels = [image for image in images if image.kind & MASK == kind]
        sizes = [image.size for image in levels]
        if any(small[0] >= large[0] for large, small in pairwise(sizes)):
            wrong.append(f"overviews do not get smaller: {sizes}")
        if sizes and max(sizes[-1]) > 512:
            wrong.append(f"the coarsest overview is large: {sizes[-1]}")
        firsts = [min(start for start, size in level.tiles if size) for level in levels]
        if firsts != sorted(firsts, reverse=True):
            wrong.append("finer levels stand before coarser ones")
    if max(start + size for start, size in data) > path.stat().st_size:
        wrong.append("the file is cut short")
    return wrong
