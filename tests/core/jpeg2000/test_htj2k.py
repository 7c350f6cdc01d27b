"""JPEG2000 part 15 (HTJ2K), and images that decode to one value."""

import base64
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from jp2_boxes import SRGB, enumerated, jp2
from numpy.typing import NDArray

from tasks.core.errors import TooLarge, UnreadableImage
from tasks.core.jpeg2000.gdal_reading import read_coarse
from tasks.core.jpeg2000.group_reading import read_coarse_by_groups
from tasks.core.jpeg2000.jpeg2000 import decode, judge_file, read_detail

LIMIT = 1 << 26
Make = Callable[..., Any]

# 1100 x 8 px, three bands, one codestream tile, without loss: `_waves`, written by OpenJPH 0.26. GDAL writes no HTJ2K.
CODESTREAM = base64.b85decode(
    "|4;u>053oQ000C`000080000000000000C`00008000000000000RdB0S5sA2LS>9Pyh%30ssI21OHM03;+TE0RaUB1V91*TmTaw"
    "P*_-4SXfwCSXfwCSWr+<|6~9c00B>MWo}APNFY{aav(4+GBz$VF8`1K3IG5A00GAU0soW07h<&c?p;<v4V89aQ-<>#ih&(kHPEt_"
    "x7+goH1yg{YshY?H8+!5WYpeGYRGP~);Iyc7oY&spG$QbjZTN5|2#ZC`v!;8XmqOAr+GX!vnH3)X#4;G008$u02-PA0j)s+x&Q#y"
    "pa2Hw00UD%05zx})-eLW7oY&fMx)YY$~KS3=I2tKMx)bV=s%CgXW!s(8jVi1>ihrz1W!!>0M>v2H8cPNT7Uo>phVW702<H$2Bv@j"
    "YB2)93s^0hUTpkQ7JSOz!Za(U>qp|xs<&|gzzb*#&=aHwkPh$&23fb1-da2>#_fa5ud2~<0l*7ja1x*=NDttEZOF>4ys-Q$&bJ4P"
    "f3YzE;0DpkkMUNx*c0)g`E4Ce6A>ma0RF%ybO7)I)d1LdJoa8qSOPzW)CY+E1K}8n!Z88h2GYnLHXh`YlOy;KgkmQM%aaj50Kms|"
    "0Qdo^)ByXxIG6-qh-d)){9Z6LOlJW20jSOZzs%5?KPPwq{_6n`;Wq&A1D`*T{wsh_$u|J}UxE`ScL4tAV*uU&a)A8&0TciL-T-m{"
    "{3~<-007?rd4T^P6!LZe|Je"
)


def _waves() -> NDArray[np.uint8]:
    """What the codestream holds: a triangle wave along the rows, shifted from band to band."""
    columns = np.arange(1100)
    waves = [20 + abs((columns + shift) % 440 - 220) for shift in (0, 100, 200)]
    return np.stack([np.tile(wave, (8, 1)) for wave in waves], axis=2).astype(np.uint8)


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """The codestream in a JP2 file."""
    path = tmp_path / "frame.jp2"
    path.write_bytes(jp2(CODESTREAM, enumerated(SRGB)))
    return path


def test_the_decoder_alone_makes_one_value_of_it(tmp_path: Path) -> None:
    """The trouble is there: GDAL reads windows of the codestream, and OpenJPEG gives 128 for each."""
    bare = tmp_path / "frame.j2k"
    bare.write_bytes(CODESTREAM)
    with rasterio.open(bare) as dataset:
        assert np.unique(dataset.read()).tolist() == [128]


def test_a_group_of_one_tile_is_decoded_whole(frame: Path) -> None:
    """As images of many codestream tiles are read."""
    assert np.array_equal(
        read_coarse_by_groups(frame, judge_file(frame, LIMIT), 1100, 8, (0, 1, 2))[0].colours, _waves()
    )


def test_full_resolution_is_decoded_whole(frame: Path) -> None:
    """All of an HTJ2K image is read at once, and is what was written."""
    assert np.array_equal(decode(frame, 1100, 8, LIMIT).nrg, _waves())


def test_reduced_resolution_averages_what_was_written(frame: Path) -> None:
    """At half the width the samples come from a reduced resolution and average the full one."""
    expected = _waves().reshape(4, 2, 550, 2, 3).mean(axis=(1, 3))
    assert np.abs(decode(frame, 550, 4, LIMIT).nrg - expected).mean() < 1


def test_a_part_of_the_full_resolution_can_be_read(frame: Path) -> None:
    """A window at full resolution is what was written there."""
    assert np.array_equal(read_detail(frame, 600, 4, 6), _waves()[1:7, 597:603])


@pytest.mark.parametrize("told_by", ["profile", "capabilities"])
def test_either_mark_of_part_15_is_enough(told_by: str, frame: Path) -> None:
    """Rsiz and CAP both tell; one of them may be missing."""
    content = bytearray(frame.read_bytes())
    size = content.index(bytes.fromhex("ff4fff51"))
    capabilities = content.index(bytes.fromhex("ff500008"))
    if told_by == "profile":
        content[capabilities + 4 : capabilities + 8] = bytes(4)
    else:
        content[size + 6 : size + 8] = struct.pack(">H", 0)
    frame.write_bytes(content)
    assert judge_file(frame, LIMIT).high_throughput


def test_a_tile_too_large_to_be_decoded_whole_is_refused_in_words(frame: Path) -> None:
    """Memory is finite: the message says the size and what to do; a reduced resolution is read all the same."""
    structure = judge_file(frame, LIMIT)
    large = replace(structure, size=replace(structure.size, tile_px=(20_000, 20_000)))
    with pytest.raises(TooLarge, match=r"HTJ2K.*too large to be decoded whole.*half"):
        read_coarse(frame, large, 1100, 8)
    assert read_coarse(frame, large, 550, 4)[1] == 2


def test_one_value_that_the_coarser_resolution_does_not_have_is_an_error(frame: Path) -> None:
    """Whatever the reason, an image that decodes to one value is checked against its coarsest resolution."""
    unmarked = replace(judge_file(frame, LIMIT), high_throughput=False)
    with pytest.raises(UnreadableImage, match="come out as one value"):
        read_coarse(frame, unmarked, 1100, 8)


def test_an_image_of_one_value_is_no_error(write_jp2: Make) -> None:
    """Flat imagery is flat at every resolution."""
    path = write_jp2(np.full((3, 256, 256), 90, np.uint8))
    assert np.unique(decode(path, 256, 256, LIMIT).nrg).tolist() == [90]


def test_a_flat_half_beside_imagery_is_no_error(write_jp2: Make, make_scene: Make) -> None:
    """Rows of padding, lossy and read block by block, agree with their coarsest resolution."""
    pixels = make_scene(1024, 512, 3)
    pixels[:, :600] = 0
    path = write_jp2(pixels, quality=5, blockysize=128, blockxsize=512)
    assert decode(path, 512, 1024, LIMIT).nrg[:500].max() <= 4
