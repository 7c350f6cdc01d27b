"""Sidecars of an image: which files of a folder are its own, and the six numbers of a world file, which place it.

The names are those that GDAL's JPEG2000 drivers look for, in its order: ``.j2w`` (first and last letter of the
extension, and w), ``.jp2w``, ``.wld``; and ``.aux.xml`` behind the whole name. Like GDAL's, the search disregards case,
but never at another image's cost: a file that fits an image by its exact case is that image's alone, and one that fits
several equally is nobody's.

Source: GDAL's ``GDALReadWorldFile2`` and ``GDALJP2AbstractDataset`` (3.10).

GDAL takes what is no number for 0, and the byte-order mark that Windows editors write for part of the first number. So
the lines are read here, and GDAL gets numbers alone.

Source: ESRI's description of world files; GDAL's ``GDALLoadWorldFile`` (blank lines do not count, a comma is a point).
"""

import codecs
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

IMAGE_SUFFIX = ".jp2"
WORLD_SUFFIXES = (".j2w", ".jp2w", ".wld")
AUX_SUFFIX = ".aux.xml"

EXACT, OTHER_ENDING, OTHER_NAME = range(3)  # how far a name differs in case from the one that is looked for


def is_image(name: str) -> bool:
    """Whether a file is called as frames are, whatever the case."""
    return name.lower().endswith(IMAGE_SUFFIX)


def is_world_file(name: str) -> bool:
    """Whether a sidecar is a world file, whatever the case."""
    return name.lower().endswith(WORLD_SUFFIXES)


class Folder:
    """The file names of one folder."""

    def __init__(self, names: Iterable[str]) -> None:
        alike: dict[str, list[str]] = defaultdict(list)
        for name in names:
            alike[name.lower()].append(name)
        self._alike = dict(alike)

    def sidecars(self, image: str) -> tuple[str, ...]:
        """Names of the files that belong to an image of the folder, at most one of each kind."""
        found = (self._closest(image, suffix) for suffix in (*WORLD_SUFFIXES, AUX_SUFFIX))
        return tuple(name for name in found if name is not None)

    def _closest(self, image: str, suffix: str) -> str | None:
        candidates = self._alike.get("".join(_wanted(image, suffix)).lower(), ())
        own = [name for name in candidates if self._belongs(name, image, suffix)]
        return min(own, key=lambda name: (_distance(image, suffix, name), name), default=None)

    def _belongs(self, name: str, image: str, suffix: str) -> bool:
        rivals = (other for other in self._alike.get(image.lower(), ()) if other != image)
        return all(_distance(image, suffix, name) < _distance(rival, suffix, name) for rival in rivals)


def _wanted(image: str, suffix: str) -> tuple[str, str]:
    """What a sidecar is called that follows the case of its image: the part before the ending, and the ending."""
    extension = PurePosixPath(image).suffix
    if suffix == AUX_SUFFIX:
        return image, suffix
    last = "W" if extension.isupper() else "w"
    by_kind = {".j2w": f".{extension[1]}{extension[-1]}{last}", ".jp2w": extension + last}
    otherwise = suffix.upper() if extension.isupper() else suffix
    return image.removesuffix(extension), by_kind.get(suffix, otherwise)


def _distance(image: str, suffix: str, name: str) -> int:
    stem, ending = _wanted(image, suffix)
    if name == stem + ending:
        return EXACT
    return OTHER_ENDING if name.startswith(stem) else OTHER_NAME


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
