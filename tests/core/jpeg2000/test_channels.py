"""Where the bands of a JP2 lie, and what its colour space makes of them."""

import itertools
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jp2_boxes import GREYSCALE, SRGB, SYCC, box, codestream, definitions, enumerated, icc, jp2, one_bit, random_nrg
from numpy.typing import NDArray

from tasks.core.errors import NotNrg
from tasks.core.jpeg2000.channels import Channels, read_channels
from tasks.core.jpeg2000.colour_conversion import to_nrg
from tasks.core.jpeg2000.jpeg2000 import DecodedImage, decode, probe

COLOUR, OPACITY, PREMULTIPLIED, UNSPECIFIED = 0, 1, 2, 65535
LIMIT = 1 << 20
PALETTE = box(b"pclr", bytes.fromhex("0001030707070a141e")) + box(b"cmap", bytes.fromhex("000001000000010100000102"))
SHARED_DATA = Path(__file__).parents[4] / "shared" / "data"
Make = Callable[..., Any]


def _decode(content: bytes, path: Path, width_px: int = 32, height_px: int = 24) -> DecodedImage:
    path.write_bytes(content)
    return decode(path, width_px, height_px, LIMIT)


def _alpha(height: int = 24, width: int = 32) -> NDArray[np.uint8]:
    alpha = np.full((height, width), 255, np.uint8)
    alpha[:, : width // 4] = 0
    return alpha


@pytest.mark.parametrize("components", list(itertools.permutations(range(4))))
def test_bands_in_any_components_are_put_in_order(components: tuple[int, ...], tmp_path: Path) -> None:
    """Near infrared, red, green and alpha come out right wherever the channel definitions put them."""
    bands = [*random_nrg(), _alpha()]
    stored = np.stack([bands[components.index(component)] for component in range(4)])
    kinds = [(COLOUR, 1), (COLOUR, 2), (COLOUR, 3), (OPACITY, 0)]
    entries = [(component, *kind) for component, kind in zip(components, kinds, strict=True)]
    content = jp2(codestream(stored, tmp_path / "frame.j2k"), enumerated(SRGB), definitions(*entries))
    image = _decode(content, tmp_path / "frame.jp2")
    assert np.array_equal(np.moveaxis(image.nrg, 2, 0), random_nrg())
    assert image.coverage is not None
    assert np.array_equal(image.coverage > 0, _alpha() > 0)


@pytest.mark.parametrize("components", list(itertools.permutations(range(3))))
def test_three_bands_in_any_order_are_put_in_order(components: tuple[int, ...], tmp_path: Path) -> None:
    """A file without alpha may have its bands in any order too."""
    stored = np.stack([random_nrg()[components.index(component)] for component in range(3)])
    entries = [(component, COLOUR, colour + 1) for colour, component in enumerate(components)]
    content = jp2(codestream(stored, tmp_path / "frame.j2k"), enumerated(SRGB), definitions(*entries))
    assert np.array_equal(np.moveaxis(_decode(content, tmp_path / "frame.jp2").nrg, 2, 0), random_nrg())


@pytest.mark.parametrize("component", [0, 3])
def test_one_bit_alpha_counts_wherever_it_lies(component: int, tmp_path: Path) -> None:
    """Alpha of one bit is 0 and 1, in the first component as in the last."""
    bands = list(random_nrg())
    bands.insert(component, 127 + _alpha() // 255)
    stream = codestream(np.stack(bands), tmp_path / "frame.j2k")
    colours = [at for at in range(4) if at != component]
    entries = [(component, OPACITY, 0), *((at, COLOUR, number + 1) for number, at in enumerate(colours))]
    content = jp2(one_bit(stream, component), enumerated(SRGB), definitions(*entries))
    image = _decode(content, tmp_path / "frame.jp2")
    assert image.coverage is not None
    assert float(image.coverage.mean()) == pytest.approx(0.75)
    assert np.array_equal(np.moveaxis(image.nrg, 2, 0), random_nrg())


def test_colours_multiplied_by_alpha_are_divided_again(tmp_path: Path) -> None:
    """A half transparent pixel that counts as observed is not darkened, which would look like water."""
    nrg, alpha = random_nrg(), np.full((24, 32), 255, np.uint8)
    alpha[:, :10] = 130
    stored = np.concatenate([np.rint(nrg * (alpha / 255.0)), alpha[None]]).astype(np.uint8)
    entries = [(0, COLOUR, 1), (1, COLOUR, 2), (2, COLOUR, 3), (3, PREMULTIPLIED, 0)]
    content = jp2(codestream(stored, tmp_path / "frame.j2k"), enumerated(SRGB), definitions(*entries))
    restored = np.moveaxis(_decode(content, tmp_path / "frame.jp2").nrg, 2, 0)
    assert np.abs(restored.astype(int) - nrg).max() <= 1


def _to_sycc(nrg: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """ITU-R BT.601 forwards, full range: the definition, not its inverse."""
    red, green, blue = nrg.astype(float)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    chromas = (128 + (blue - luma) / 1.772, 128 + (red - luma) / 1.402)
    return np.rint(np.stack([luma, *chromas])).clip(0, 255).astype(np.uint8)


@given(st.integers(0, 2**32 - 1))
def test_luma_and_chroma_become_what_they_were_made_of(seed: int) -> None:
    """Luma and chroma of sYCC go back to near infrared, red, green within what rounding to 8 bits took."""
    nrg = np.random.default_rng(seed).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    stored = np.ascontiguousarray(np.moveaxis(_to_sycc(nrg), 0, 2))
    back = to_nrg(stored, None, Channels((0, 1, 2), luma_chroma=True))
    assert np.abs(np.moveaxis(back, 2, 0).astype(int) - nrg).max() <= 2


def test_luma_and_chroma_in_another_order_beside_alpha_are_converted(tmp_path: Path) -> None:
    """Order and conversion go together: Cr, alpha, luma, Cb."""
    luma, blue, red = _to_sycc(random_nrg())
    stored = np.stack([red, _alpha(), luma, blue])
    entries = [(0, COLOUR, 3), (1, OPACITY, 0), (2, COLOUR, 1), (3, COLOUR, 2)]
    content = jp2(codestream(stored, tmp_path / "frame.j2k"), enumerated(SYCC), definitions(*entries))
    image = _decode(content, tmp_path / "frame.jp2")
    assert np.abs(np.moveaxis(image.nrg, 2, 0).astype(int) - random_nrg()).max() <= 2
    assert image.coverage is not None


def test_luma_and_chroma_are_converted_at_a_reduced_resolution(make_scene: Make, tmp_path: Path) -> None:
    """Conversion and wavelets commute: a frame in sYCC gives what the same frame in NRG gives, at 1/4 too."""
    nrg, options = make_scene(400, 400, 3), {"resolutions": 4}
    plain = jp2(codestream(nrg, tmp_path / "a.j2k", **options), enumerated(SRGB))
    stored = jp2(codestream(_to_sycc(nrg), tmp_path / "b.j2k", **options), enumerated(SYCC))
    one, two = (_decode(content, tmp_path / "frame.jp2", 100, 100).nrg for content in (plain, stored))
    difference = np.abs(one.astype(int) - two)
    assert (difference.max() <= 6, difference.mean() < 1.5) == (True, True)  # lossless wavelets round at every level


@pytest.mark.parametrize(
    "header",
    [
        (),
        (enumerated(SRGB),),
        (enumerated(21),),
        (enumerated(0),),
        (enumerated(GREYSCALE),),
        (enumerated(GREYSCALE), definitions((0, COLOUR, 1), (1, UNSPECIFIED, 65535), (2, UNSPECIFIED, 65535))),
        (enumerated(SRGB), definitions(*((at, UNSPECIFIED, 65535) for at in range(3)))),
        (icc(b"RGB "),),
        (icc(b"GRAY", 3), enumerated(SRGB)),
        (box(b"colr", bytes([4, 0, 0]), bytes(20)), enumerated(SRGB)),
        (box(b"colr", bytes([5, 0, 0]), struct.pack(">HHHB", 1, 13, 0, 128)),),
    ],
)
def test_headers_that_claim_nothing_else_leave_bands_in_order(header: tuple[bytes, ...], tmp_path: Path) -> None:
    """RGB of any tone curve, greyscale as GDAL writes it for other bands, or nothing: NRG as the components lie."""
    content = jp2(codestream(random_nrg(), tmp_path / "frame.j2k"), *header)
    assert np.array_equal(np.moveaxis(_decode(content, tmp_path / "frame.jp2").nrg, 2, 0), random_nrg())


def test_a_bare_codestream_has_its_bands_in_order(tmp_path: Path) -> None:
    """No boxes, nothing to go by: the components as they are."""
    content = codestream(random_nrg(), tmp_path / "frame.j2k")
    assert np.array_equal(np.moveaxis(_decode(content, tmp_path / "frame.jp2").nrg, 2, 0), random_nrg())


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ((enumerated(14),), r"CIELab \(enumerated colour space 14\)"),
        ((enumerated(1),), r"YCbCr\(1\) \(enumerated colour space 1\)"),
        ((enumerated(24),), "e-sYCC"),
        ((enumerated(77),), r"an unknown space \(enumerated colour space 77\)"),
        ((icc(b"Lab "),), r"Lab \(by its ICC profile\)"),
        ((icc(b"YCbr", 3),), r"YCbr \(by its ICC profile\)"),
        ((icc(b"CMYK"), enumerated(SRGB)), "two colour spaces, CMYK .* and sRGB"),
        ((enumerated(SRGB), enumerated(SYCC)), "two colour spaces, sRGB .* and luma and chroma"),
        ((box(b"colr", bytes([4, 0, 0]), bytes(20)),), "a vendor's own"),
        ((box(b"colr", bytes([5, 0, 0]), struct.pack(">HHHB", 1, 13, 6, 128)),), "H.273 matrix 6"),
        ((box(b"colr", bytes([1, 0, 0, 0])),), "damaged: its colour space has 4 bytes"),
        ((definitions((0, 0, 1), (1, 0, 1), (2, 0, 3)),), "colour 1 is in bands 1 and 2"),
        ((definitions((0, 0, 1), (1, 0, 2), (2, 0, 65535)),), "2 of the 3 colours"),
        ((definitions((0, 0, 1), (1, 0, 2), (5, 0, 3)),), "band 6 of 3 is defined"),
        ((definitions((0, 0, 1), (0, 0, 2), (2, 0, 3)),), "band 1 is defined twice"),
        ((definitions((0, 0, 1), (1, 0, 2), (2, 1, 0)),), "1 of 3 bands are alpha"),
        ((definitions((0, 0, 1), (1, 0, 2), (2, 1, 1)),), "band 3 is the alpha of colour 1 alone"),
        ((box(b"cdef", struct.pack(">HHHH", 3, 0, 0, 1)),), "6 bytes for 3 definitions"),
        ((PALETTE,), "palette"),
    ],
)
def test_other_colours_are_refused_in_the_same_words_before_and_after(
    header: tuple[bytes, ...], message: str, tmp_path: Path
) -> None:
    """What is no NRG is refused by name, when it is listed and when it is decoded."""
    content = jp2(codestream(random_nrg(), tmp_path / "frame.j2k"), *header)
    with pytest.raises(NotNrg, match=message) as decoded:
        _decode(content, tmp_path / "frame.jp2")
    with pytest.raises(NotNrg) as probed:
        probe(lambda start, length: content[start : start + length], len(content), "frame.jp2", {})
    assert str(probed.value) == str(decoded.value)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ((enumerated(12),), "CMYK"),
        ((definitions((0, 0, 1), (1, 0, 2), (2, 1, 0), (3, 1, 0)),), "2 of 4 bands are alpha"),
        (
            (enumerated(SYCC), definitions((0, 0, 1), (1, 0, 2), (2, 0, 3), (3, PREMULTIPLIED, 0))),
            "luma and chroma .* multiplied by alpha",
        ),
    ],
)
def test_four_bands_that_are_no_nrg_and_alpha_are_refused(header: tuple[bytes, ...], message: str) -> None:
    """Four inks, two alphas, and luma and chroma that were multiplied have no way back."""
    boxes = [(part[4:8], part[8:]) for part in header]
    with pytest.raises(NotNrg, match=message):
        read_channels(boxes, 4, "frame.jp2")


def test_a_palette_of_one_component_is_refused_with_a_remedy(tmp_path: Path) -> None:
    """Indices cannot be averaged: the message speaks of the palette, not of the number of bands."""
    content = jp2(codestream(random_nrg()[:1], tmp_path / "frame.j2k"), enumerated(SRGB), PALETTE)
    with pytest.raises(NotNrg, match="Export it as NRG without a palette"):
        _decode(content, tmp_path / "frame.jp2")


def test_the_header_of_the_first_layer_comes_first(tmp_path: Path) -> None:
    """JPX keeps the colour space of a layer in a box of its own, which the file's default does not override."""
    stream = codestream(_to_sycc(random_nrg()), tmp_path / "frame.j2k")
    layer = box(b"jplh", box(b"cgrp", enumerated(SYCC)))
    nrg = _decode(jp2(stream, enumerated(SRGB), before=layer), tmp_path / "frame.jp2").nrg
    assert np.abs(np.moveaxis(nrg, 2, 0).astype(int) - random_nrg()).max() <= 2


def test_a_frame_in_luma_and_chroma_gives_the_picture_that_rgb_gives() -> None:
    """The same picture, handed in both ways, decodes to the same bands but for rounding."""
    folder = SHARED_DATA / "found" / "sycc"
    if not folder.is_dir():
        pytest.skip(f"the case is not here: {folder}")
    rgb, sycc = (decode(folder / kind / "frame.jp2", 600, 500, LIMIT).nrg for kind in ("rgb", "sycc"))
    assert np.abs(rgb.astype(int) - sycc).max() <= 2
