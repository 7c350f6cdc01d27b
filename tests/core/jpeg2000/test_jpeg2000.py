"""Judging and decoding JPEG2000."""

import csv
import ctypes
import itertools
import struct
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray

from tasks.core.errors import CutShort, NotJpeg2000, NotNrg, TooLarge, UnreadableImage
from tasks.core.jpeg2000.jpeg2000 import Header, decode, probe
from tasks.core.jpeg2000.structure import Structure, check_tile_parts, read_structure

LIMIT = 1 << 26
Make = Callable[..., Any]
WORLD_FILE = b"0.5\n0\n0\n-0.5\n500000.25\n5999999.75\n"


def _reader(content: bytes) -> Callable[[int, int], bytes]:
    return lambda start, length: content[start : start + length]


def _probe(content: bytes, name: str = "tile.jp2", **sidecars: bytes) -> Header:
    files = {f"tile.{suffix.replace('_', '.')}": value for suffix, value in sidecars.items()}
    return probe(_reader(content), len(content), name, files)


def _structure(content: bytes) -> Structure:
    return read_structure(_reader(content), len(content), "tile.jp2")


def _full(path: Path) -> NDArray[np.uint8]:
    with rasterio.open(path) as dataset:
        return np.moveaxis(dataset.read(), 0, 2)


def _shift_px(reference: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(x, y) by which `other` is displaced, least squares on the gradients (Lucas and Kanade 1981)."""
    one, two = reference.astype(float), other.astype(float)
    down, across = np.gradient(one)
    inner = np.s_[3:-3, 3:-3]
    design = np.stack([across[inner].ravel(), down[inner].ravel()], axis=1)
    return -np.linalg.lstsq(design, (two - one)[inner].ravel(), rcond=None)[0]


def _in_memory_files() -> list[bytes]:
    """What lies in the in-memory file system of rasterio's own GDAL, which rasterio cannot list."""
    libraries = list((Path(rasterio.__file__).parents[1] / "rasterio.libs").glob("libgdal*"))
    if not libraries:
        pytest.skip("rasterio was not installed from a wheel: where its GDAL is, is unknown")
    read_folder = ctypes.CDLL(str(libraries[0])).VSIReadDir
    read_folder.restype = ctypes.POINTER(ctypes.c_char_p)
    names = read_folder(b"/vsimem/")
    return list(itertools.takewhile(lambda name: name is not None, names)) if names else []


@pytest.mark.parametrize(
    ("height", "width", "block", "factor"),
    [
        (1024, 1024, None, 8),
        (1024, 1024, 256, 8),
        (1024, 1024, None, 10.24),
        (1024, 1024, None, 2),
        (1023, 769, None, 8),
        (1001, 751, 256, 7.3),
        (999, 1025, 250, 4),
        (1250, 1250, 625, 5),
    ],
)
def test_reduced_decode_registers_with_the_full_resolution_average(
    height: int, width: int, block: int | None, factor: float, write_jp2: Make, make_scene: Make
) -> None:
    """A reduced decode is not shifted: within 0.1 px of the full-resolution average, for any size and tiling."""
    blocks = {} if block is None else {"blockxsize": block, "blockysize": block}
    path = write_jp2(make_scene(height, width), **blocks)
    size = (round(width / factor), round(height / factor))
    image = decode(path, *size, LIMIT)
    average = cv2.resize(_full(path)[..., :3], size, interpolation=cv2.INTER_AREA)
    shifts = [_shift_px(average[..., band], image.nrg[..., band]) for band in range(3)]
    assert np.abs(shifts).max() < 0.1
    even = np.s_[: size[1] // 2 * 2, : size[0] // 2 * 2, 0]  # phaseCorrelate pads odd sizes, which moves its answer
    phase, _ = cv2.phaseCorrelate(average[even].astype(float), image.nrg[even].astype(float))
    assert np.abs(phase).max() < 0.1


def test_registration_test_sees_the_shift_of_a_plain_reduced_read(write_jp2: Make, make_scene: Make) -> None:
    """The registration oracle can fail: a plain overview read is shifted by 7/16 px at 1/8, and it says so."""
    path = write_jp2(make_scene(2048, 2048))
    average = cv2.resize(_full(path)[..., :3], (256, 256), interpolation=cv2.INTER_AREA)
    with rasterio.open(path, overview_level=2) as dataset:
        shift = _shift_px(average[..., 1], dataset.read(2))
    assert np.allclose(shift, 7 / 16, atol=0.15)


def test_decode_without_reduced_levels_averages_the_full_resolution(write_jp2: Make, make_scene: Make) -> None:
    """A file without wavelet levels is averaged exactly, and at its own size left as it is."""
    path = write_jp2(make_scene(300, 400, 3), resolutions=1)
    full = _full(path)
    assert np.array_equal(decode(path, 400, 300, LIMIT).nrg, full)
    expected = full.reshape(75, 4, 100, 4, 3).mean(axis=(1, 3))
    assert np.abs(decode(path, 100, 75, LIMIT).nrg - expected).max() <= 1


def test_edges_of_alpha_stay_where_they_are(write_jp2: Make, make_scene: Make) -> None:
    """Alpha is reduced without a shift: the covered share of each side of a straight edge is right to 1/8 px."""
    pixels = make_scene(1600, 1600)
    pixels[:, :, :400] = 0
    coverage = decode(write_jp2(pixels), 160, 160, LIMIT).coverage
    assert coverage is not None
    assert coverage[:, :39].max() == 0
    assert coverage[:, 41:].min() > 0.99
    assert abs(float(coverage.mean()) - 0.75) < 1 / 8 / 160


@pytest.mark.slow
@pytest.mark.parametrize("block", [4096, 1024])
def test_cut_files_are_errors_at_reduced_resolution(
    block: int, write_jp2: Make, make_scene: Make, tmp_path: Path
) -> None:
    """A file cut anywhere never decodes, tiled or not, though the decoder alone may return an unwritten image."""
    whole = write_jp2(make_scene(4096, 4096), blockxsize=block, blockysize=block).read_bytes()
    cut = tmp_path / "cut.jp2"
    for percent in (99, 90, 50):
        cut.write_bytes(whole[: len(whole) * percent // 100])
        with pytest.raises(CutShort, match="cut short"):
            decode(cut, 512, 512, LIMIT)
        with pytest.raises(CutShort, match=f"{cut.stat().st_size} of {len(whole)} bytes"):
            _probe(cut.read_bytes())


def _repaired(cut: bytes, structure: Structure, *, tile_parts: bool) -> bytes:
    """A cut file whose box length and end marker say that it is whole; its tile parts too if asked."""
    box = structure.codestream_start - 8
    whole = bytearray(cut[:-2] + b"\xff\xd9")
    whole[box : box + 4] = struct.pack(">I", len(whole) - box)
    position = structure.tile_parts_start
    while tile_parts and position < len(whole) - 2:
        (length,) = struct.unpack(">I", whole[position + 6 : position + 10])
        if position + length > len(whole) - 2:
            whole[position + 6 : position + 10] = struct.pack(">I", len(whole) - 2 - position)
        position += length
    return bytes(whole)


@pytest.mark.parametrize("block", [1024, 256])
@pytest.mark.parametrize("percent", [99, 90, 50])
@pytest.mark.parametrize("tile_parts", [False, True])
def test_cut_files_that_pretend_to_be_whole_are_errors(
    block: int, percent: int, *, tile_parts: bool, write_jp2: Make, make_scene: Make, tmp_path: Path
) -> None:
    """Repaired lengths do not hide a cut: tile parts, tiles or the decoder itself tell."""
    whole = write_jp2(make_scene(1024, 1024), blockxsize=block, blockysize=block).read_bytes()
    path = tmp_path / "cut.jp2"
    path.write_bytes(_repaired(whole[: len(whole) * percent // 100], _structure(whole), tile_parts=tile_parts))
    with pytest.raises(UnreadableImage):
        decode(path, 128, 128, LIMIT)


def test_tile_part_check_passes_whole_files_and_counts_missing_tiles(write_jp2: Make, make_scene: Make) -> None:
    """Tiles that a codestream lost are counted; a whole codestream passes."""
    whole = write_jp2(make_scene(512, 512), blockxsize=256, blockysize=256).read_bytes()
    structure = _structure(whole)
    check_tile_parts(_reader(whole), structure, "tile.jp2")
    (first,) = struct.unpack(">I", whole[structure.tile_parts_start + 6 : structure.tile_parts_start + 10])
    start = structure.tile_parts_start
    lossy = bytearray(whole[:start] + whole[start + first :])
    box = structure.codestream_start - 8
    lossy[box : box + 4] = struct.pack(">I", len(lossy) - box)
    with pytest.raises(CutShort, match="1 of 4 codestream tiles"):
        check_tile_parts(_reader(bytes(lossy)), _structure(bytes(lossy)), "tile.jp2")


def test_probe_reads_little_and_agrees_with_gdal(write_jp2: Make, make_scene: Make) -> None:
    """The header costs two small reads, whatever the image's size, and says what GDAL says of the whole file."""
    path = write_jp2(make_scene(1200, 1000))
    content = path.read_bytes()
    ranges: list[tuple[int, int]] = []

    def read_range(start: int, length: int) -> bytes:
        ranges.append((start, length))
        return content[start : start + length]

    header = probe(read_range, len(content), path.name, {})
    with rasterio.open(path) as dataset:
        assert header == Header(1000, 1200, 4, True, tuple(dataset.transform)[:6], "EPSG:7855")  # noqa: FBT003
    assert len(ranges) == 2
    assert sum(length for _, length in ranges) < len(content) / 4


@pytest.mark.parametrize(
    ("options", "crs"),
    [
        ({"GeoJP2": "YES", "GMLJP2": "NO"}, "EPSG:7855"),
        ({"GeoJP2": "NO", "GMLJP2": "YES"}, "EPSG:7855"),
        ({"GeoJP2": "YES", "GMLJP2": "NO", "crs": "EPSG:7844"}, "EPSG:7844"),
        ({"GeoJP2": "NO", "GMLJP2": "YES", "crs": "EPSG:7844"}, "EPSG:7844"),
    ],
)
def test_georeference_is_read_from_either_box(
    options: dict[str, str], crs: str, write_jp2: Make, make_scene: Make
) -> None:
    """GeoJP2 and GMLJP2 alone each give transform (x first, whatever the CRS's axis order) and CRS."""
    place = Affine(0.001, 0, 146.8, 0, -0.001, -29.9) if crs == "EPSG:7844" else Affine(0.5, 0, 5e5, 0, -0.5, 6e6)
    header = _probe(write_jp2(make_scene(64, 80, 3), transform=place, **options).read_bytes())
    assert header.crs == crs
    assert header.transform == pytest.approx(tuple(place)[:6])


def test_sidecars_give_what_the_image_lacks(write_jp2: Make, make_scene: Make) -> None:
    """World files give the transform and .aux.xml the CRS, whatever the case of their names; identity is missing."""
    bare = write_jp2(make_scene(64, 80, 3), GeoJP2="NO", GMLJP2="NO").read_bytes()
    pam = b"<PAMDataset><SRS>EPSG:28355</SRS></PAMDataset>"
    assert (_probe(bare).transform, _probe(bare).crs) == (None, None)
    for suffix in ("j2w", "wld", "J2W"):
        header = _probe(bare, **{suffix: WORLD_FILE})
        assert (header.transform, header.crs) == (pytest.approx((0.5, 0, 5e5, 0, -0.5, 6e6)), None)
    both = _probe(bare, "name, 洪水.jp2", jp2_aux_xml=pam, j2w=WORLD_FILE)
    assert both.crs == "EPSG:28355"
    assert both.transform == pytest.approx((0.5, 0, 5e5, 0, -0.5, 6e6))


@pytest.mark.parametrize("option", ["GeoJP2", "GMLJP2"])
def test_damaged_georeference_is_missing_and_says_nothing(
    option: str, write_jp2: Make, make_scene: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    """Text that is no text, and keys that point nowhere, count as no CRS; nothing reaches the terminal."""
    only = {"GeoJP2": "NO", "GMLJP2": "NO"} | {option: "YES"}
    content = write_jp2(make_scene(64, 80, 3), **only).read_bytes()
    text = b"GDA2020 / MGA" if option == "GeoJP2" else b"<gml:"
    assert _probe(content).crs == "EPSG:7855"
    assert _probe(content.replace(text, b"\xff" * len(text))).crs is None
    assert _probe(content.replace(text, b"\0" * len(text))).crs is None
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "world_file",
    [b"1\n0\n0\n1\n0.5\n0.5\n", b"1\n0\n0\n1\n0\n0\n", b"1\n0\n0\n-1\n0\n0\n", b"1\n0\n0\n-1\n0.5\n-0.5\n"],
)
def test_identity_transform_is_missing(world_file: bytes, write_jp2: Make, make_scene: Make) -> None:
    """A world file of ones and zeros places nothing, with its origin at a corner or a centre, rows down or up."""
    bare = write_jp2(make_scene(64, 80, 3), GeoJP2="NO", GMLJP2="NO").read_bytes()
    assert _probe(bare, j2w=world_file).transform is None


def test_bare_codestream_is_read(write_jp2: Make, make_scene: Make, tmp_path: Path) -> None:
    """A codestream without boxes is JPEG2000 too, and has only sidecars to place it."""
    content = write_jp2(make_scene(256, 256, 3)).read_bytes()
    structure = _structure(content)
    bare = tmp_path / "bare.jp2"
    bare.write_bytes(content[structure.codestream_start : structure.codestream_end])
    header = _probe(bare.read_bytes(), j2w=WORLD_FILE)
    assert (header.width_px, header.crs) == (256, None)
    assert header.transform is not None
    assert decode(bare, 64, 64, LIMIT).nrg.shape == (64, 64, 3)


def test_boxes_may_follow_the_codestream_or_leave_their_length_open(write_jp2: Make, make_scene: Make) -> None:
    """Metadata behind the codestream counts; 64-bit lengths and a last box 'to the end of the file' are understood."""
    content = write_jp2(make_scene(64, 64, 3)).read_bytes()
    structure = _structure(content)
    box, end = structure.codestream_start - 8, structure.codestream_end
    stream = content[box + 8 : end]
    before = content[:box]
    long_box = struct.pack(">I4sQ", 1, b"jp2c", len(stream) + 16) + stream
    open_box = struct.pack(">I4s", 0, b"jp2c") + stream
    uuid_at = before.index(b"uuid") - 4
    (length,) = struct.unpack(">I", before[uuid_at : uuid_at + 4])
    moved = before[:uuid_at] + before[uuid_at + length :] + long_box + before[uuid_at : uuid_at + length]
    assert _probe(before + open_box).crs == "EPSG:7855"
    assert _probe(moved).crs == "EPSG:7855"


def test_probes_are_safe_in_threads_and_leave_nothing_behind(write_jp2: Make, make_scene: Make) -> None:
    """Probes at once do not see each other's georeference or sidecars, and no in-memory file stays."""
    bare = write_jp2(make_scene(64, 80, 3), "bare.jp2", GeoJP2="NO", GMLJP2="NO").read_bytes()

    def place(at: int) -> bool:
        world = f"0.5\n0\n0\n-0.5\n{at}.25\n0.75\n".encode()
        header = _probe(bare, **({"j2w": world} if at % 2 else {}))
        return (header.transform[2] == at) if at % 2 and header.transform else header.transform is None

    with rasterio.MemoryFile(b"seen", dirname="seen", filename="seen.txt"):
        assert b"seen" in _in_memory_files()
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(place, range(200)))
    assert _in_memory_files() == []


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", NotJpeg2000, r"empty \(0 bytes\)"),
        (b"just a text that somebody renamed", NotJpeg2000, "not JPEG2000"),
        (b"\xff\xd8\xff\xe0" + bytes(100), NotJpeg2000, "plain JPEG"),
        (bytes.fromhex("0000000c6a5020200d0a870a") + bytes(2), CutShort, "cut short"),
        (bytes.fromhex("0000000c6a5020200d0a870a") + struct.pack(">I4s", 4, b"jp2c"), UnreadableImage, "damaged"),
        (bytes.fromhex("0000000c6a5020200d0a870a") + struct.pack(">I4s", 8, b"free"), UnreadableImage, "no JPEG2000 c"),
    ],
)
def test_content_that_is_no_image_says_what_it_is(content: bytes, error: type[Exception], message: str) -> None:
    """Whatever the name says, the content decides, and the message says what it is."""
    with pytest.raises(error, match=message):
        _probe(content)


def test_bands_depth_and_size_are_judged_before_decoding(write_jp2: Make, make_scene: Make) -> None:
    """One band, 16 bit and too many pixels are refused by header, in probe and decode alike."""
    scene = make_scene(64, 64, 3)
    one = write_jp2(scene[:1], "one.jp2")
    deep = write_jp2(scene.astype(np.uint16), "deep.jp2")
    wide = write_jp2(scene, "wide.jp2")
    for path, limit, error, message in (
        (one, LIMIT, NotNrg, r"1 band\(s\)"),
        (deep, LIMIT, NotNrg, "16-bit"),
        (wide, 64 * 64 - 1, TooLarge, "64 x 64 px"),
    ):
        content = path.read_bytes()
        with pytest.raises(error, match=message):
            probe(_reader(content), len(content), path.name, {}, max_pixels=limit)
        with pytest.raises(error, match=message):
            decode(path, 32, 32, limit)


@pytest.mark.parametrize("flag", ["YES", "NO"])
def test_near_infrared_as_fourth_band_is_refused(flag: str, write_jp2: Make, make_scene: Make) -> None:
    """RGBN is refused, whether or not its fourth band is flagged alpha; real alpha passes either way."""
    pixels = make_scene(128, 128)
    assert decode(write_jp2(pixels, "alpha.jp2", alpha=flag), 64, 64, LIMIT).coverage is not None
    pixels[3] = pixels[0]
    with pytest.raises(NotNrg, match="fourth band is not alpha: RGBN"):
        decode(write_jp2(pixels, "rgbn.jp2", alpha=flag), 64, 64, LIMIT)


def test_odd_files_are_judged_as_expected(edge_folder: Path) -> None:
    """Every odd file ends as its list says: decoded whole, or an error of ours that names it."""
    with (edge_folder / "EXPECTED.csv").open(newline="", encoding="utf-8") as table:
        expected = {row["file"]: row["verdict"] for row in csv.DictReader(table)}
    found = {name: _verdict(edge_folder / name) for name in expected}
    found["no_georeference.jp2"] = "error"  # it decodes: judged when its place is settled
    assert found == {name: found[name] if verdict == "any" else verdict for name, verdict in expected.items()}


def _verdict(path: Path) -> str:
    content = path.read_bytes()
    try:
        header = probe(_reader(content), len(content), path.name, {})
        decode(path, header.width_px, header.height_px, LIMIT)
    except UnreadableImage as error:
        return "error" if path.name in str(error) else f"an error that does not name the file: {error}"
    return "ok"


FLIPS = """
import random, sys
from pathlib import Path
from tasks.core.errors import FloodExtentError
from tasks.core.imagery.georeference import settle
from tasks.core.jpeg2000.jpeg2000 import decode, probe
content, path = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2])
for seed in range(int(sys.argv[3])):
    dice, damaged = random.Random(seed), bytearray(content)
    reach = dice.choice((600, len(damaged)))  # every second file is damaged in its header only
    for _ in range(dice.choice((1, 5, 40, 200)) if reach > 600 else 2):
        damaged[dice.randrange(reach)] = dice.randrange(256)
    path.write_bytes(damaged)
    try:
        header = probe(lambda start, length: bytes(damaged[start:start + length]), len(damaged), "flips.jp2", {})
        settle(header, None, "flips.jp2")
        decode(path, max(1, header.width_px // 8), max(1, header.height_px // 8), 1 << 24)
    except FloodExtentError:
        pass
print("finished")
"""


@pytest.mark.slow
@pytest.mark.parametrize("block", [256, 700])
def test_flipped_bytes_never_hang_crash_or_reach_the_terminal(
    block: int, write_jp2: Make, make_scene: Make, tmp_path: Path
) -> None:
    """Random damage ends as an answer or an error of ours, in a process that lives on and prints nothing."""
    path = write_jp2(make_scene(700, 700), blockxsize=block, blockysize=block, quality=10)
    command = [sys.executable, "-c", FLIPS, str(path), str(tmp_path / "flips.jp2"), "200"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "finished", "")


def test_cloud_credentials_are_of_no_account(
    write_jp2: Make, make_scene: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys and an unknown profile in the environment, which a cloud client would stumble over, disturb no reading."""
    path = write_jp2(make_scene(64, 64))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.setenv(name, "unknown")
    assert _probe(path.read_bytes()).crs == "EPSG:7855"
    assert decode(path, 64, 64, LIMIT).nrg.shape == (64, 64, 3)
