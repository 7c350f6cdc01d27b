"""The process that decodes frames for another one: a request a line in, an answer out, until nobody asks any more.

What it is given comes from strangers, and OpenJPEG is C: where it goes wrong, this process ends and one tile with it.
So it holds no secret, takes no more memory than a frame of the declared size can need, and speaks JSON and plain bytes.

``python -m tasks.services.frames.decoder_process DESCRIPTOR MODULE:FUNCTION`` answers on an inherited socket.
"""

import builtins
import json
import math
import pkgutil
import resource
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from tasks.core import errors
from tasks.core.chip_layout import ChipLayout
from tasks.core.geo.grid import Grid
from tasks.core.imagery.preparation import MAX_JPEG_BYTES, ChipSize, PreparedImage, prepare_image
from tasks.core.jpeg2000.no_data import Colour
from tasks.core.record import Record

# Of address space, beyond what the process has when it starts. At full resolution 14 (codestream tiles of 1,000 px) to
# 22 (a single one) bytes a pixel of four bands were measured.
BYTES_A_PIXEL = 32
OTHER_BYTES = 1 << 30
MAX_HEAD_BYTES = 1 << 20
BYTES_BESIDE = 1024  # a chip's, in the archive of them
BYTES_A_JPEG_PIXEL = 4  # of the best quality; noise takes less than three
BITS_A_BYTE = 8


@dataclass(frozen=True, slots=True)
class Request(Record):
    """A frame to be prepared.

    Attributes:
        path: Local file.
        grid: Its full-resolution grid.
        width_px: Columns wanted.
        height_px: Rows wanted.
        max_pixels: The most pixels that it may declare.
        nodata: Near infrared, red, green of what its metadata declare as NoData.
        chips: Size and overlap of the pieces that the model is sent; None: it is sent in one.
    """

    path: str
    grid: Grid
    width_px: int
    height_px: int
    max_pixels: int
    nodata: Colour | None = None
    chips: ChipSize | None = None

    @property
    def layout(self) -> ChipLayout:
        """Of the chips."""
        return ChipLayout(self.width_px, self.height_px, *(self.chips or ()))

    @property
    def resized(self) -> Grid:
        """The grid of what is wanted."""
        return self.grid.resized(self.width_px, self.height_px)


Decode = Callable[[Request], PreparedImage]


def decode(request: Request) -> PreparedImage:
    """Decode and prepare a frame in this process; raises as `prepare_image`."""
    size = (request.width_px, request.height_px)
    limits: dict[str, Any] = {"max_pixels": request.max_pixels, "nodata": request.nodata, "chips": request.chips}
    return prepare_image(Path(request.path), request.grid, *size, **limits)


def write_answer(stream: BinaryIO, prepared: PreparedImage) -> None:
    """A line of JSON, then the JPEGs, the preview and the bits of the valid mask."""
    bits = np.packbits(prepared.valid).tobytes()
    lengths = {"jpegs": len(prepared.jpegs), "preview": len(prepared.preview)}
    head = {"grid": asdict(prepared.grid), "warnings": prepared.warnings, **lengths}
    stream.writelines((json.dumps(head).encode() + b"\n", prepared.jpegs, prepared.preview, bits))


def write_error(stream: BinaryIO, error: Exception) -> None:
    """A line of JSON: the error's kind and text, and where it came from."""
    cause = error.__cause__
    message = None if cause is None else f"{type(cause).__name__}: {cause}"
    stream.write(json.dumps({"error": type(error).__name__, "text": str(error), "cause": message}).encode() + b"\n")


def read_answer(stream: BinaryIO, request: Request) -> PreparedImage:
    """What the other process has written on a request.

    Raises:
        EOFError: It ended before it had answered.
        ValueError: That is no answer.
        Exception: What it has raised: an error of ours or of Python, else a RuntimeError.
    """
    line = stream.readline(MAX_HEAD_BYTES)
    if not line.endswith(b"\n"):
        raise EOFError
    head = json.loads(line)
    if "error" in head:
        raise _error(head["error"], head["text"]) from (head["cause"] and RuntimeError(head["cause"]))
    layout, lengths = request.layout, (head["jpegs"], head["preview"])
    of_chips = min(MAX_JPEG_BYTES * len(layout), BYTES_A_JPEG_PIXEL * layout.sent_px)
    most = (MAX_JPEG_BYTES + of_chips + BYTES_BESIDE * len(layout), MAX_JPEG_BYTES)
    fits = all(0 <= length <= limit for length, limit in zip(lengths, most, strict=True))
    if not fits or Grid.from_dict(head["grid"]) != request.resized:
        raise ValueError("the decoder's answer is not of the frame that was asked for")
    jpegs, preview = (_exactly(stream, length) for length in lengths)
    pixels = request.width_px * request.height_px
    bits = np.frombuffer(_exactly(stream, math.ceil(pixels / BITS_A_BYTE)), np.uint8)
    valid = np.unpackbits(bits, count=pixels).reshape(request.height_px, request.width_px).astype(bool)
    return PreparedImage(jpegs, preview, valid, request.resized, tuple(head["warnings"]), layout)


def _exactly(stream: BinaryIO, length: int) -> bytes:
    data = stream.read(length)
    if len(data) != length:
        raise EOFError
    return data


def _error(kind: str, text: str) -> Exception:
    for known, root in ((errors, errors.FloodExtentError), (builtins, Exception)):
        found = getattr(known, kind, None)
        if isinstance(found, type) and issubclass(found, root):
            return found(text)
    return RuntimeError(f"{kind}: {text}")


def serve(stream: BinaryIO, work: Decode) -> None:
    """Answer requests until the other side closes."""
    at_start = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for line in stream:
        request = Request.from_dict(json.loads(line))
        pixels = min(request.max_pixels, request.grid.width_px * request.grid.height_px)
        _limit_memory(at_start + OTHER_BYTES + BYTES_A_PIXEL * pixels)
        try:
            write_answer(stream, work(request))
        except Exception as error:  # noqa: BLE001 - it is the other process's
            write_error(stream, error)
        stream.flush()


def _limit_memory(most_bytes: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = most_bytes if hard == resource.RLIM_INFINITY else min(most_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def main(arguments: Sequence[str]) -> None:
    """Answer on an inherited socket with a function that is named as ``module:name``."""
    descriptor, function = arguments
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with socket.socket(fileno=int(descriptor)) as channel, channel.makefile("rwb") as stream:
        serve(cast("BinaryIO", stream), pkgutil.resolve_name(function))


if __name__ == "__main__":
    main(sys.argv[1:])
