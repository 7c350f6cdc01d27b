"""Which metadata boxes of a JP2 file GDAL may see: those that place the image, and hold together.

GDAL's GeoTIFF library writes its complaints about damaged keys straight to the terminal, and text that is not UTF-8
breaks its way into Python's log. A box that does not hold together is left out; its image then has no georeference, and
says so.

GDAL's own metadata box (XML) may be seen too, for the NoData value that it can hold.

Sources: OGC 19-008r4 (GeoTIFF keys, tags 34735 to 34737), OGC 08-085r8 (GMLJP2: associations of labels and XML), GDAL's
GeoTIFF driver (tag 42113, GDAL_NODATA) and its box GDALMultiDomainMetadata.
"""

import struct
from collections.abc import Iterator, Mapping

GEOTIFF_BOX = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")
WORLD_FILE_BOX = bytes.fromhex("96a9f1f1dc98402da7aed68e34451809")
UUID_BYTES = 16
STRUCTURAL = {b"jP  ", b"ftyp", b"jp2h"}
KEY_DIRECTORY, DOUBLES, TEXT = 34735, 34736, 34737
TAG_TYPES = {KEY_DIRECTORY: 3, DOUBLES: 12, TEXT: 2}  # SHORT, DOUBLE, ASCII
TAG_BYTES = {KEY_DIRECTORY: 2, DOUBLES: 8, TEXT: 1}
NODATA = 42113  # of GDAL, ASCII
GDAL_METADATA, GDAL_METADATA_END = "<GDALMultiDomainMetadata>", b"</GDALMultiDomainMetadata>"
INLINE_BYTES = 4
MAX_DEPTH = 8


def may_be_seen(kind: bytes, content: bytes) -> bool:
    """Whether a top-level box places the image (or is needed to open it) and holds together."""
    if kind in STRUCTURAL:
        return True
    try:
        if kind == b"uuid" and content[:UUID_BYTES] == GEOTIFF_BOX:
            return _keys_hold(content[UUID_BYTES:])
        if kind == b"xml ":
            return content.decode().startswith(GDAL_METADATA)
        if kind == b"asoc":
            return all(_text_holds(*child) for child in children(content))
    except (struct.error, IndexError, ValueError):
        return False
    return kind == b"uuid" and content[:UUID_BYTES] == WORLD_FILE_BOX


def is_cut_text(kind: bytes, content: bytes) -> bool:
    """Whether the content of a box that reaches beyond its file is GDAL's metadata without their end."""
    return kind == b"xml " and content.startswith(GDAL_METADATA.encode()) and GDAL_METADATA_END not in content


def geotiff_nodata(boxes: bytes) -> str | None:
    """The NoData value that the GeoTIFF in a file of boxes declares, as it is written there; None where none is."""
    try:
        for kind, content in children(boxes):
            if kind == b"uuid" and content[:UUID_BYTES] == GEOTIFF_BOX:
                tags = dict(_tags(content[UUID_BYTES:], {NODATA: 1}))
                return tags[NODATA].split(b"\0")[0].decode("ascii") if NODATA in tags else None
    except (struct.error, IndexError, ValueError):
        return None
    return None


def _keys_hold(tiff: bytes) -> bool:
    """Whether every GeoTIFF key points into its array, and text is text."""
    tags = dict(_tags(tiff))
    if KEY_DIRECTORY not in tags:
        return True
    directory = tags[KEY_DIRECTORY]
    numbers = struct.unpack(_order(tiff) + f"{len(directory) // 2}H", directory)
    text = tags.get(TEXT, b"").split(b"\0")[0]  # as C reads it
    text.decode()
    room = {DOUBLES: len(tags.get(DOUBLES, b"")) // TAG_BYTES[DOUBLES], TEXT: len(text) + 1}
    keys = [numbers[at : at + 4] for at in range(4, 4 + 4 * numbers[3], 4)]
    for _, location, count, offset in keys:
        if (location == 0 and count != 1) or (location != 0 and offset + count > room.get(location, -1)):
            return False
    return True


def _tags(tiff: bytes, bytes_each: Mapping[int, int] = TAG_BYTES) -> Iterator[tuple[int, bytes]]:
    """Number and content of each tag; empty where it is none of `bytes_each`."""
    order = _order(tiff)
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    (entries,) = struct.unpack_from(order + "H", tiff, start)
    for at in range(start + 2, start + 2 + 12 * entries, 12):
        tag, kind, count, offset = struct.unpack_from(order + "HHII", tiff, at)
        size = bytes_each.get(tag, 0) * count
        begin = at + 8 if size <= INLINE_BYTES else offset
        if begin + size > len(tiff) or kind != TAG_TYPES.get(tag, kind):
            raise ValueError(f"tag {tag} is not what GeoTIFF says, or reaches beyond the box")
        yield tag, tiff[begin : begin + size]


def _order(tiff: bytes) -> str:
    return ">" if tiff.startswith(b"MM") else "<"


def _text_holds(kind: bytes, content: bytes, depth: int = 0) -> bool:
    if kind in {b"lbl ", b"xml "}:
        content.decode()
    if kind == b"asoc":
        return depth < MAX_DEPTH and all(_text_holds(*child, depth + 1) for child in children(content))
    return True


def children(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of the boxes inside a box.

    Raises:
        ValueError: One does not fit.
        struct.error: The last one is cut.
    """
    position = 0
    while position < len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        end = position + length if length else len(content)
        if end < position + 8 or end > len(content):
            raise ValueError(f"a box of {length} bytes inside another does not fit")
        yield kind, content[position + 8 : end]
        position = end
