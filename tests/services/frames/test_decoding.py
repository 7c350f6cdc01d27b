"""Decoding in child processes: the same answers, and a crash costs one tile."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rasterio
from command_line import ROOT
from rasterio.transform import from_origin

from tasks.core.errors import CutShort, UnreadableImage
from tasks.core.geo.grid import Grid
from tasks.services.frames import decoding
from tasks.services.frames.dataset_listing import list_tiles
from tasks.services.frames.decoder_process import Decode, Request, decode
from tasks.services.frames.decoding import ChildDecoders, decoder_of

SHARED_DATA = ROOT.parent / "shared" / "data"
ODD = {"search": [str(ROOT / "tests" / "support" / "imagery")]}


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """A frame with structure and a padded corner."""
    pixels = np.random.default_rng(3).integers(30, 250, (4, 300, 400), dtype=np.uint8)
    pixels[:, :100, :120] = 0
    pixels[3] = np.where(pixels[0] > 0, 255, 0)
    path = tmp_path / "a.jp2"
    shape = {"width": 400, "height": 300, "count": 4, "dtype": "uint8", "alpha": "YES"}
    place = {"crs": "EPSG:7855", "transform": from_origin(500000, 6250000, 0.5, 0.5)}
    with rasterio.open(path, "w", driver="JP2OpenJPEG", **shape, **place) as dataset:
        dataset.write(pixels)
    return path


@pytest.fixture
def children() -> Iterator[ChildDecoders]:
    """Children that end, hang or take memory as a frame's name says."""
    made = ChildDecoders("odd_decoders:by_name", **ODD)
    yield made
    made.stop_idle()


def asked(path: Path, name: str | None = None) -> Request:
    """A request for the frame, or for a copy of it under another name."""
    place = path if name is None else path.with_name(f"{name}.jp2")
    if name is not None:
        shutil.copyfile(path, place)
    return Request(str(place), Grid(400, 300, (0.5, 0, 5e5, 0, -0.5, 6.25e6), "EPSG:7855"), 200, 150, 10**6)


def outcome(decoder: Decode, request: Request) -> tuple[object, ...]:
    """What a decoder answers, or how it fails."""
    try:
        answer = decoder(request)
    except Exception as error:  # noqa: BLE001 - whatever it is, it must be the same
        return type(error), str(error)
    return answer.jpegs, answer.preview, answer.valid.tolist(), answer.grid, answer.warnings


def test_a_child_answers_as_this_process_does(frame: Path, children: ChildDecoders) -> None:
    """JPEG, valid mask, grid and warnings are the same to the byte."""
    assert outcome(children, asked(frame)) == outcome(decode, asked(frame))


def test_a_child_fails_as_this_process_does(frame: Path, children: ChildDecoders) -> None:
    """Kind, text and cause of an error arrive, and the child that raised it is asked again."""
    request = asked(frame, "cut")
    Path(request.path).write_bytes(frame.read_bytes()[:-300])
    with pytest.raises(CutShort) as raised:
        children(request)
    assert outcome(decode, request) == (CutShort, str(raised.value))
    assert outcome(children, asked(frame)) == outcome(decode, asked(frame))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SIGSEGV", "its decoder crashed (SIGSEGV): the frame is damaged, or made to do so"),
        ("SIGABRT", "its decoder crashed (SIGABRT)"),
        ("SIGKILL", "decoding it was killed, for want of memory perhaps"),
        ("leaves", "its decoder crashed (exit status 3)"),
    ],
)
def test_a_crash_costs_one_tile(frame: Path, children: ChildDecoders, name: str, words: str) -> None:
    """The tile fails with a sentence that names it; the next one gets a new child."""
    children(asked(frame))
    with pytest.raises(UnreadableImage) as raised:
        children(asked(frame, name))
    assert str(raised.value).startswith(f"{name}.jp2: {words}")
    assert children(asked(frame)).jpegs


def test_crashes_do_not_disturb_tiles_in_flight(frame: Path, children: ChildDecoders) -> None:
    """Each tile in flight has a child of its own."""
    requests = [asked(frame, f"t{number}" if number % 2 else "SIGSEGV") for number in range(12)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda request: outcome(children, request), requests))
    assert [len(answer) for answer in found] == [2, 5] * 6


def test_a_frame_that_takes_too_long_costs_its_tile(frame: Path) -> None:
    """The child is ended, not waited for."""
    impatient = ChildDecoders("odd_decoders:by_name", seconds=1.0, **ODD)
    with pytest.raises(UnreadableImage, match=r"hangs\.jp2: decoding was given up after"):
        impatient(asked(frame, "hangs"))


def test_a_frame_that_wants_too_much_memory_costs_its_tile(frame: Path, children: ChildDecoders) -> None:
    """The machine's memory is not the limit, but what so many pixels can need."""
    with pytest.raises(MemoryError, match=r"16\.0 GiB"):
        children(asked(frame, "greedy"))
    assert children(asked(frame)).jpegs


def test_an_error_that_is_none_of_ours_stays_one(frame: Path, children: ChildDecoders) -> None:
    """It is told as unexpected, as it would be without a child."""
    with pytest.raises(ValueError, match="nobody expected this"):
        children(asked(frame, "surprising"))


def test_an_answer_for_another_frame_is_refused(frame: Path) -> None:
    """A child that a frame has taken over cannot answer what it likes."""
    with pytest.raises(ValueError, match="not of the frame that was asked for"):
        ChildDecoders("odd_decoders:lying", **ODD)(asked(frame))


def test_a_child_holds_no_secret(frame: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this process's environment it has what Python needs to start."""
    for name in ("AWS_SECRET_ACCESS_KEY", "PREFECT_API_AUTH_STRING", "SOME_TOKEN"):
        monkeypatch.setenv(name, "secret")
    children = ChildDecoders("odd_decoders:telling_environment", **ODD)
    names = children(asked(frame)).warnings
    children.stop_idle()
    assert "PATH" in names
    assert not [name for name in names if name.startswith(("AWS_", "PREFECT_", "SOME_"))]


def test_frames_from_s3_are_decoded_in_children_by_default() -> None:
    """A local frame only where that is asked for; nobody is kept from deciding otherwise."""
    choices = [("s3://b/a.jp2", "auto"), ("/a.jp2", "always"), ("/a.jp2", "auto"), ("s3://b/a.jp2", "never")]
    in_child = [decoder_of(uri, choice) is not decode for uri, choice in choices]  # type: ignore[arg-type]
    assert in_child == [True, True, False, False]


def test_a_stage_leaves_no_child_behind(frame: Path, children: ChildDecoders) -> None:
    """They wait for the next tile until they are told that there is none."""
    children(asked(frame))
    (child,) = children._idle
    children.stop_idle()
    assert not child.process.alive
    decoding.stop_idle()


PARENT = """
import sys, time
from odd_decoders import by_name
from tasks.services.frames.decoder_process import Request
from tasks.services.frames.decoding import ChildDecoders
from tasks.core.geo.grid import Grid
from concurrent.futures import ThreadPoolExecutor
children = ChildDecoders("odd_decoders:by_name", search=[sys.argv[2]])
def ask(name):
    return children(Request(name, Grid(400, 300, (0.5, 0, 5e5, 0, -0.5, 6.25e6), "EPSG:7855"), 200, 150, 10**6))
with ThreadPoolExecutor(2) as pool:
    ask(sys.argv[1])
    print(children._idle[0].process.pid, flush=True)
    pool.submit(ask, "hangs.jp2")
    time.sleep(600)
"""


def test_a_killed_run_leaves_no_child(frame: Path) -> None:
    """SIGKILL ends the parent without a word; its child ends in the middle of a frame."""
    search = ODD["search"][0]
    command = [sys.executable, "-c", PARENT, str(frame), search]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), search])}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = Path("/proc", parent.stdout.readline().strip())
        assert child.exists()
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while child.exists() and " Z " not in (child / "stat").read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not child.exists() or " Z " in (child / "stat").read_text()


@pytest.mark.slow
def test_odd_and_hostile_files_end_alike_with_and_without_children() -> None:
    """Every file that is decoded at all has the same verdict and words."""
    folder = SHARED_DATA / "edge"
    if not folder.is_dir():
        pytest.skip(f"the odd files are not here: {folder}")
    assert list(csv.DictReader((folder / "EXPECTED.csv").open()))
    children = ChildDecoders()
    for tile in list_tiles(str(folder), crs="EPSG:7855", max_pixels=10**9):
        grid = tile.grid or Grid(64, 64, (1, 0, 0, 0, -1, 0), "EPSG:7855")
        request = Request(tile.uri, grid, min(500, grid.width_px), min(400, grid.height_px), 10**9)
        assert outcome(children, request) == outcome(decode, request), tile.id
    children.stop_idle()
