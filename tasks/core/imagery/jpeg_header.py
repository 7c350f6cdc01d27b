"""What a JPEG declares, read from its frame header before anything is decoded."""

import io

from PIL.JpegImagePlugin import JpegImageFile

START, END = b"\xff\xd8", b"\xff\xd9"
BANDS = 3


def is_whole(body: bytes) -> bool:
    """Whether start and end marker are there; zeros may follow."""
    return body.startswith(START) and body.rstrip(b"\0").endswith(END)


def declared(body: bytes) -> tuple[int, int, int]:
    """Width and height in px, and the number of bands.

    Raises:
        ValueError: There is no frame header of 8 bits a sample before the data.
    """
    try:
        # Not Image.open: its limit of pixels is another than the caller's.
        with JpegImageFile(io.BytesIO(body)) as image:
            return image.width, image.height, len(image.getbands())
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError("the JPEG has no 8-bit frame header before its data") from error


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
