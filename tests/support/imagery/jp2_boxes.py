"""JP2 files put together by hand: any header boxes around a codestream that GDAL writes without loss."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

SIGNATURE = bytes.fromhex("0000000c6a5020200d0a870a")
FILE_TYPE = bytes.fromhex("00000014667479706a703220000000006a703220")
GEOTIFF_BOX = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")
SRGB, GREYSCALE, SYCC = 16, 17, 18


def box(kind: bytes, *content: bytes) -> bytes:
    """A box with its length and kind."""
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def enumerated(space: int) -> bytes:
    """A colour specification by number."""
    return box(b"colr", struct.pack(">BBBI", 1, 0, 0, space))


def icc(space: bytes, method: int = 2) -> bytes:
    """A colour specification by an ICC profile, of which only the header is there."""
    return box(b"colr", bytes([method, 0, 0]), bytes(16), space, bytes(108))


def definitions(*entries: tuple[int, int, int]) -> bytes:
    """Channel definitions: (component, type, association)."""
    return box(b"cdef", struct.pack(">H", len(entries)), *(struct.pack(">HHH", *entry) for entry in entries))


def codestream(components: NDArray[Any], path: Path, **options: Any) -> bytes:
    """(components, height, width) as a JPEG2000 codestream, without loss and without a colour transform."""
    count, height, width = components.shape
    shape = {"width": width, "height": height, "count": count, "dtype": components.dtype}
    lossless = {"quality": 100, "reversible": "YES", "ycc": "NO", "codec": "J2K", "resolutions": 1}
    with rasterio.open(path, "w", driver="JP2OpenJPEG", **shape, **(lossless | options)) as dataset:
        dataset.write(components)
    return path.read_bytes()


def one_bit(stream: bytes, component: int) -> bytes:
    """A codestream whose 127 and 128 in one component become 0 and 1 of one bit: both lie as far from the middle."""
    at = 42 + 3 * component  # behind SOC, SIZ and the fixed part of the segment
    return stream[:at] + b"\0" + stream[at + 1 :]


def jp2(stream: bytes, *header: bytes, before: bytes = b"") -> bytes:
    """A JP2 file of a codestream, with further header boxes behind the image header and boxes before the codestream."""
    height, width = struct.unpack_from(">I", stream, 12)[0], struct.unpack_from(">I", stream, 8)[0]
    (count,) = struct.unpack_from(">H", stream, 40)
    image_header = box(b"ihdr", struct.pack(">IIHBBBB", height, width, count, 7, 7, 0, 0))
    return SIGNATURE + FILE_TYPE + box(b"jp2h", image_header, *header) + before + box(b"jp2c", stream)


def geotiff_box(nodata: bytes) -> bytes:
    """A GeoJP2 box whose GeoTIFF has nothing but GDAL's NoData tag."""
    tag = struct.pack("<HHII", 42113, 2, len(nodata), 26) if len(nodata) > 4 else b""
    tag = tag or struct.pack("<HHI", 42113, 2, len(nodata)) + nodata.ljust(4, b"\0")
    return box(b"uuid", GEOTIFF_BOX, struct.pack("<2sHIH", b"II", 42, 8, 1), tag, bytes(4), nodata)


def random_nrg(height: int = 24, width: int = 32, seed: int = 0) -> NDArray[np.uint8]:
    """uint8 (3, height, width) that nobody takes for another order of itself."""
    random = np.random.default_rng(seed)
    levels = np.array([60, 120, 190])[:, None, None]
    return (levels + random.integers(-30, 30, (3, height, width))).astype(np.uint8)
