"""The layout of a tile's extent as a file, checked byte by byte before GEOS parses it.

The file begins with one WKB geometry collection, little-endian: four multipolygons, then a point. GEOS reads nested
collections by recursion, so a small file of them ends the process; what is not of this one layout never gets there.

Source: OGC 06-103r4, OpenGIS Simple Features 1.2.1, part 8.2 (well-known binary).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tasks.core.arrays import FloatArray, IntArray

LITTLE_ENDIAN = 1
POINT, POLYGON, MULTIPOLYGON, COLLECTION = 1, 3, 6, 7
AREAS = 4
SHORTEST_RING = 4  # points, the last of them the first again
POINT_BYTES = 16
LARGEST_COUNT = 2.0**53  # whole numbers are exact in a double up to here

_HEAD, _COUNT, _XY = struct.Struct("<BI"), struct.Struct("<I"), struct.Struct("<dd")


@dataclass(frozen=True, slots=True)
class Outlines:
    """The rings of one multipolygon, one after the other.

    Attributes:
        points: (n, 2) float64 x, y in units of the CRS, all finite; each ring's last point is its first.
        ring_of: (n,) int64 number of the ring that each point belongs to.
    """

    points: FloatArray
    ring_of: IntArray


def read_layout(content: bytes) -> tuple[tuple[Outlines, ...], tuple[int, int], int]:
    """The outlines of the four multipolygons, the two whole numbers that the point carries, and where that ends.

    Raises:
        ValueError: The content is of another layout, is cut, or holds numbers that mean no place.
    """
    parser = _Parser(content)
    if parser.header(COLLECTION) != AREAS + 1:
        raise ValueError(f"a collection of {AREAS} multipolygons and a point is needed")
    areas = tuple(parser.multipolygon() for _ in range(AREAS))
    counts = parser.counts()
    return areas, counts, parser.at


class _Parser:
    """Reads on from one position; whatever the bytes declare, it never reads or counts beyond their end."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def header(self, kind: int) -> int:
        """The number of parts of a geometry of this kind."""
        self._head(kind)
        return self._count()

    def multipolygon(self) -> Outlines:
        rings = list(self._rings())
        points = np.concatenate(rings) if rings else np.empty((0, 2))
        if not np.isfinite(points).all():
            raise ValueError("a coordinate is not a finite number")
        return Outlines(points, np.repeat(np.arange(len(rings)), [len(ring) for ring in rings]))

    def counts(self) -> tuple[int, int]:
        self._head(POINT)
        x, y = _XY.unpack(self._take(_XY.size))
        if not all(0 <= number <= LARGEST_COUNT and number.is_integer() for number in (x, y)):
            raise ValueError(f"a tile cannot have {x:g} flooded and {y:g} removed pixels")
        return int(x), int(y)

    def _rings(self) -> Iterator[FloatArray]:
        for _ in range(self.header(MULTIPOLYGON)):
            for _ in range(self.header(POLYGON)):
                yield self._ring()

    def _ring(self) -> FloatArray:
        length = self._count()
        if length < SHORTEST_RING:
            raise ValueError(f"a ring of {length} points encloses nothing")
        points = np.frombuffer(self._take(length * POINT_BYTES), "<f8").reshape(length, 2)
        if points[0].tolist() != points[-1].tolist():
            raise ValueError("a ring is not closed")
        return points

    def _head(self, kind: int) -> None:
        order, found = _HEAD.unpack(self._take(_HEAD.size))
        if (order, found) != (LITTLE_ENDIAN, kind):
            raise ValueError(f"geometry type {found} in byte order {order} where type {kind} is needed")

    def _count(self) -> int:
        return int(_COUNT.unpack(self._take(_COUNT.size))[0])

    def _take(self, length: int) -> memoryview:
        end = self.at + length
        if end > len(self.content):
            raise ValueError("it ends too early")
        taken = memoryview(self.content)[self.at : end]
        self.at = end
        return taken
