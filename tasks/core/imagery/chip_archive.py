"""The JPEGs of a tile's chips as one file: a ZIP without compression, in the layout's order; of one chip its JPEG."""

import io
import zipfile
from collections.abc import Iterable, Iterator

from tasks.core.chip_layout import Chip, ChipLayout
from tasks.core.imagery.jpeg_header import size_of

NAME = "{number:05}.jpg"


def pack(jpegs: Iterable[bytes], count: int) -> bytes:
    """The file of so many JPEGs, which are taken one at a time; the same JPEGs give the same bytes."""
    if count == 1:
        return next(iter(jpegs))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for number, jpeg in enumerate(jpegs):
            archive.writestr(zipfile.ZipInfo(NAME.format(number=number)), jpeg)
    return file.getvalue()


def unpack(content: bytes, layout: ChipLayout) -> Iterator[tuple[Chip, bytes]]:
    """Each chip and its JPEG.

    Raises:
        ValueError: It is something else, or a JPEG is not of its chip's size.
    """
    jpegs = [content] if len(layout) == 1 else _members(content, len(layout))
    for jpeg, chip in zip(jpegs, layout, strict=True):
        if size_of(jpeg) != (chip.columns.length, chip.rows.length):
            raise ValueError(f"a JPEG of {size_of(jpeg)} px")
        yield chip, jpeg


def _members(content: bytes, count: int) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [archive.getinfo(NAME.format(number=number)) for number in range(count)]
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise ValueError("a JPEG that is compressed")
            yield from map(archive.read, members)
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"no archive of {count} JPEGs ({error})") from error
