"""JPEG2000 images: judge the header, then decode at a reduced resolution.

Two facts shape this. A reduced-resolution decode is shifted (`resampling`). And a damaged file can decode without an
error and leave the output unwritten: so its structure is checked first (`jp2_structure`) and its pixels are read into a
buffer filled with a value that no sample has (`jp2_gdal`).
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pyproj.exceptions import CRSError
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from tasks.core.crs import crs_name
from tasks.core.errors import NoGeoreference, NotNrg, TooLarge, UnreadableImage
from tasks.core.jp2_gdal import opened_header, read_coarse, reason, unreadable_world_file
from tasks.core.jp2_structure import ReadRange, Structure, check_tile_parts, read_structure
from tasks.core.resampling import align, area_average

Transform = tuple[float, float, float, float, float, float]

MAX_PIXELS = 1 << 29  # 23,000 px squared; a full-resolution copy of it has 2 GB
COLOURS = 3  # NRG
WITH_ALPHA = 4
BITS = 8
ALPHA_FACTORS = {1: 255, BITS: 1}  # by depth: alpha may have one bit
OPAQUE_FROM = 128
NEAR = 8  # lossy compression moves 0 and 255 by a little
ALPHA_SHARE = 0.99  # of samples near 0 or 255: this is alpha though nobody says so
FLAGGED_ALPHA_SHARE = 0.5  # a flag alone proves nothing: near infrared can carry it too


@dataclass(frozen=True, slots=True)
class Header:
    """What an image says about itself before it is decoded.

    Attributes:
        width_px: Columns at full resolution.
        height_px: Rows at full resolution.
        bands: 3, or 4 with what may be alpha.
        alpha_flagged: Whether the fourth band is declared to be alpha.
        transform: Affine terms as in `Grid`, in CRS units; None where absent, or an identity: mere pixel positions.
        crs: ``EPSG:n`` or WKT2; None where absent.
    """

    width_px: int
    height_px: int
    bands: int
    alpha_flagged: bool
    transform: Transform | None
    crs: str | None


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An image at the size asked for, covering exactly the ground of the full-resolution image.

    Attributes:
        nrg: uint8 (height, width, 3): near infrared, red, green.
        coverage: float32 (height, width), 0 to 1: the share of each pixel that alpha says is observed; None without
            alpha.
        full_width_px: Columns of the image at full resolution.
        full_height_px: Rows of the image at full resolution.
    """

    nrg: NDArray[np.uint8]
    coverage: NDArray[np.float32] | None
    full_width_px: int
    full_height_px: int


def probe(
    read_range: ReadRange,
    size_bytes: int,
    name: str,
    sidecars: Mapping[str, bytes],
    *,
    max_pixels: int = MAX_PIXELS,
) -> Header:
    """Judge an image by its header and read its georeference (``.aux.xml``, GeoJP2, GMLJP2 or world file).

    Reads boxes, the start of the codestream and its last bytes, so it costs little over S3; safe in threads.

    Args:
        read_range: (start, length) -> bytes of the image.
        size_bytes: The image's size.
        name: File name or path, for messages; its stem is what sidecars are matched by.
        sidecars: File name -> content of ``.j2w``, ``.jp2w``, ``.wld`` and ``.aux.xml`` files that belong to the image.
        max_pixels: The most pixels that an image may declare.

    Raises:
        UnreadableImage: It is not JPEG2000, cut short, too large, not 8-bit NRG, or damaged (see its subclasses).
    """
    structure = read_structure(read_range, size_bytes, name)
    _judge(structure, name, max_pixels)
    return _read_header(structure, sidecars, name)


def peek(
    read_range: ReadRange,
    size_bytes: int,
    name: str,
    sidecars: Mapping[str, bytes],
    *,
    max_pixels: int = MAX_PIXELS,
) -> Header:
    """Read the header of an image that cannot be used, as `probe` would: where it lies is still worth knowing.

    Only the declared size is judged; the file may be cut behind its header, and its bands may be anything.

    Raises:
        UnreadableImage: Not even the header can be read, or it declares too many pixels.
    """
    structure = read_structure(read_range, size_bytes, name, whole=False)
    _judge_size(structure, name, max_pixels)
    return _read_header(structure, sidecars, name)


def _read_header(structure: Structure, sidecars: Mapping[str, bytes], name: str) -> Header:
    try:
        with opened_header(structure.header_file, sidecars) as dataset:
            header = _header(dataset, structure)
    except (RasterioError, ValueError) as error:  # rasterio raises either for a CRS that is none
        raise UnreadableImage(f"{name}: its header cannot be read: {reason(error)}") from error
    if header.transform is None and (broken := unreadable_world_file(sidecars)) is not None:
        raise NoGeoreference(f"{name}: its world file {broken} cannot be read: it needs six numbers, one a line")
    return header


def decode(path: Path, width_px: int, height_px: int, max_pixels: int) -> DecodedImage:
    """Decode an image into `width_px` x `height_px` pixels that cover exactly its ground.

    Takes the lowest wavelet resolution that is still at least as fine, moves its samples to where they belong and
    averages over pixel areas. Registers within 0.1 px of averaging the full resolution.

    Args:
        path: A local JP2 file. Sidecars are not looked at.
        width_px: Columns wanted, at most the image's own.
        height_px: Rows wanted, at most the image's own.
        max_pixels: The most pixels that the image may declare.

    Raises:
        UnreadableImage: It cannot be decoded whole; judged by its structure first (see the subclasses).
        NotNrg: The fourth band is not alpha.
    """
    structure = judge_file(path, max_pixels)
    size = structure.size
    if not (0 < width_px <= size.width_px and 0 < height_px <= size.height_px):
        raise ValueError(f"{path.name}: {width_px} x {height_px} px asked of {size.width_px} x {size.height_px}")
    try:
        coarse, step = read_coarse(path, structure, width_px, height_px)
    except (RasterioError, MemoryError) as error:
        raise UnreadableImage(f"{path.name}: cannot be decoded: {reason(error)}. Copy or export it again") from error
    if coarse.shape[2] == WITH_ALPHA:
        coarse[..., COLOURS] *= ALPHA_FACTORS[size.depths[COLOURS]]
        _check_alpha(coarse[..., COLOURS], path.name, flagged=structure.alpha == COLOURS)
    aligned = align(coarse, size.width_px, size.height_px, step)
    target = (width_px, height_px)
    coverage = None
    if coarse.shape[2] == WITH_ALPHA:
        coverage = area_average((aligned[..., COLOURS] >= OPAQUE_FROM).astype(np.float32), target)
        aligned = np.asarray(cv2.cvtColor(aligned, cv2.COLOR_BGRA2BGR), np.uint8)  # drops alpha, faster than slicing
    nrg = area_average(aligned, target)
    return DecodedImage(nrg, coverage, size.width_px, size.height_px)


def judge_file(path: Path, max_pixels: int) -> Structure:
    """The structure of a local file, judged and every tile part checked; raises as `decode`."""
    with path.open("rb") as file:

        def read_range(start: int, length: int) -> bytes:
            file.seek(start)
            return file.read(length)

        structure = read_structure(read_range, path.stat().st_size, path.name)
        _judge(structure, path.name, max_pixels)
        check_tile_parts(read_range, structure, path.name)
    return structure


def _judge_size(structure: Structure, name: str, max_pixels: int) -> None:
    size = structure.size
    if size.width_px * size.height_px > max_pixels:
        raise TooLarge(
            f"{name}: declares {size.width_px} x {size.height_px} px, more than the limit of {max_pixels} px. "
            "Cut the image, or raise max_tile_megapixels if it is real"
        )


def _judge(structure: Structure, name: str, max_pixels: int) -> None:
    _judge_size(structure, name, max_pixels)
    size = structure.size
    if len(size.depths) not in (COLOURS, WITH_ALPHA):
        raise NotNrg(f"{name}: {len(size.depths)} band(s): expected 3 (NRG) or 4 (NRG and alpha). Export it as NRG")
    if structure.alpha not in {None, COLOURS}:
        raise NotNrg(f"{name}: band {(structure.alpha or 0) + 1} is declared alpha: expected NRG, then alpha")
    one_bit_alpha = size.depths[COLOURS:] == (1,)
    if set(size.depths[:COLOURS]) != {BITS} or not (set(size.depths) == {BITS} or one_bit_alpha) or size.signed:
        sign = "signed" if size.signed else "unsigned"
        raise NotNrg(f"{name}: {max(size.depths)}-bit {sign} samples: expected 8-bit unsigned. Export it as 8-bit NRG")
    if size.subsampled:
        raise NotNrg(f"{name}: its bands have different resolutions. Export it without chroma subsampling")


def _header(dataset: DatasetReader, structure: Structure) -> Header:
    size = structure.size
    transform: Transform = tuple(dataset.transform)[:6]
    crs = None
    with suppress(CRSError):
        crs = crs_name(dataset.crs.to_wkt()) if dataset.crs else None
    usable = all(map(math.isfinite, transform)) and not _places_nothing(transform)
    return Header(
        size.width_px, size.height_px, len(size.depths), structure.alpha is not None, transform if usable else None, crs
    )


def _places_nothing(transform: Transform) -> bool:
    """Whether these are the image's own pixels: rows down or up, counted from a corner or from a pixel's centre."""
    a, b, c, d, e, f = transform
    return np.allclose((a, b, d, abs(e)), (1, 0, 0, 1), atol=1e-5) and max(abs(c), abs(f)) <= 0.5  # noqa: PLR2004


def _check_alpha(band: NDArray[np.uint8], name: str, *, flagged: bool) -> None:
    share = float(np.mean((band <= NEAR) | (band >= 255 - NEAR)))
    if share < (FLAGGED_ALPHA_SHARE if flagged else ALPHA_SHARE):
        raise NotNrg(
            f"{name}: fourth band is not alpha: RGBN? expected NRG ({share:.0%} of it is near 0 or 255). "
            "Export near infrared, red, green, with or without alpha"
        )
