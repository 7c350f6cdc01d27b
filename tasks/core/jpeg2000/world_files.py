"""World files: six numbers, one a line, that place an image.

GDAL takes what is no number for 0, and the byte-order mark that Windows editors write for part of the first number. So
the lines are read here, and GDAL gets numbers alone.

Source: ESRI's description of world files; GDAL's ``GDALLoadWorldFile`` (blank lines do not count, a comma is a point).
"""

import codecs
import re

NUMBERS = 6
# Words behind the number are a remark; further digits would mean that it goes on.
NUMBER = re.compile(r"([+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?)(?:\s+[^\d\s].*)?", re.ASCII)
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_world_file(content: bytes) -> tuple[float, ...] | None:
    """The six numbers of a world file; None where it is none."""
    encoding = next((name for mark, name in MARKS.items() if content.startswith(mark)), "latin-1")
    lines = [line.strip() for line in content.decode(encoding, errors="replace").splitlines()]
    found = [NUMBER.fullmatch(line) for line in lines if line][:NUMBERS]
    numbers = tuple(float(number[1].replace(",", ".")) for number in found if number is not None)
    return numbers if len(numbers) == NUMBERS else None


def to_bytes(numbers: tuple[float, ...]) -> bytes:
    """A world file that GDAL reads as exactly these numbers."""
    return "".join(f"{number!r}\n" for number in numbers).encode()
