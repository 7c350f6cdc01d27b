"""Reads many damaged extents: run in a process of its own, which a fault of GEOS would end."""

import struct

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.core.geo.grid import Grid
from tasks.core.polygons.tile_extent import TileExtent, extract

GRID = Grid(8, 6, (1.5, 0.0, 300000.15, 0.0, -1.5, 6600000.3), "EPSG:7855")
COLLECTION = struct.pack("<BII", 1, 7, 1)
CURVES = [struct.pack("<BII", 1, kind, 1) for kind in range(8, 18)]


def whole(seed: int) -> bytes:
    """A sound extent."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, (6, 8)).astype(np.uint8)
    confidence = random.integers(0, 256, (6, 8)).astype(np.uint8) if seed % 2 else None
    return extract(labels, random.random((6, 8)) < 0.8, GRID, (1,), confidence).to_bytes()


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A sound extent in which some bytes are replaced, added or lost."""
    content = bytearray(whole(draw(st.integers(0, 20))))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.integers(start, min(len(content), start + 40)))
        content[start:end] = draw(st.binary(max_size=40) | st.sampled_from([COLLECTION, *CURVES]))
    return bytes(content)


@settings(max_examples=400, deadline=None, database=None)
@given(st.binary(max_size=300) | changed())
@example(COLLECTION * 20_000)
@example(COLLECTION + b"".join(CURVES))
def read(content: bytes) -> None:
    """Reading ends with an extent, or with the one error that callers expect."""
    try:
        TileExtent.from_bytes(content, GRID)
    except ValueError:
        return


if __name__ == "__main__":
    read()
