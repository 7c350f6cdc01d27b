"""What a JPEG declares, read from its frame header before anything is decoded.

Source: ITU-T T.81, table B.1 and section B.2.2.
"""

START, END = b"\xff\xd8", b"\xff\xd9"
# A frame header is any of SOF0..SOF15; C4, C8 and CC in between are other things.
FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})
START_OF_SCAN = 0xDA
BITS = 8
BANDS = 3


def is_whole(body: bytes) -> bool:
    """Whether start and end marker are there; zeros may follow."""
    return body.startswith(START) and body.rstrip(b"\0").endswith(END)


def declared(body: bytes) -> tuple[int, int, int]:
    """Width and height in px, and the number of bands.

    Raises:
        ValueError: There is no frame header of 8 bits a sample before the data.
    """
    at = len(START)
    while at + 9 < len(body) and body[at] == END[0]:
        marker = body[at + 1]
        if marker in FRAME_HEADERS and body[at + 4] == BITS:
            height_px, width_px = (int.from_bytes(body[at + 5 + i : at + 7 + i], "big") for i in (0, 2))
            return width_px, height_px, body[at + 9]
        if marker == START_OF_SCAN:
            break
        at += 2 if marker in STANDALONE else 1 if marker == END[0] else 2 + int.from_bytes(body[at + 2 : at + 4], "big")
    raise ValueError("the JPEG has no 8-bit frame header before its data")


def size_of(body: bytes) -> tuple[int, int]:
    """Width and height in px of a whole JPEG of three bands.

    Raises:
        ValueError: It is something else.
    """
    if not is_whole(body):
        raise ValueError("not a whole JPEG")
    width_px, height_px, bands = declared(body)
    if bands != BANDS:
        raise ValueError(f"a JPEG of {bands} bands")
    return width_px, height_px
