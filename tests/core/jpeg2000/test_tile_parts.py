"""Whether an image is whole, whatever is around it; and what really lacks data, whatever hides that."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jp2_boxes import SRGB, box, enumerated, jp2
from numpy.typing import NDArray
from odd_codestreams import (
    EOC,
    declaring,
    encoded,
    tile_parts,
    waves,
    with_end_in_last_length,
    without_counts,
    without_last_length,
)

from tasks.core.errors import CutShort, UnreadableImage
from tasks.core.jpeg2000.jpeg2000 import decode, probe

LIMIT = 1 << 20
PIXELS = waves(90, 120)
TILED, WHOLE = encoded(PIXELS, tile_size=(50, 40)), encoded(PIXELS)
STREAMS = {"tiled": TILED, "whole": WHOLE}
XML = b"<note>made by hand</note>"
Change = Callable[[bytes], bytes]


def in_box(stream: bytes, header: bytes) -> bytes:
    """A JP2 file with this header of the codestream's box."""
    whole = jp2(stream, enumerated(SRGB))
    start = whole.index(b"jp2c") - 4
    return whole[:start] + header + whole[start + 8 :]


INSIDE: dict[str, Change] = {
    "as it is": lambda stream: stream,
    "no end marker": lambda stream: stream.removesuffix(EOC),
    "no end marker, no counts": lambda stream: without_counts(stream).removesuffix(EOC),
    "half an end marker": lambda stream: stream[:-1],
    "no last length": without_last_length,
    "last length too long": with_end_in_last_length,
    "no counts": without_counts,
}
EXACT: dict[str, Change] = {
    "box": lambda stream: jp2(stream, enumerated(SRGB)),
    "long box": lambda stream: in_box(stream, struct.pack(">I4sQ", 1, b"jp2c", 16 + len(stream))),
}
AROUND: dict[str, Change] = {
    "bare": lambda stream: stream,
    "open box": lambda stream: in_box(stream, struct.pack(">I4s", 0, b"jp2c")),
    "box too long": lambda stream: in_box(stream, struct.pack(">I4s", len(stream) + 9999, b"jp2c")),
    "box too short": lambda stream: in_box(stream, struct.pack(">I4s", len(stream) // 2, b"jp2c")),
} | EXACT
BEHIND = [
    b"",
    b"\r\n",
    bytes(4),
    bytes(4096),
    b"\nDownloaded by somebody on some day",
    b"\xff\xd8\xff\xe0" + bytes(40) + EOC,  # a JPEG
    box(b"xml ", XML),
    struct.pack(">I4s", 9999, b"xml ") + XML,
    struct.pack(">I4s", 9999, b"free"),
    struct.pack(">I4s", 3, b"free"),
    box(b"free") * 1200,
]


def judged_and_decoded(content: bytes, folder: Path) -> NDArray[np.uint8]:
    """By the header as from S3, by every tile part as from a folder, and decoded at full resolution."""
    for every in (False, True):
        probe(lambda start, length: content[start : start + length], len(content), "x.jp2", {}, every_tile_part=every)
    path = folder / "x.jp2"
    path.write_bytes(content)
    return decode(path, PIXELS.shape[1], PIXELS.shape[0], LIMIT).nrg


def outcome(content: bytes, folder: Path) -> NDArray[np.uint8] | str:
    """The samples, or why there are none."""
    try:
        return judged_and_decoded(content, folder)
    except UnreadableImage as error:
        return str(error)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stream=st.sampled_from(sorted(STREAMS)),
    inside=st.sampled_from(sorted(INSIDE)),
    around=st.sampled_from(sorted(AROUND)),
    behind=st.one_of(st.sampled_from(BEHIND), st.binary(max_size=100)),
)
def test_what_is_around_whole_tile_parts_costs_no_sample(
    stream: str, inside: str, around: str, behind: bytes, tmp_path: Path
) -> None:
    """Every sample is right whatever is odd; an error that is not "cut short" where nothing says what has ended."""
    content = AROUND[around](INSIDE[inside](STREAMS[stream])) + behind
    found = outcome(content, tmp_path)
    if isinstance(found, str):
        assert "end marker" in inside and around not in EXACT and behind, found  # noqa: PT018 - a frame that is unclear
        assert "damaged: neither a tile part nor the end-of-codestream marker" in found
    else:
        assert np.array_equal(found, PIXELS)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stream=st.sampled_from(sorted(STREAMS)),
    inside=st.sampled_from(["as it is", "no counts", "last length too long"]),
    around=st.sampled_from(sorted(AROUND)),
    share=st.floats(0, 1, exclude_max=True),
    tail=st.sampled_from(["nothing", "the end marker", "zeros"]),
)
def test_lost_tile_data_are_an_error_whatever_follows(
    stream: str, inside: str, around: str, share: float, tail: str, tmp_path: Path
) -> None:
    """A file that was cut among its tile parts is refused: with an end marker put behind, or filled up with zeros."""
    whole = INSIDE[inside](STREAMS[stream])
    start, end = tile_parts(STREAMS[stream])[0].start, tile_parts(STREAMS[stream])[-1].end
    # Two bytes replaced by an end marker are a tile part that counts its end marker, for all that anybody can see.
    room = {"nothing": 1, "the end marker": 2, "zeros": 100}[tail]
    cut = whole[: start + int((end - room - start) * share)]
    follows = {"nothing": b"", "the end marker": EOC, "zeros": bytes(len(whole) - len(cut))}[tail]
    with pytest.raises(UnreadableImage):
        judged_and_decoded(AROUND[around](cut + follows), tmp_path)


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (declaring(TILED, 4, 3), "2 of 3 tile parts of codestream tile 4 are missing"),
        (declaring(WHOLE, 0, 2).removesuffix(EOC), "1 of 2 tile parts of codestream tile 0 are missing"),
        (without_last_length(WHOLE).removesuffix(EOC), "its last tile part has no length, and no end-of-codestream"),
        (TILED[: tile_parts(TILED)[-1].start] + EOC, "1 of 9 codestream tiles are missing"),
        (TILED[: tile_parts(TILED)[-1].start], "1 of 9 codestream tiles are missing"),
    ],
)
def test_tile_parts_that_are_not_there_are_named(stream: bytes, words: str, tmp_path: Path) -> None:
    """What the tile parts themselves say is missing is missing, with the end marker or without."""
    with pytest.raises(CutShort, match=words):
        judged_and_decoded(stream, tmp_path)


def test_gdal_metadata_that_are_cut_are_an_error(tmp_path: Path) -> None:
    """They may declare NoData, without which padding would be mapped."""
    metadata = b"<GDALMultiDomainMetadata><Metadata><MDI key='NODATA_VALUES'>255 255 255</MDI></Metadata>"
    with pytest.raises(CutShort, match="Copy it again"):
        judged_and_decoded(jp2(WHOLE) + struct.pack(">I4s", 200, b"xml ") + metadata, tmp_path)


def test_an_odd_end_is_judged_by_little_of_the_file() -> None:
    """The headers of tile parts are read, not what is between them: it may lie in S3."""
    content = encoded(np.random.default_rng(0).integers(0, 255, (600, 600, 3), np.uint8), tile_size=(300, 300)) + b"!"
    lengths: list[int] = []

    def read_range(start: int, length: int) -> bytes:
        lengths.append(length)
        return content[start : start + length]

    assert probe(read_range, len(content), "x.jp2", {}).width_px == 600
    assert sum(lengths) < len(content) / 5
