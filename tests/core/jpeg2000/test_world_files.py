"""World files as people's programs write them."""

import codecs

import pytest

from tasks.core.jpeg2000.sidecars import read_world_file, to_bytes

TEXT = "0.5\n0\n0\n-0.5\n500000.25\n6249999.75\n"
NUMBERS = (0.5, 0.0, 0.0, -0.5, 500000.25, 6249999.75)


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace("\n", "\n\n").encode(),
        TEXT.replace(".", ",").encode(),
        TEXT.replace("-0.5", "  -5e-1   pixel height").encode(),
        (TEXT + "seventh line\n").encode(),
    ],
)
def test_a_world_file_is_read_however_it_was_saved(content: bytes) -> None:
    """Byte-order marks, line ends, blank lines, decimal commas and remarks do not change the numbers."""
    assert read_world_file(content) == NUMBERS


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"0.5\n0\n0\n-0.5\n500000.25\n",
        TEXT.replace("500000.25", "500 000.25").encode(),
        TEXT.replace("500000.25", "five").encode(),
        TEXT.replace("\n", " ").encode(),
        b"\xff\xfe\x00",
        bytes(range(256)),
    ],
)
def test_what_is_no_world_file_gives_no_numbers(content: bytes) -> None:
    """GDAL would take a word for 0 and place the image there."""
    assert read_world_file(content) is None


def test_gdal_gets_exactly_these_numbers() -> None:
    """No digit is lost on the way."""
    numbers = (0.1 + 0.2, 1e-17, -0.0, -1 / 3, 2**52 + 0.5, 6250000.123456789)
    assert read_world_file(to_bytes(numbers)) == numbers
