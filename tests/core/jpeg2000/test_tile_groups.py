"""Images of many codestream tiles, and of tile grids that begin outside the image, read a group of tiles at a time."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from odd_codestreams import encoded, waves, without_last_length
from rasterio.windows import Window

from tasks.core.errors import UnreadableImage
from tasks.core.jpeg2000.gdal_reading import Planes, read_coarse, read_window
from tasks.core.jpeg2000.group_reading import read_coarse_by_groups, read_window_by_groups
from tasks.core.jpeg2000.jpeg2000 import decode, judge_file, probe, read_detail
from tasks.core.jpeg2000.structure import ImageSize
from tasks.core.jpeg2000.tile_groups import GROUP_PX, GROUP_TILES, is_read_in_groups, tile_groups

LIMIT = 1 << 24
Make = Callable[..., Any]


def frame(folder: Path, stream: bytes) -> Path:
    """A bare codestream as a file."""
    path = folder / "frame.jp2"
    path.write_bytes(stream)
    return path


@st.composite
def axes(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Along one axis: size of the image, size of a tile, where the image begins and where the first tile does.

    No tile is one pixel wide: OpenJPEG's encoder does not write these without loss, or crashes over them.
    """
    size, tile = draw(st.integers(2, 180)), draw(st.sampled_from((16, 31, 32, 50, 64, 128)))
    offset = draw(st.integers(0, 150))
    first = offset - draw(st.integers(0, min(tile - 2, offset)))
    assume((offset + size - first) % tile != 1)
    return size, tile, offset, first


def image(across: tuple[int, int, int, int], down: tuple[int, int, int, int]) -> tuple[NDArray[np.uint8], bytes]:
    """Pixels, and a lossless codestream of them."""
    width, height = across[0], down[0]
    tile, offset, first = zip(across[1:], down[1:], strict=True)
    pixels = waves(height, width)
    return pixels, encoded(pixels, tile_size=tile, offset=offset, tile_offset=first)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(across=axes(), down=axes())
@example(across=(180, 64, 100, 60), down=(150, 64, 60, 20))
@example(across=(1, 16, 0, 0), down=(129, 16, 0, 0))
def test_any_tile_grid_is_decoded_sample_by_sample(
    across: tuple[int, int, int, int], down: tuple[int, int, int, int], tmp_path: Path
) -> None:
    """Without loss, wherever image and tiles begin; the same in a window at full resolution."""
    pixels, stream = image(across, down)
    width, height, path = across[0], down[0], frame(tmp_path, stream)
    assert np.array_equal(decode(path, width, height, LIMIT).nrg, pixels)
    detail = read_detail(path, width // 2, height // 2, 40)
    top, left = max(0, height // 2 - 20), max(0, width // 2 - 20)
    assert detail is not None
    assert np.array_equal(detail, pixels[top : top + 40, left : left + 40])


def samples(planes: Planes) -> NDArray[np.uint8]:
    return np.dstack([plane for plane in planes if plane is not None])


@pytest.mark.parametrize(("wanted", "step"), [(4200, 1), (2000, 2), (1000, 4), (500, 8)])
def test_groups_give_what_gdal_gives(wanted: int, step: int, write_jp2: Make, make_scene: Make) -> None:
    """The same samples as of the whole image at every resolution, of several groups in a row."""
    path = write_jp2(make_scene(70, 4200), blockxsize=32, blockysize=32, resolutions=4)
    structure, bands = judge_file(path, LIMIT), (2, 0, 1, 3)
    assert len(tile_groups(structure.size)) == 2 * 3
    whole, grouped = (read(path, structure, wanted, 1, bands) for read in (read_coarse, read_coarse_by_groups))
    assert (whole[1], grouped[1]) == (step, step)
    assert np.array_equal(samples(whole[0]), samples(grouped[0]))


def test_a_window_across_groups_is_what_gdal_gives(write_jp2: Make, make_scene: Make) -> None:
    """At full resolution, where four groups meet."""
    path = write_jp2(make_scene(70, 4200), blockxsize=32, blockysize=32)
    structure, window = judge_file(path, LIMIT), Window(2060, 20, 64, 40)
    grouped, whole = (read(path, structure, window, (0, 1, 2)) for read in (read_window_by_groups, read_window))
    assert np.array_equal(samples(grouped), samples(whole))


@pytest.mark.parametrize(
    "options", [{"TLM": "YES"}, {"PLT": "YES"}, {"SOP": "YES", "EPH": "YES"}, {"progression": "RPCL"}]
)
def test_markers_for_decoders_disturb_no_group(options: dict[str, str], write_jp2: Make, make_scene: Make) -> None:
    """Tables of tile parts and packets, marked packets and other orders of them."""
    path = write_jp2(make_scene(520, 550), blockxsize=32, blockysize=32, resolutions=4, **options)
    structure = judge_file(path, LIMIT)
    assert is_read_in_groups(structure.size)
    bands = (0, 1, 2, 3)
    grouped, whole = (read(path, structure, 550, 520, bands)[0] for read in (read_coarse_by_groups, read_coarse))
    assert np.array_equal(samples(grouped), samples(whole))


def test_tile_parts_without_length_or_end_are_read_in_groups(tmp_path: Path) -> None:
    """What is odd about the end of a codestream stays odd in no group."""
    pixels = waves(90, 120)
    stream = encoded(pixels, tile_size=(50, 40), offset=(20, 10))
    for odd in (without_last_length(stream), stream[:-2]):
        assert np.array_equal(decode(frame(tmp_path, odd), 120, 90, LIMIT).nrg, pixels)


@given(width=st.integers(1, 40_000), tile=st.integers(1, 3000), offset=st.integers(0, 5000), share=st.floats(0, 1))
def test_groups_hold_every_tile_once_and_few_at_a_time(width: int, tile: int, offset: int, share: float) -> None:
    """As many groups as keep the time of a tile the same however many there are, none too small for a resolution."""
    first = max(0, offset - int((tile - 1) * share))
    count = -(-(offset + width - first) // tile)
    size = ImageSize(
        width, 1, (offset, 0), count, (min(tile, width), 1), (first, 0), (tile, 1), (8,), signed=False, subsampled=False
    )
    groups = tile_groups(size)
    assert [number for group in groups for number in group.tiles] == list(range(count))
    limit = 2 * max(GROUP_TILES, -(-GROUP_PX // tile))
    assert all(len(group.tiles) < limit for group in groups)


def changed(stream: bytes, at: int, *values: int) -> bytes:
    """A codestream with other fields in its image size."""
    field = struct.pack(f">{len(values)}I", *values)
    return stream[:at] + field + stream[at + len(field) :]


OFFSET = encoded(waves(90, 120), tile_size=(50, 40), offset=(20, 10))
TILE_SIZE, BEHIND_SIZE = 24, 51  # offsets of XTsiz, and of what follows the image size of three components
PACKED_HEADERS = bytes.fromhex("ff60000300")


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (changed(OFFSET, TILE_SIZE, 10, 10, 0, 0), "of 10 x 10 px at .0, 0., lies outside the image, which begins"),
        (changed(encoded(waves(300, 300)), TILE_SIZE, 1, 1), "90,000 codestream tiles, where 65,535 can be"),
        (OFFSET[:BEHIND_SIZE] + PACKED_HEADERS + OFFSET[BEHIND_SIZE:], "packet headers are in the main header .PPM."),
    ],
)
def test_tile_grids_that_cannot_be_read_are_refused_by_header(stream: bytes, words: str, tmp_path: Path) -> None:
    """A plan, which reads the header, says what a run says: the same words."""
    path = frame(tmp_path, stream)
    with pytest.raises(UnreadableImage, match=words) as planned:
        probe(lambda start, length: stream[start : start + length], len(stream), path.name, {})
    with pytest.raises(UnreadableImage) as run:
        decode(path, 1, 1, LIMIT)
    assert str(planned.value) == str(run.value)
