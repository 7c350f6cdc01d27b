"""Mapbox Vector Tiles of polygons.

Source: Mapbox Vector Tile specification, version 2.1 (https://github.com/mapbox/vector-tile-spec).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import shapely

from tasks.core.arrays import IntArray, ObjectArray
from tasks.core.formats.cells import cells
from tasks.core.product.layer import Layer
from tasks.core.protobuf_wire import BYTES, FIXED_64, VARINT, of_bytes, of_varint

EXTENT = 4_096  # units across a tile
VERSION = 2
# Field numbers of the specification's schema.
LAYER = 3
NAME, FEATURE, KEY, VALUE, LAYER_EXTENT, LAYER_VERSION = 1, 2, 3, 4, 5, 15
TAGS, KIND, GEOMETRY = 2, 3, 4
TEXT, DOUBLE, UNSIGNED, SIGNED = 1, 3, 5, 6
POLYGON = 3
MOVE_TO_ONE, CLOSE = 1 | 1 << 3, 7 | 1 << 3
LINE_TO = 2

_varint = lru_cache(maxsize=1 << 16)(of_varint)
TAGS_HEAD, FEATURE_HEAD = (of_varint(field << 3 | BYTES) for field in (TAGS, FEATURE))
KIND_HEAD = of_varint(KIND << 3 | VARINT) + of_varint(POLYGON) + of_varint(GEOMETRY << 3 | BYTES)


@dataclass(frozen=True, slots=True)
class TileLayer:
    """A layer's name and attributes, as they stand in each of its tiles.

    Attributes:
        name: Of the layer.
        keys: Names of the columns.
        values: Of each row, the number of its column and the encoded value of each that is known.
    """

    name: str
    keys: tuple[str, ...]
    values: Sequence[tuple[tuple[int, bytes], ...]]

    @classmethod
    def of(cls, layer: Layer) -> "TileLayer":
        """Encode the attributes of all rows once."""
        columns = [[None if one is None else _value(one) for one in cells(each)] for each in layer.columns.values()]
        rows = zip(*columns, strict=True) if columns else [()] * len(layer)
        known = [tuple((at, value) for at, value in enumerate(row) if value is not None) for row in rows]
        return cls(layer.name, tuple(layer.columns), known)

    def encoded(self, rows: Sequence[int], shapes: ObjectArray, corner: tuple[int, int]) -> bytes:
        """The layer in one tile.

        Args:
            rows: Of the layer, one for each shape.
            shapes: (n,) valid polygons and multipolygons in whole units of the tile's zoom level, y down.
            corner: The tile's upper left.
        """
        numbers: dict[bytes, int] = {}
        features: list[bytes] = []
        for row, commands in zip(rows, polygon_commands(shapes, corner), strict=True):
            tags = b"".join(
                _varint(at) + _varint(numbers.setdefault(value, len(numbers))) for at, value in self.values[row]
            )
            feature = b"".join((TAGS_HEAD, _varint(len(tags)), tags, KIND_HEAD, _varint(len(commands)), commands))
            features += (FEATURE_HEAD, _varint(len(feature)), feature)
        keys = (of_bytes(KEY, key.encode(errors="replace")) for key in self.keys)
        values = (of_bytes(VALUE, value) for value in numbers)
        head = (_number(LAYER_VERSION, VERSION), of_bytes(NAME, self.name.encode(errors="replace")))
        return of_bytes(LAYER, b"".join((*head, *features, *keys, *values, _number(LAYER_EXTENT, EXTENT))))


def polygon_commands(geometries: ObjectArray, corner: tuple[int, int] = (0, 0)) -> list[bytes]:
    """The packed drawing commands of each polygon or multipolygon, at least one, seen from a corner."""
    # Outer rings have a positive area by the surveyor's formula, taken as if y ran up.
    parts, feature_of = shapely.get_parts(shapely.orient_polygons(geometries), return_index=True)
    rings, part_of = shapely.get_rings(parts, return_index=True)
    places, ring_of = shapely.get_coordinates(rings, return_index=True)
    kept = ring_of[:-1] == ring_of[1:]  # the closing point is not drawn
    places, ring_of = np.rint(places[:-1][kept]).astype(np.int64) - corner, ring_of[:-1][kept]
    moves = np.diff(places, axis=0, prepend=np.zeros((1, 2), np.int64))
    first_of_feature = np.flatnonzero(np.diff(feature_of[part_of][ring_of], prepend=-1))
    moves[first_of_feature] = places[first_of_feature]
    stream, starts = _stream(moves << 1 ^ moves >> 63, np.bincount(ring_of, minlength=len(rings)))
    first_ring = np.flatnonzero(np.diff(feature_of[part_of], prepend=-1))
    return _packed(stream, starts[first_ring])


def _stream(moves: IntArray, points: IntArray) -> tuple[IntArray, IntArray]:
    """Commands and parameters of all rings one after the other, and where each ring begins."""
    lengths = 2 * points + 3
    starts = np.cumsum(lengths) - lengths
    at = np.arange(len(moves)) - np.repeat(np.cumsum(points) - points, points)
    places = np.repeat(starts, points) + 1 + 2 * at + (at > 0)
    stream = np.empty(int(lengths.sum()), np.int64)
    stream[starts], stream[starts + 3], stream[starts + lengths - 1] = MOVE_TO_ONE, LINE_TO | (points - 1) << 3, CLOSE
    stream[places], stream[places + 1] = moves.T
    return stream, starts


def _packed(stream: IntArray, starts: IntArray) -> list[bytes]:
    """Varints, cut where each feature begins."""
    width = max(int(stream.max()).bit_length() + 6, 7) // 7
    groups = stream[:, None] >> 7 * np.arange(width + 1)
    bytes_ = (groups[:, :-1] & 127 | (groups[:, 1:] > 0) << 7).astype(np.uint8)
    used = np.append(np.ones((len(stream), 1), np.bool_), groups[:, 1:-1] > 0, axis=1)
    ends = np.append(0, np.cumsum(used.sum(axis=1)))
    whole = bytes_[used].tobytes()
    cuts = [*ends[starts].tolist(), len(whole)]
    return [whole[start:end] for start, end in pairwise(cuts)]


def _value(value: str | float) -> bytes:
    if isinstance(value, str):
        return of_bytes(TEXT, value.encode())
    if isinstance(value, float):
        return of_varint(DOUBLE << 3 | FIXED_64) + struct.pack("<d", value)
    return _number(UNSIGNED, value) if value >= 0 else _number(SIGNED, -2 * value - 1)


def _number(field: int, value: int) -> bytes:
    return of_varint(field << 3 | VARINT) + of_varint(value)
