"""What a listing says of a frame is what decoding it says: the plan shows the one, a run could meet the other."""

import struct
from pathlib import Path

import pytest
from jp2_boxes import SRGB, SYCC, box, definitions, enumerated, jp2
from odd_codestreams import EOC, declaring, encoded, tile_parts, waves

from tasks.core.errors import UnreadableImage
from tasks.core.jpeg2000.jpeg2000 import decode
from tasks.services.frames.dataset_listing import list_tiles

LIMIT = 1 << 20
WIDTH, HEIGHT = 120, 90
WORLD_FILE = "0.5\n0\n0\n-0.5\n300000.25\n6599999.75\n"
PIXELS = waves(HEIGHT, WIDTH)
RGB, TILED = encoded(PIXELS), encoded(PIXELS, tile_size=(50, 40), offset=(20, 10))
BROKEN_CHAIN = bytearray(TILED)
BROKEN_CHAIN[tile_parts(TILED)[4].start] = 0
PALETTE = box(b"pclr", struct.pack(">HB", 2, 3), b"\7\7\7", bytes(6)) + box(b"cmap", bytes(12))

USABLE = {
    "tile grid beside the image": TILED,
    "many small tiles": encoded(waves(HEIGHT, WIDTH), tile_size=(6, 5), num_resolutions=1),
    "no end marker": TILED.removesuffix(EOC),
    "text behind the last box": jp2(RGB, enumerated(SRGB)) + b"text",
    "luma and chroma": jp2(RGB, enumerated(SYCC)),
}
UNUSABLE = {
    "one band": encoded(PIXELS[..., 0]),
    "a palette": jp2(encoded(PIXELS[..., 0]), enumerated(SRGB), PALETTE),
    "bands that are defined twice": jp2(RGB, definitions((0, 0, 1), (0, 0, 2), (2, 0, 3))),
    "another colour space": jp2(RGB, enumerated(12)),
    "cut": RGB[: len(RGB) // 2],
    "cut, with an end marker": RGB[: len(RGB) // 2] + EOC,
    "a tile part that is missing": declaring(TILED, 2, 2),
    "a chain of tile parts that is broken": bytes(BROKEN_CHAIN),
    "no codestream": jp2(RGB)[: jp2(RGB).index(b"jp2c") - 4],
    "packet headers in the main header": TILED[:51] + bytes.fromhex("ff60000300") + TILED[51:],
}


def planned_and_met(content: bytes, folder: Path) -> tuple[str | None, str | None]:
    """What the listing says of a frame, and what decoding it says."""
    path = folder / "frame.jp2"
    path.write_bytes(content)
    path.with_suffix(".j2w").write_text(WORLD_FILE)
    planned = list_tiles(str(folder), crs="EPSG:7855", max_pixels=LIMIT)[0].problem
    try:
        decode(path, WIDTH, HEIGHT, LIMIT)
    except UnreadableImage as error:
        return planned and planned.replace(str(path), path.name), str(error)
    return planned, None


@pytest.mark.parametrize("kind", sorted(USABLE))
def test_a_frame_that_is_planned_can_be_decoded(kind: str, tmp_path: Path) -> None:
    """Unusual is not unusable, in neither of them."""
    assert planned_and_met(USABLE[kind], tmp_path) == (None, None)


@pytest.mark.parametrize("kind", sorted(UNUSABLE))
def test_a_frame_that_cannot_be_decoded_is_planned_to_fail_in_the_same_words(kind: str, tmp_path: Path) -> None:
    """Neither of them knows better than the other."""
    planned, met = planned_and_met(UNUSABLE[kind], tmp_path)
    assert planned is not None
    assert planned == met
